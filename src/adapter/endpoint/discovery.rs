//! The `OpenID` document, which says where the keys are, and whom it may name.

use serde::Deserialize;
use url::{Host, Url};

/// Why the keys are not looked for where a document says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Undiscovered {
    #[error("it is not JSON with an `issuer` and a `jwks_uri`")]
    Unreadable,
    #[error("it is of another issuer than that of the bot's cloud")]
    Issuer,
    #[error(
        "its `jwks_uri` is no URL that keys are fetched from: https and a host by name, or on the host of the document"
    )]
    Untrusted,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

/// Where the keys are, according to the document that was found at `from`.
///
/// Whoever can write that document can have any keys published, so its `jwks_uri` gives away no more of them wherever it
/// leads. But it must not lead us about in the operator's own network, nor over a wire on which others can write.
/// So it is https to a host that has a name, on the usual port; or it has the origin of the document itself, which the
/// operator wrote, or we did.
pub(super) fn keys_url(document: &[u8], from: &Url, issuer: &str) -> Result<Url, Undiscovered> {
    let document: Document = serde_json::from_slice(document).map_err(|_| Undiscovered::Unreadable)?;
    if document.issuer != issuer {
        return Err(Undiscovered::Issuer);
    }
    let url = Url::parse(&document.jwks_uri).map_err(|_| Undiscovered::Untrusted)?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    let is_of_document = url.origin() == from.origin();
    let is_public = url.scheme() == "https"
        && url.port().is_none()
        && matches!(url.host(), Some(Host::Domain(name)) if name.contains('.') && !name.ends_with(".localhost"));
    if has_user || !(is_of_document || is_public) { Err(Undiscovered::Untrusted) } else { Ok(url) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://api.botframework.com";

    #[track_caller]
    fn check(from: &str, jwks_uri: &str, expect: &Result<(), Undiscovered>) {
        let document = json!({ "issuer": ISSUER, "jwks_uri": jwks_uri }).to_string();
        let found = keys_url(document.as_bytes(), &Url::parse(from).expect("a URL"), ISSUER);
        assert_eq!(&found.map(|url| assert_eq!(url.as_str(), jwks_uri)), expect, "{from} {jwks_uri}");
    }

    #[test]
    fn keys_come_from_named_hosts_over_tls_or_from_where_the_document_is() {
        let real = "https://login.botframework.com/v1/.well-known/openidconfiguration";
        check(real, "https://login.botframework.com/v1/.well-known/keys", &Ok(()));
        check(real, "https://keys.botframework.com/v2", &Ok(()));
        let local = "http://127.0.0.1:3978/v1/.well-known/openidconfiguration";
        check(local, "http://127.0.0.1:3978/v1/.well-known/keys", &Ok(()));
        let private = "https://stand-in:8443/openid";
        check(private, "https://stand-in:8443/keys", &Ok(()));
        for (from, to) in [
            (real, "http://login.botframework.com/v1/.well-known/keys"),
            (real, "http://127.0.0.1/keys"),
            (real, "https://127.0.0.1/keys"),
            (real, "https://[::1]/keys"),
            (real, "https://169.254.169.254/metadata"),
            (real, "https://localhost/keys"),
            (real, "https://intranet/keys"),
            (real, "https://keys.botframework.com:8443/"),
            (real, "https://me:secret@login.botframework.com/keys"),
            (real, "file:///etc/passwd"),
            (real, "/v1/keys"),
            (local, "http://127.0.0.1:3979/keys"),
            (local, "http://10.0.0.1:3978/keys"),
            (private, "https://stand-in:9443/keys"),
        ] {
            check(from, to, &Err(Undiscovered::Untrusted));
        }
    }

    #[test]
    fn a_document_of_another_issuer_or_none_says_nothing() {
        let from = Url::parse("https://login.botframework.com/").expect("a URL");
        let read = |text: &str| keys_url(text.as_bytes(), &from, ISSUER).expect_err("nothing");
        assert_eq!(read("<html>"), Undiscovered::Unreadable);
        assert_eq!(read(r#"{"issuer":"https://api.botframework.com"}"#), Undiscovered::Unreadable);
        let other = r#"{"issuer":"https://api.botframework.us","jwks_uri":"https://login.botframework.com/keys"}"#;
        assert_eq!(read(other), Undiscovered::Issuer);
    }
}
