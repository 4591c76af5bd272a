//! What must be true of whatever a stranger shows at the door: for a test here, and for libFuzzer from outside.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;

use super::claims::{Admission, Claims};
use super::keys::KeySet;
use super::refusal::Refusal;
use super::token::Unverified;

/// Whose signature nobody can make: the modulus is all ones.
fn keys() -> KeySet {
    let n = URL_SAFE_NO_PAD.encode([0xff; 256]);
    let document = format!(r#"{{"keys":[{{"kty":"RSA","use":"sig","kid":"k1","n":"{n}","e":"AQAB"}}]}}"#);
    KeySet::read(document.as_bytes()).expect("a key")
}

/// The bytes as a header, as the claims of a token that is signed, and as the document of the keys. Nothing of it panics,
/// no token is good, what is taken for one has the name of a key and a known algorithm, and claims that do not name us
/// admit nobody.
pub fn whatever_is_shown(bytes: &[u8]) {
    let admission = Admission { issuer: "https://issuer.example".into(), app_id: "app".into(), tenants: None };
    if let Ok(header) = std::str::from_utf8(bytes) {
        for authorization in [header.to_owned(), format!("Bearer {}.e30.AAAA", URL_SAFE_NO_PAD.encode(header))] {
            if let Ok(token) = Unverified::read(&authorization) {
                assert!(!token.key_id.is_empty() && token.key_id.len() <= 256, "{authorization:?}");
                let key = keys().get("k1").expect("it is there");
                assert_eq!(token.verify(&key), Err(Refusal::Signature), "{authorization:?}");
            }
        }
    }
    if let Ok(claims) = serde_json::from_slice::<Claims>(bytes) {
        let is_for_us = claims.iss == admission.issuer && claims.aud == admission.app_id;
        let admitted = admission.admits(&claims, DateTime::UNIX_EPOCH);
        assert!(is_for_us || admitted.is_err(), "{claims:?}");
    }
    if let Ok(set) = KeySet::read(bytes) {
        assert!((1..=512).contains(&set.len()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parts of tokens, claims and keys, right and wrong.
    fn parts() -> impl Strategy<Value = String> {
        let words = [
            "Bearer ",
            "bearer",
            "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0",
            "e30",
            ".",
            ".",
            "AAAA",
            "=",
            "_-",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"alg\"",
            "\"RS256\"",
            "\"none\"",
            "\"kid\"",
            "\"k1\"",
            "\"crit\"",
            "\"iss\"",
            "\"aud\"",
            "\"exp\"",
            "\"nbf\"",
            "\"https://issuer.example\"",
            "\"app\"",
            "1e400",
            "-1",
            "null",
            "9223372036854775807",
            "\"keys\"",
            "\"kty\"",
            "\"RSA\"",
            "\"n\"",
            "\"e\"",
            "\"AQAB\"",
            "\u{0}",
            "é",
            " ",
        ];
        proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..24).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn no_token_is_good_whatever_is_shown(bytes in any::<Vec<u8>>(), parts in parts()) {
            whatever_is_shown(&bytes);
            whatever_is_shown(parts.as_bytes());
        }
    }
}
