//! What the token service accepts as proof that somebody is the bot.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use webpki::EndEntityCert;

/// All that is accepted. What is replaced here is refused from then on; tokens that were given out stay good, as in
/// Entra.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credentials {
    /// Client secrets. There may be several, as while one is being replaced by the next.
    pub secrets: Vec<String>,
    /// Certificates in PEM. If there is one, the signature of a client assertion is checked, and must be by one of
    /// them; if there is none, an assertion needs only to be right in everything else.
    pub certificates: Vec<String>,
    /// Client assertions that are taken word for word: what stands in the token file of a workload identity.
    pub assertions: Vec<String>,
    /// What App Service wants in `X-IDENTITY-HEADER`.
    pub identity_header: String,
}

/// Why credentials cannot be taken. Nothing of them was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CredentialsError {
    #[error("certificate {0} of the list is no certificate in PEM; it begins with -----BEGIN CERTIFICATE-----")]
    NoPem(usize),
    #[error("certificate {0} of the list can't be read; it must be an X.509 certificate of version 3")]
    NoCertificate(usize),
}

/// A certificate, and the two thumbprints by which an assertion may name it.
pub(super) struct Certificate {
    pub der: CertificateDer<'static>,
    /// base64url of the SHA-1 of the DER.
    pub x5t: String,
    /// base64url of the SHA-256 of the DER.
    pub x5t_s256: String,
}

impl Certificate {
    fn read(number: usize, pem: &str) -> Result<Self, CredentialsError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| CredentialsError::NoPem(number))?;
        EndEntityCert::try_from(&der).map_err(|_| CredentialsError::NoCertificate(number))?;
        let thumbprint = |algorithm| BASE64_URL_SAFE_NO_PAD.encode(digest(algorithm, &der));
        let (x5t, x5t_s256) = (thumbprint(&SHA1_FOR_LEGACY_USE_ONLY), thumbprint(&SHA256));
        Ok(Self { der, x5t, x5t_s256 })
    }
}

/// Credentials whose certificates have been read.
pub(super) struct Accepted {
    pub credentials: Credentials,
    pub certificates: Vec<Certificate>,
}

impl Accepted {
    pub(super) fn new(credentials: Credentials) -> Result<Self, CredentialsError> {
        let numbered = (1..).zip(&credentials.certificates);
        let certificates = numbered.map(|(number, pem)| Certificate::read(number, pem)).collect::<Result<_, _>>()?;
        Ok(Self { credentials, certificates })
    }
}
