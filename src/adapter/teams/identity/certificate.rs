//! A certificate and its key, and the assertion that is signed with them.
//!
//! From Microsoft's page on certificate credentials and the sources of its authentication library (read in November
//! 2026). Of the two ways that Entra takes, it is PS256 with the SHA-256 print of the certificate, as the newer
//! libraries do; RS256 goes with a print by SHA-1, and nothing speaks for that except identity providers of one's own
//! machines, which issue no tokens for Teams. So it is not a setting.

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair, RSA_PSS_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use x509_cert::der::Decode;

use super::file::{self, Holds, Unusable};

/// How long an assertion is good. It is made for one request.
const ASSERTION_SECONDS: i64 = 600;

/// A certificate that fits its key, read just now.
pub(super) struct Certificate {
    key: RsaKeyPair,
    /// The certificate of the key first, then the others as they stand in the file, each as DER.
    chain: Vec<CertificateDer<'static>>,
    ends_at: DateTime<Utc>,
}

impl Certificate {
    /// Reads both files, in PEM. They may be one, as a key vault exports it, and the certificates may stand in any
    /// order: that of the bot is the one that belongs to the key.
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self, Unusable> {
        let key_pair = read_key(key)?;
        let wrong = |why| Unusable::wrong(Holds::Certificate, certificate, why);
        let bytes = file::read(Holds::Certificate, certificate)?;
        let mut chain = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| wrong("is damaged: its PEM text can't be decoded"))?;
        if chain.is_empty() {
            return Err(wrong("is none: the file must hold -----BEGIN CERTIFICATE-----"));
        }
        for at in 0..chain.len() {
            let parsed = x509_cert::Certificate::from_der(&chain[at])
                .map_err(|_| wrong("is damaged: a certificate in it can't be decoded"))?;
            let parsed = parsed.tbs_certificate();
            let public_key = parsed.subject_public_key_info().subject_public_key.raw_bytes();
            if public_key == key_pair.public_key().as_ref() {
                let end = parsed.validity().not_after.to_unix_duration().as_secs();
                let ends_at = i64::try_from(end).ok().and_then(|end| DateTime::from_timestamp(end, 0));
                let ends_at = ends_at.ok_or_else(|| wrong("is damaged: its end is no date"))?;
                chain[..=at].rotate_right(1);
                return Ok(Self { key: key_pair, chain, ends_at });
            }
        }
        Err(wrong("does not belong to the key; put both of one pair into the files"))
    }

    /// From when on the certificate is no longer good.
    pub(super) fn ends_at(&self) -> DateTime<Utc> {
        self.ends_at
    }

    /// What is shown at `audience`, the exact URL of the token endpoint, in place of a secret. `None` when the key
    /// signs nothing, which no key that was read does.
    pub(super) fn assertion(
        &self,
        audience: &str,
        client_id: &str,
        send_chain: bool,
        now: DateTime<Utc>,
    ) -> Option<SecretString> {
        let print = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.chain[0]));
        let mut header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": print });
        if send_chain {
            // Not the alphabet of URLs here: RFC 7515, section 4.1.6.
            header["x5c"] = self.chain.iter().map(|der| STANDARD.encode(der)).collect();
        }
        let now = now.timestamp();
        let claims = json!({
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "iat": now,
            "nbf": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": Uuid::new_v4().to_string(),
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut token = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature).ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Some(token.into())
    }
}

fn read_key(path: &Path) -> Result<RsaKeyPair, Unusable> {
    let wrong = |why| Unusable::wrong(Holds::CertificateKey, path, why);
    let bytes = file::read(Holds::CertificateKey, path)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| wrong("is none: the file must hold -----BEGIN PRIVATE KEY-----, and not an encrypted one"))?;
    let pair = match &key {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        // The enum is open; what else it holds is for elliptic curves.
        _ => return Err(wrong("is not for RSA, and Entra takes no other")),
    };
    pair.map_err(|_| wrong("can't be used: it must be for RSA with 2048 to 8192 bits"))
}
