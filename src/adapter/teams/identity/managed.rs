//! The identity that Azure lends to a machine: one asks a service on the machine itself, and shows nothing.
//!
//! From Microsoft's pages on managed identities for virtual machines and for App Service, and the sources of its
//! authentication library (read in November 2026).

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::super::trust::{TrustedHosts, TrustedUrl, Untrusted};

/// How long to wait before the request is made again inside of one call, as often as there are waits. The pages ask for
/// patience with a service that is just being updated, which may take more than a minute; beyond these seconds the
/// callers know that no token is to be had, and come back.
pub(super) const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Where the identity service of the machine is. It is asked over plain http, on the loopback or a link-local address
/// and nowhere else, without a proxy.
#[derive(Debug, Clone)]
pub enum ManagedIdentity {
    /// Virtual machines, scale sets, and the nodes of Kubernetes in Azure.
    Imds {
        /// Scheme and host.
        url: String,
    },
    /// App Service, Functions, Container Apps.
    AppService {
        /// The whole address, `$IDENTITY_ENDPOINT`.
        endpoint: String,
        /// `$IDENTITY_HEADER`. It keeps other programs' requests that were bent to this address from being answered.
        header: SecretString,
    },
}

/// A request for a token of this machine.
pub(in super::super) struct Question<'a> {
    pub(super) url: TrustedUrl,
    /// The header without which no answer is given.
    pub(super) header: (&'static str, &'a str),
}

impl ManagedIdentity {
    /// Where Azure's machines find the service.
    pub const IMDS_URL: &str = "http://169.254.169.254";

    /// `client_id` is that of the user-assigned identity: of a bot of this type, its app id.
    pub(in super::super) fn question(&self, client_id: &str, scope: &str) -> Result<Question<'_>, Untrusted> {
        // These services know resources only: the scope is the resource and a word that means "all of it".
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        let asked = |version| [("api-version", version), ("resource", resource), ("client_id", client_id)];
        let (url, query, header) = match self {
            ManagedIdentity::Imds { url } => {
                let url = TrustedHosts::check_local(url)?;
                let url = url.below(&["metadata", "identity", "oauth2", "token"]).unwrap_or(url);
                (url, asked("2018-02-01"), ("metadata", "true"))
            }
            ManagedIdentity::AppService { endpoint, header } => (
                TrustedHosts::check_local(endpoint)?,
                asked("2019-08-01"),
                ("x-identity-header", header.expose_secret()),
            ),
        };
        Ok(Question { url: url.asking(&query), header })
    }

    /// What must never come out again.
    pub(super) fn secret(&self) -> Option<&SecretString> {
        match self {
            ManagedIdentity::Imds { .. } => None,
            ManagedIdentity::AppService { header, .. } => Some(header),
        }
    }

    /// Whether an answer of this status is one that passes. The service of virtual machines says 404 and 410 while it
    /// is being updated.
    pub(super) fn passes(&self, status: u16) -> bool {
        match self {
            ManagedIdentity::Imds { .. } => matches!(status, 404 | 410 | 429 | 500..=599),
            ManagedIdentity::AppService { .. } => matches!(status, 429 | 500..=599),
        }
    }
}
