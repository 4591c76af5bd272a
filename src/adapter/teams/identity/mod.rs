//! How the bot proves that it is itself, and the token that it gets for it.
//!
//! `file` reads what is shown, anew for each token request; `certificate` signs where a certificate is; `managed` asks
//! the machine where Azure vouches for it; `issuer` makes the request and judges the answer; `grant` reads the token
//! of a good one. When, how often and for whom tokens are asked for is not decided here, but in `token` above.

mod certificate;
mod file;
mod grant;
mod issuer;
mod managed;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use certificate::Certificate;
use file::Print;

use crate::domain::credential::{Credential, CredentialKind};
use crate::port::credentials::Credentials;

pub use file::{Holds, Unusable};
pub(super) use grant::Granted;
pub(super) use issuer::{Denial, Issuer};
pub use managed::ManagedIdentity;

/// What the bot proves itself with. It holds paths, and none of what stands in the files.
#[derive(Debug, Clone)]
pub enum Identity {
    Secret {
        file: PathBuf,
        /// The day on which it expires, which only a person can know.
        expires_on: Option<NaiveDate>,
    },
    Certificate {
        /// The bot's certificate, and those above it, in PEM.
        certificate: PathBuf,
        /// Its RSA key in PEM, not encrypted. It may be the same file.
        key: PathBuf,
        /// Whether the certificates go along with the request, as registrations that trust an issuer instead of one
        /// certificate want it.
        send_chain: bool,
    },
    /// A file that another issuer writes, and writes anew all the time.
    WorkloadIdentity {
        assertion: PathBuf,
    },
    ManagedIdentity(ManagedIdentity),
}

/// How a token is got.
enum Way<'a> {
    /// By showing this to the identity provider.
    Show(Proof),
    /// By asking the machine.
    Ask(&'a ManagedIdentity),
}

/// What is shown to the identity provider, in one request and nowhere else.
enum Proof {
    Secret(SecretString),
    Assertion(SecretString),
}

impl Proof {
    /// The fields of the form that are no secret.
    fn fields(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Proof::Secret(_) => &[],
            Proof::Assertion(_) => {
                &[("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")]
            }
        }
    }

    /// The field that is one.
    fn secret(&self) -> (&'static str, &SecretString) {
        match self {
            Proof::Secret(secret) => ("client_secret", secret),
            Proof::Assertion(assertion) => ("client_assertion", assertion),
        }
    }
}

impl Identity {
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        match self {
            Identity::Secret { .. } => CredentialKind::Secret,
            Identity::Certificate { .. } => CredentialKind::Certificate,
            Identity::WorkloadIdentity { .. } => CredentialKind::WorkloadIdentity,
            Identity::ManagedIdentity(_) => CredentialKind::ManagedIdentity,
        }
    }

    /// Reads the files as for a request. From when on the credential is no longer good is the answer, if that is known.
    pub fn check(&self) -> Result<Option<DateTime<Utc>>, Unusable> {
        match self {
            Identity::Secret { file, expires_on } => {
                file::read_word(Holds::Secret, file)?;
                // The hour is not said. The day may begin anywhere, so it is over when it begins.
                Ok(expires_on.map(|day| day.and_time(NaiveTime::MIN).and_utc()))
            }
            Identity::Certificate { certificate, key, .. } => Ok(Some(Certificate::read(certificate, key)?.ends_at())),
            Identity::WorkloadIdentity { assertion } => read_assertion(assertion).map(|_| None),
            Identity::ManagedIdentity(_) => Ok(None),
        }
    }

    /// How to get a token of the endpoint `audience`, with the files read just now.
    fn way(&self, audience: &str, client_id: &str, now: DateTime<Utc>) -> Result<Way<'_>, Unusable> {
        Ok(match self {
            Identity::Secret { file, .. } => Way::Show(Proof::Secret(file::read_word(Holds::Secret, file)?)),
            Identity::Certificate { certificate, key, send_chain } => {
                let signed = Certificate::read(certificate, key)?.assertion(audience, client_id, *send_chain, now);
                let signed = signed.ok_or_else(|| Unusable::wrong(Holds::CertificateKey, key, "does not sign"))?;
                Way::Show(Proof::Assertion(signed))
            }
            Identity::WorkloadIdentity { assertion } => Way::Show(Proof::Assertion(read_assertion(assertion)?)),
            Identity::ManagedIdentity(machine) => Way::Ask(machine),
        })
    }

    /// In words, who else could take the credential, if somebody could.
    fn exposure(&self) -> Option<String> {
        match self {
            Identity::Secret { file, .. } => file::exposure(Holds::Secret, file),
            Identity::Certificate { key, .. } => file::exposure(Holds::CertificateKey, key),
            Identity::WorkloadIdentity { .. } | Identity::ManagedIdentity(_) => None,
        }
    }

    /// What tells the files from what may replace them.
    fn prints(&self) -> Vec<Print> {
        match self {
            Identity::Secret { file, .. } => vec![Print::of(file)],
            Identity::Certificate { certificate, key, .. } => vec![Print::of(certificate), Print::of(key)],
            Identity::WorkloadIdentity { assertion } => vec![Print::of(assertion)],
            Identity::ManagedIdentity(_) => Vec::new(),
        }
    }
}

impl Credentials for Identity {
    fn look(&self) -> Credential {
        let (ends_at, unusable) = match self.check() {
            Ok(ends_at) => (ends_at, None),
            Err(why) => (None, Some(why.to_string())),
        };
        Credential { kind: self.kind(), ends_at, unusable, exposed: self.exposure() }
    }
}

/// An assertion is a JWT: three words with dots between. Another file that was named by mistake goes nowhere.
fn read_assertion(path: &Path) -> Result<SecretString, Unusable> {
    let word = file::read_word(Holds::Assertion, path)?;
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let parts = word.expose_secret().split('.');
    if parts.clone().count() == 3 && parts.into_iter().all(is_part) {
        Ok(word)
    } else {
        Err(Unusable::wrong(Holds::Assertion, path, "is no token: it must be three words with dots between"))
    }
}
