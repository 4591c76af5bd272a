//! A signed token in its compact form (RFC 7515, RFC 7519). Of one whose signature has not been verified only the header is
//! looked at, and of the header only what is needed to verify it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::claims::Claims;
use super::keys::Key;
use super::refusal::Refusal;

/// Bytes of a token at most. Those of the Bot Framework have some 1,500.
const LONGEST: usize = 8 * 1024;

/// Bytes of the name of a key at most.
const LONGEST_KEY_ID: usize = 256;

/// The algorithms that the SDKs take (read in November 2026). All are of RSA with PKCS #1 v1.5, and so is each published key:
/// no token can have its key taken for one of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that a reader must understand. We understand none.
    crit: Option<Value>,
}

/// A token of which nothing is believed yet.
#[derive(Debug)]
pub(super) struct Unverified<'t> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: String,
    /// Header and claims as they came, which is what is signed.
    signed: &'t str,
    claims: &'t str,
    signature: Vec<u8>,
}

impl<'t> Unverified<'t> {
    /// Reads the value of an `Authorization` header.
    pub(super) fn read(authorization: &'t str) -> Result<Self, Refusal> {
        let (scheme, token) = authorization.split_once(' ').ok_or(Refusal::NotBearer)?;
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return Err(Refusal::NotBearer);
        }
        let token = token.trim();
        if token.len() > LONGEST {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed("it is not three parts"))?;
        let (header, claims) = signed.split_once('.').ok_or(Refusal::Malformed("it is not three parts"))?;
        if claims.contains('.') {
            return Err(Refusal::Malformed("it is not three parts"));
        }
        let header = decode(header).ok_or(Refusal::Malformed("its header is not base64url"))?;
        let header: Header =
            serde_json::from_slice(&header).map_err(|_| Refusal::Malformed("its header is not what it should be"))?;
        let algorithm = match header.alg.as_str() {
            "RS256" => Algorithm::Rs256,
            "RS384" => Algorithm::Rs384,
            "RS512" => Algorithm::Rs512,
            _ => return Err(Refusal::Algorithm),
        };
        if header.crit.is_some() {
            return Err(Refusal::Malformed("its header has critical extensions"));
        }
        let key_id = header
            .kid
            .filter(|id| !id.is_empty() && id.len() <= LONGEST_KEY_ID)
            .ok_or(Refusal::Malformed("its header names no key"))?;
        let signature = decode(signature).ok_or(Refusal::Malformed("its signature is not base64url"))?;
        Ok(Self { algorithm, key_id, signed, claims, signature })
    }

    /// The claims, if the token is signed with this key.
    pub(super) fn verify(&self, key: &Key) -> Result<Claims, Refusal> {
        if !key.has_signed(self.algorithm, self.signed.as_bytes(), &self.signature) {
            return Err(Refusal::Signature);
        }
        let claims = decode(self.claims).ok_or(Refusal::Malformed("its claims are not base64url"))?;
        serde_json::from_slice(&claims).map_err(|_| Refusal::Malformed("its claims are not what they should be"))
    }
}

/// Strict: no padding, no other alphabet, no bits left over.
fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_header(header: &str) -> String {
        format!("Bearer {}.e30.AAAA", URL_SAFE_NO_PAD.encode(header))
    }

    #[track_caller]
    fn check(authorization: &str, expect: Refusal) {
        assert_eq!(Unverified::read(authorization).expect_err("no token"), expect, "{authorization:.80}");
    }

    #[test]
    fn a_header_says_how_to_verify() {
        let text = with_header(r#"{"typ":"JWT","alg":"RS384","kid":"k1","x5t":"k1"}"#);
        let token = Unverified::read(&text).expect("a token");
        assert_eq!((token.algorithm, token.key_id.as_str()), (Algorithm::Rs384, "k1"));
    }

    #[test]
    fn only_rsa_signatures_with_a_named_key_are_looked_at() {
        for alg in ["none", "None", "HS256", "HS512", "PS256", "ES256", "rs256", ""] {
            check(&with_header(&format!(r#"{{"alg":"{alg}","kid":"k1"}}"#)), Refusal::Algorithm);
        }
        let no_key = Refusal::Malformed("its header names no key");
        check(&with_header(r#"{"alg":"RS256"}"#), no_key);
        check(&with_header(r#"{"alg":"RS256","kid":""}"#), no_key);
        check(&with_header(&format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(300))), no_key);
    }

    #[test]
    fn a_header_is_what_it_should_be_or_nothing() {
        let odd = Refusal::Malformed("its header is not what it should be");
        // A key said twice is two readings of one token.
        check(&with_header(r#"{"alg":"RS256","alg":"none","kid":"k1"}"#), odd);
        check(&with_header(r#"{"alg":["RS256"],"kid":"k1"}"#), odd);
        check(&with_header("[]"), odd);
        check(&with_header(&"[".repeat(4000)), odd);
        let critical = Refusal::Malformed("its header has critical extensions");
        check(&with_header(r#"{"alg":"RS256","kid":"k1","crit":["exp"]}"#), critical);
    }

    #[test]
    fn what_is_no_token_is_refused_before_it_is_decoded() {
        check("Basic YW5hOnNlY3JldA==", Refusal::NotBearer);
        check("Bearer", Refusal::NotBearer);
        check("Bearer a.b", Refusal::Malformed("it is not three parts"));
        check("Bearer a.b.c.d", Refusal::Malformed("it is not three parts"));
        check("Bearer e30=.e30.AA", Refusal::Malformed("its header is not base64url"));
        check(&format!("Bearer {}", "a".repeat(LONGEST + 1)), Refusal::TooLong);
    }
}
