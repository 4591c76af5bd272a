//! Hosts as a person writes them: a whole name or an address, and perhaps a port.

use url::Url;

/// A host, as a URL parser writes it: lower case, an IPv6 address in brackets; and its port, `None` for that of https.
/// `None` where the text is none, or is something else than it looks like.
#[must_use]
pub fn read(text: &str) -> Option<(String, Option<u16>)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if !text.chars().all(plain) {
        return None;
    }
    let url = Url::parse(&format!("https://{text}/")).ok()?;
    let host = url.host()?.to_string();
    let is_meant = is_plain(url.as_str(), "https", &host, url.port_or_known_default()?)
        && text.to_ascii_lowercase().starts_with(&host);
    is_meant.then(|| (host, url.port()))
}

/// Whether the text of a URL begins with what the parser read from it, so that a person who reads it is not misled.
#[must_use]
pub fn is_plain(text: &str, scheme: &str, host: &str, port: u16) -> bool {
    let text = text.to_ascii_lowercase();
    let Some(rest) = text.strip_prefix(&format!("{scheme}://{host}")) else { return false };
    let rest = rest.strip_prefix(&format!(":{port}")).unwrap_or(rest);
    (rest.is_empty() || rest.starts_with('/')) && !rest.contains('\\') && rest.chars().all(|c| c.is_ascii_graphic())
}
