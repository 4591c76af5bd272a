//! Client assertions: a signed statement in the place of a secret.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls_pki_types::SignatureVerificationAlgorithm;
use serde::Deserialize;
use webpki::EndEntityCert;
use webpki::aws_lc_rs::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256_LEGACY_KEY};

use super::credentials::Certificate;
use super::token::Objection;

/// How far two clocks may be apart, in seconds.
const SKEW: i64 = 300;

/// What an assertion must say.
pub(super) struct Expected<'request> {
    pub client_id: &'request str,
    /// The address of the token service without `http:` or `https:`, as the request shows it.
    pub endpoint: &'request str,
    /// Seconds since 1970.
    pub now: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    x5t: Option<String>,
    #[serde(rename = "x5t#S256")]
    x5t_s256: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    exp: i64,
    nbf: Option<i64>,
}

/// The algorithms that Entra takes (Microsoft, "Certificate credentials", read in November 2026).
enum Algorithm {
    Rs256,
    Ps256,
}

/// Judges an assertion. Against no certificates, its signature is taken for good.
pub(super) fn judge(assertion: &str, expected: &Expected<'_>, certificates: &[Certificate]) -> Result<(), Objection> {
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return Err(malformed("it is not three parts")) };
    let header: Header = read(header).ok_or_else(|| malformed("its header can't be read"))?;
    let claims: Claims = read(claims).ok_or_else(|| malformed("its claims can't be read, or one is missing"))?;
    let signature =
        BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed("its signature is not base64url"))?;
    let algorithm = match header.alg.as_str() {
        "RS256" => Algorithm::Rs256,
        "PS256" => Algorithm::Ps256,
        _ => return Err(malformed("its algorithm is neither RS256 nor PS256")),
    };
    if header.x5t.is_none() && header.x5t_s256.is_none() {
        return Err(malformed("its header has neither x5t nor x5t#S256"));
    }
    for (name, value) in [("iss", &claims.iss), ("sub", &claims.sub)] {
        if !value.eq_ignore_ascii_case(expected.client_id) {
            let text = format!("Client assertion application identifier doesn't match 'client_id' parameter ({name}).");
            return Err(Objection::client(700_021, text));
        }
    }
    let aud = claims.aud.strip_prefix("https:").or_else(|| claims.aud.strip_prefix("http:"));
    if aud != Some(expected.endpoint) {
        let text = format!("Client assertion audience claim does not match Realm issuer: '{}'.", claims.aud);
        return Err(Objection::client(700_023, text));
    }
    if claims.exp <= expected.now - SKEW || claims.nbf.is_some_and(|nbf| nbf > expected.now + SKEW) {
        return Err(Objection::client(700_024, "Client assertion is not within its valid time range.".to_owned()));
    }
    if certificates.is_empty() {
        return Ok(());
    }
    let named = |certificate: &&Certificate| {
        header.x5t.as_ref().is_none_or(|x5t| x5t.trim_end_matches('=') == certificate.x5t)
            && header.x5t_s256.as_ref().is_none_or(|x5t| x5t.trim_end_matches('=') == certificate.x5t_s256)
    };
    let certificate = certificates.iter().find(named).ok_or_else(|| unsigned("The key was not found"))?;
    let signed = assertion.rsplit_once('.').map_or("", |(signed, _)| signed);
    verify(certificate, &algorithm, signed.as_bytes(), &signature)
}

fn verify(certificate: &Certificate, algorithm: &Algorithm, signed: &[u8], signature: &[u8]) -> Result<(), Objection> {
    let algorithm: &dyn SignatureVerificationAlgorithm = match algorithm {
        Algorithm::Rs256 => RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Ps256 => RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    };
    let verified = EndEntityCert::try_from(&certificate.der)
        .and_then(|certificate| certificate.verify_signature(algorithm, signed, signature));
    verified.map_err(|_| unsigned("The key was found, but the signature is not by it"))
}

fn read<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn malformed(why: &str) -> Objection {
    Objection::client(50_027, format!("JWT token is invalid or malformed: {why}."))
}

fn unsigned(why: &str) -> Objection {
    Objection::client(700_027, format!("Client assertion contains an invalid signature. [Reason - {why}.]"))
}
