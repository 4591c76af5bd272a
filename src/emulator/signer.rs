//! The keys with which Teams signs what it tells a bot, and the documents that publish them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Whose key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyOf {
    /// The published key that is endorsed for Teams.
    #[default]
    Teams,
    /// A published key that is endorsed for another channel.
    Webchat,
    /// A key that nobody has published.
    Stranger,
}

/// How a token is signed, or pretended to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Algorithm {
    #[default]
    RS256,
    RS384,
    RS512,
    /// Not at all.
    #[serde(rename = "none")]
    None,
    /// With the public key for a shared secret.
    HS256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Algorithm::RS256 => "RS256",
            Algorithm::RS384 => "RS384",
            Algorithm::RS512 => "RS512",
            Algorithm::None => "none",
            Algorithm::HS256 => "HS256",
        }
    }
}

struct Pair {
    id: String,
    key: Arc<RsaKeyPair>,
}

/// By their ids. To make one takes a moment, and much longer where nothing is optimised, so the emulators of one process
/// have theirs in common.
static MADE: Mutex<BTreeMap<String, Arc<RsaKeyPair>>> = Mutex::new(BTreeMap::new());

impl Pair {
    fn new(id: String) -> Self {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let key = made.entry(id.clone()).or_insert_with(|| {
            // It fails where the machine has no memory or no chance left.
            Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key can be made"))
        });
        let key = Arc::clone(key);
        Self { id, key }
    }

    /// Modulus and exponent, in bytes with the highest first.
    fn public(&self) -> (&[u8], &[u8]) {
        let mut rest = self.key.public_key().as_ref();
        take(&mut rest, 0x30).and_then(|mut both| Some((take(&mut both, 2)?, take(&mut both, 2)?))).unwrap_or_default()
    }

    fn published(&self, endorsement: &str) -> Value {
        let (n, e) = self.public();
        let number = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes.strip_prefix(&[0]).unwrap_or(bytes));
        json!({
            "kty": "RSA", "use": "sig", "kid": self.id, "x5t": self.id,
            "n": number(n), "e": number(e), "endorsements": [endorsement],
        })
    }
}

/// The content of the DER value of this kind at the beginning of `bytes`, which goes on after it.
fn take<'b>(bytes: &mut &'b [u8], kind: u8) -> Option<&'b [u8]> {
    let (&[found, first], rest) = bytes.split_first_chunk::<2>()?;
    let more = usize::from(first & 0x7f);
    let (length, rest) = if first < 0x80 {
        (more, rest)
    } else {
        let (length, rest) = rest.split_at_checked(more)?;
        (length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    (found == kind).then_some(content)
}

/// The keys that there are. They are made when they are first needed, which takes a moment.
pub(super) struct Signer {
    teams: Pair,
    webchat: Pair,
    stranger: Pair,
}

impl Signer {
    /// The `edition`th keys.
    pub(super) fn new(edition: u64) -> Self {
        let pair = |name: &str| Pair::new(format!("emulator-{name}-{edition}"));
        Self { teams: pair("teams"), webchat: pair("webchat"), stranger: pair("stranger") }
    }

    /// The set of published keys.
    pub(super) fn key_set(&self) -> Value {
        json!({ "keys": [self.teams.published("msteams"), self.webchat.published("webchat")] })
    }

    fn pair(&self, of: KeyOf) -> &Pair {
        match of {
            KeyOf::Teams => &self.teams,
            KeyOf::Webchat => &self.webchat,
            KeyOf::Stranger => &self.stranger,
        }
    }

    /// A token that says `claims`. A stranger's names the key of Teams, unless `key_id` says another.
    pub(super) fn token(&self, claims: &Value, of: KeyOf, algorithm: Algorithm, key_id: Option<&str>) -> String {
        let pair = self.pair(of);
        let named = if of == KeyOf::Stranger { &self.teams } else { pair };
        let key_id = key_id.unwrap_or(&named.id);
        let header = json!({ "alg": algorithm.name(), "kid": key_id, "x5t": key_id, "typ": "JWT" });
        let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let signature = sign(pair, algorithm, signed.as_bytes());
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

fn sign(pair: &Pair, algorithm: Algorithm, text: &[u8]) -> Vec<u8> {
    let rsa = |encoding: &'static dyn RsaEncoding| {
        let mut signature = vec![0; pair.key.public_modulus_len()];
        // A good key of this size signs everything.
        pair.key.sign(encoding, &SystemRandom::new(), text, &mut signature).expect("it is signed");
        signature
    };
    match algorithm {
        Algorithm::RS256 => rsa(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => rsa(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => rsa(&RSA_PKCS1_SHA512),
        Algorithm::None => Vec::new(),
        Algorithm::HS256 => {
            let (n, _) = pair.public();
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, n), text).as_ref().to_vec()
        }
    }
}
