//! Which hosts may be given the bot's token.
//!
//! A stored service URL is input: whoever can edit a reference would otherwise be handed the bot's token. Microsoft's
//! page on Connector authentication (read in November 2026) warns of exactly that, and the SDKs of that date send the
//! token to whatever the reference says.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

use crate::domain::cloud::Cloud;
use crate::domain::host;
use crate::port::ear::ServiceUrls;

/// All but the unreserved characters of RFC 3986. Ids contain `:`, `@`, `;` and `=`; an unencoded `;` cuts the path
/// short, and Teams answers `BadSyntax` (measured on a live tenant by a third-party client, September 2026).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why nothing is sent to a URL. No variant carries the URL itself, since a URL can hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    #[error("it is no absolute URL with a host")]
    NotAUrl,
    #[error("it contains characters outside ASCII")]
    NonAscii,
    #[error("it contains a user name or a password")]
    Userinfo,
    #[error("it contains a query or a fragment")]
    QueryOrFragment,
    /// The text says something else than what a URL parser makes of it: backslashes, escapes in the host, numbers
    /// that turn into addresses, blanks.
    #[error("it is not written plainly as scheme, host and path")]
    Disguised,
    #[error("its scheme is {0}: only https is allowed, and http to a trusted loopback host")]
    Scheme(String),
    #[error("its host {0} is an IP address that is not among the trusted hosts")]
    IpLiteral(String),
    #[error("its host {host} is trusted, but not on port {port}")]
    Port { host: String, port: u16 },
    #[error("its host {0} is not among the trusted hosts")]
    NotListed(String),
    #[error("the identity service of a machine is asked over http on the loopback or a link-local address only")]
    NotLocal,
}

/// A host that may be given a token.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    /// As a URL parser writes it: lower case, an IPv6 address in brackets.
    host: String,
    /// `None` is the scheme's own port.
    port: Option<u16>,
}

/// The hosts that may be given a token: the Connector of the bot's cloud, and those of the configuration. The hosts of
/// other clouds are strangers. Each is a whole name: the one above the public Connector's, `trafficmanager.net`, is
/// shared by all of Azure's customers.
#[derive(Debug, Clone)]
pub struct TrustedHosts {
    listed: Vec<Listed>,
}

impl TrustedHosts {
    /// `configured` holds one `host` or `host:port` each; an IPv6 address stands in brackets. There are no patterns:
    /// a host is trusted by its whole name. On failure the entry that is none is returned.
    pub fn new<S: AsRef<str>>(cloud: Cloud, configured: &[S]) -> Result<Self, String> {
        let mut hosts = Self::of_cloud(cloud);
        for entry in configured {
            let entry = entry.as_ref();
            let (host, port) = host::read(entry).ok_or_else(|| entry.to_owned())?;
            hosts.listed.push(Listed { host, port });
        }
        Ok(hosts)
    }

    /// Nothing but the Connector of the bot's cloud.
    #[must_use]
    pub fn of_cloud(cloud: Cloud) -> Self {
        let host = cloud.addresses().connector_host;
        Self { listed: host.map(|host| Listed { host: host.to_owned(), port: None }).into_iter().collect() }
    }

    /// Checks a URL that the operator wrote into the configuration, such as that of the login service. Its host is
    /// trusted by that very act; every other rule holds.
    pub(super) fn check_configured(text: &str) -> Result<TrustedUrl, Untrusted> {
        let url = Url::parse(text).map_err(|_| Untrusted::NotAUrl)?;
        let host = url.host_str().ok_or(Untrusted::NotAUrl)?.to_owned();
        Self { listed: vec![Listed { host, port: url.port() }] }.check(text)
    }

    /// Checks the URL of the identity service of the machine itself. It is asked over plain http, which must not leave
    /// the machine or, for a link-local address, its host.
    pub(super) fn check_local(text: &str) -> Result<TrustedUrl, Untrusted> {
        let url = Url::parse(text).map_err(|_| Untrusted::NotAUrl)?;
        let host = url.host().ok_or(Untrusted::NotAUrl)?;
        if url.scheme() != "http" || !is_local(&host) {
            return Err(Untrusted::NotLocal);
        }
        Self { listed: vec![Listed { host: host.to_string(), port: url.port() }] }.check_for(text, is_local)
    }

    /// The one way to a [`TrustedUrl`] from outside of this file.
    pub fn check(&self, text: &str) -> Result<TrustedUrl, Untrusted> {
        self.check_for(text, is_loopback)
    }

    /// `may_be_plain` says to which hosts http may be spoken.
    fn check_for(&self, text: &str, may_be_plain: fn(&Host<&str>) -> bool) -> Result<TrustedUrl, Untrusted> {
        if !text.is_ascii() {
            return Err(Untrusted::NonAscii);
        }
        let url = Url::parse(text).map_err(|_| Untrusted::NotAUrl)?;
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Untrusted::NotAUrl);
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Untrusted::Userinfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Untrusted::QueryOrFragment);
        }
        let name = host.to_string();
        if !host::is_plain(text, url.scheme(), &name, port) {
            return Err(Untrusted::Disguised);
        }
        if !(url.scheme() == "https" || url.scheme() == "http" && may_be_plain(&host)) {
            return Err(Untrusted::Scheme(url.scheme().to_owned()));
        }
        let mut of_this_name = self.listed.iter().filter(|listed| listed.host == name).peekable();
        if of_this_name.peek().is_none() {
            let is_name = matches!(host, Host::Domain(_));
            return Err(if is_name { Untrusted::NotListed(name) } else { Untrusted::IpLiteral(name) });
        }
        let fits = |listed: &Listed| match listed.port {
            None => url.port().is_none(),
            Some(trusted) => trusted == port,
        };
        if of_this_name.any(fits) { Ok(TrustedUrl(url)) } else { Err(Untrusted::Port { host: name, port }) }
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn is_local(host: &Host<&str>) -> bool {
    is_loopback(host) || matches!(host, Host::Ipv4(address) if address.is_link_local())
}

impl ServiceUrls for TrustedHosts {
    fn objection(&self, url: &str) -> Option<String> {
        self.check(url).err().map(|why| why.to_string())
    }
}

/// A URL that passed [`TrustedHosts::check`], or one below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedUrl(Url);

impl TrustedUrl {
    /// The URL with `segments` added to its path, each wholly percent-encoded, with exactly one slash before each.
    /// The host stays. `None` when a segment is empty or only dots: it would disappear from the path, and the
    /// request would mean something else.
    #[must_use]
    pub(super) fn below(&self, segments: &[&str]) -> Option<Self> {
        let mut path = self.0.path().trim_end_matches('/').to_owned();
        for segment in segments {
            if segment.chars().all(|c| c == '.') {
                return None;
            }
            path.push('/');
            path.extend(utf8_percent_encode(segment, RESERVED));
        }
        let mut url = self.0.clone();
        url.set_path(&path);
        Some(Self(url))
    }

    /// The URL with these pairs as its query, encoded as a form is.
    #[must_use]
    pub(super) fn asking(mut self, pairs: &[(&str, &str)]) -> Self {
        self.0.query_pairs_mut().extend_pairs(pairs);
        self
    }

    #[must_use]
    pub(super) fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    #[must_use]
    pub(super) fn as_url(&self) -> &Url {
        &self.0
    }
}

#[cfg(test)]
mod tests;
