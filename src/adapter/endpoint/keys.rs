//! The keys by which tokens are judged, as a JSON Web Key Set (RFC 7517).

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::token::Algorithm;

/// Keys of a set at most. The Bot Framework publishes some dozens.
const MOST_KEYS: usize = 512;

/// Bits of a modulus. Shorter ones can be broken, longer ones cost whoever verifies too much.
const BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Bytes of a public exponent at most. Nearly all are 65,537.
const LONGEST_EXPONENT: usize = 4;

/// A public key, and for which channels its owner may speak.
#[derive(Debug)]
pub(super) struct Key {
    components: RsaPublicKeyComponents<Vec<u8>>,
    pub(super) endorsements: Vec<String>,
}

impl Key {
    pub(super) fn has_signed(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        let parameters = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        };
        self.components.verify(parameters, signed, signature).is_ok()
    }
}

/// Keys by their ids. None is empty.
#[derive(Debug)]
pub(super) struct KeySet(HashMap<String, Arc<Key>>);

/// Why a document is no set of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoKeySet {
    #[error("it is not JSON with a list of `keys`")]
    Unreadable,
    #[error("it has more than {MOST_KEYS} keys")]
    TooMany,
    #[error("it has no key that could be used")]
    Empty,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Published {
    kty: String,
    r#use: Option<String>,
    kid: String,
    n: String,
    e: String,
    #[serde(default)]
    endorsements: Vec<String>,
}

impl KeySet {
    /// Reads a document. A key that can't be used, of another kind for example, is as good as not there.
    pub(super) fn read(document: &[u8]) -> Result<Self, NoKeySet> {
        let document: Document = serde_json::from_slice(document).map_err(|_| NoKeySet::Unreadable)?;
        if document.keys.len() > MOST_KEYS {
            return Err(NoKeySet::TooMany);
        }
        let mut keys = HashMap::new();
        for published in document.keys {
            if let Some((id, key)) = serde_json::from_value(published).ok().and_then(usable) {
                keys.entry(id).or_insert_with(|| Arc::new(key));
            }
        }
        if keys.is_empty() { Err(NoKeySet::Empty) } else { Ok(Self(keys)) }
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Key>> {
        self.0.get(id).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn usable(published: Published) -> Option<(String, Key)> {
    if published.kty != "RSA" || published.r#use.is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let (n, e) = (number(&published.n)?, number(&published.e)?);
    let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
    let is_odd = e.last().is_some_and(|last| last % 2 == 1) && e != [1];
    if !BITS.contains(&bits) || e.len() > LONGEST_EXPONENT || !is_odd {
        return None;
    }
    let components = RsaPublicKeyComponents { n, e };
    Some((published.kid, Key { components, endorsements: published.endorsements }))
}

/// A number as RFC 7518 writes it, in bytes with the highest first. Zeros before it are not part of it.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    let first = bytes.iter().position(|&byte| byte != 0)?;
    Some(bytes[first..].to_vec())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(id: &str, bits: usize) -> Value {
        let n = URL_SAFE_NO_PAD.encode(vec![0xff; bits / 8]);
        json!({ "kty": "RSA", "use": "sig", "kid": id, "n": n, "e": "AQAB", "endorsements": ["msteams"] })
    }

    fn read(keys: &[Value]) -> Result<KeySet, NoKeySet> {
        KeySet::read(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn keys_are_found_by_their_ids_and_know_their_endorsements() {
        let set = read(&[key("a", 2048), key("b", 8192)]).expect("keys");
        assert_eq!((set.len(), set.get("c").is_none()), (2, true));
        assert_eq!(set.get("b").expect("it is there").endorsements, ["msteams"]);
    }

    #[test]
    fn what_could_not_be_used_safely_is_not_there() {
        let with = |name: &str, value: Value| {
            let mut key = key("odd", 2048);
            key[name] = value;
            key
        };
        for odd in [
            key("odd", 1024),
            key("odd", 8200),
            with("kty", json!("oct")),
            with("kty", json!("EC")),
            with("use", json!("enc")),
            with("n", json!("")),
            with("n", json!("AAAA")),
            with("n", json!("no base64!")),
            with("e", json!("AQ")),
            with("e", json!("Ag")),
            with("e", json!("AQAAAAAB")),
            with("kid", json!(1)),
            with("endorsements", json!("msteams")),
            json!("text"),
        ] {
            let set = read(&[odd.clone(), key("good", 2048)]).expect("a key");
            assert_eq!((set.len(), set.get("odd").is_none()), (1, true), "{odd}");
            assert_eq!(read(std::slice::from_ref(&odd)).expect_err("nothing"), NoKeySet::Empty, "{odd}");
        }
    }

    #[test]
    fn a_document_is_a_set_of_keys_or_nothing() {
        for text in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
            assert_eq!(KeySet::read(text.as_bytes()).expect_err("nothing"), NoKeySet::Unreadable, "{text}");
        }
        let many: Vec<_> = (0..=MOST_KEYS).map(|n| key(&n.to_string(), 2048)).collect();
        assert_eq!(read(&many).expect_err("too many"), NoKeySet::TooMany);
    }
}
