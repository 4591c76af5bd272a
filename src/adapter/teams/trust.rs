//! Which hosts may be given the bot's token.
//!
//! A stored service URL is input: whoever can edit a reference would otherwise be handed the bot's token. Microsoft's
//! page on Connector authentication (read in November 2026) warns of exactly that, and the SDKs of that date send the
//! token to whatever the reference says.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

use crate::domain::cloud::Cloud;

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
        let of_cloud = cloud.addresses().connector_host;
        let mut listed: Vec<_> =
            of_cloud.map(|host| Listed { host: host.to_owned(), port: None }).into_iter().collect();
        for entry in configured {
            let entry = entry.as_ref();
            listed.push(Listed::parse(entry).ok_or_else(|| entry.to_owned())?);
        }
        Ok(Self { listed })
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
        if !is_plain(text, url.scheme(), &name, port) {
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

impl Listed {
    fn parse(entry: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if !entry.chars().all(plain) {
            return None;
        }
        let url = Url::parse(&format!("https://{entry}/")).ok()?;
        let host = url.host()?.to_string();
        is_plain(url.as_str(), "https", &host, url.port_or_known_default()?)
            .then(|| Self { host, port: url.port() })
            .filter(|listed| entry.to_ascii_lowercase().starts_with(&listed.host))
    }
}

/// Whether `text` begins with what the parser read from it, so that a person who reads it is not misled.
fn is_plain(text: &str, scheme: &str, host: &str, port: u16) -> bool {
    let text = text.to_ascii_lowercase();
    let Some(rest) = text.strip_prefix(&format!("{scheme}://{host}")) else { return false };
    let rest = rest.strip_prefix(&format!(":{port}")).unwrap_or(rest);
    (rest.is_empty() || rest.starts_with('/')) && !rest.contains('\\') && rest.chars().all(|c| c.is_ascii_graphic())
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

    /// The URL with these fields as its query.
    #[must_use]
    pub(super) fn with_query(&self, fields: &[(&str, &str)]) -> Self {
        let mut url = self.0.clone();
        url.query_pairs_mut().clear().extend_pairs(fields);
        Self(url)
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
mod tests {
    use super::*;

    fn hosts() -> TrustedHosts {
        let configured = [
            "smba.infra.gcc.teams.microsoft.com",
            "Emulator.example:8443",
            "127.0.0.1:3978",
            "localhost:3978",
            "[::1]:3978",
            "10.0.0.7",
        ];
        TrustedHosts::new(Cloud::Public, &configured).expect("these are hosts")
    }

    #[test]
    fn plain_urls_of_listed_hosts_are_trusted() {
        for text in [
            "https://smba.trafficmanager.net/teams/",
            "https://smba.trafficmanager.net/amer/11111111-2222-4333-8444-555555555555/",
            "https://smba.trafficmanager.net",
            "https://smba.trafficmanager.net:443/teams",
            "HTTPS://SMBA.trafficmanager.net/teams",
            "https://smba.infra.gcc.teams.microsoft.com/teams",
            "https://emulator.example:8443/x",
            "https://127.0.0.1:3978/",
            "http://127.0.0.1:3978/",
            "http://localhost:3978/teams",
            "http://[::1]:3978/",
            "https://10.0.0.7/",
        ] {
            assert!(hosts().check(text).is_ok(), "{text} {:?}", hosts().check(text));
        }
    }

    #[test]
    fn every_trick_has_its_reason() {
        let check = |text: &str, expect: Untrusted| assert_eq!(hosts().check(text), Err(expect), "{text:?}");
        let not_listed = |host: &str| Untrusted::NotListed(host.to_owned());
        let ip = |host: &str| Untrusted::IpLiteral(host.to_owned());
        let port = |host: &str, port| Untrusted::Port { host: host.to_owned(), port };

        for text in ["", "smba.trafficmanager.net", "/teams", "mailto:a@smba.trafficmanager.net", "https://"] {
            check(text, Untrusted::NotAUrl);
        }
        check("http://smba.trafficmanager.net/teams/", Untrusted::Scheme("http".into()));
        check("http://10.0.0.7/", Untrusted::Scheme("http".into()));
        check("ftp://smba.trafficmanager.net/", Untrusted::Scheme("ftp".into()));
        check("https://smba.trafficmanager.net@evil.example/", Untrusted::Userinfo);
        check("https://a:b@smba.trafficmanager.net/", Untrusted::Userinfo);
        check("https://@smba.trafficmanager.net/", Untrusted::Disguised);
        check("https://smba.trafficmanager.net/teams?x=1", Untrusted::QueryOrFragment);
        check("https://smba.trafficmanager.net/teams?", Untrusted::QueryOrFragment);
        check("https://smba.trafficmanager.net/#x", Untrusted::QueryOrFragment);
        check("https://evil.example#.smba.trafficmanager.net", Untrusted::QueryOrFragment);
        check("https://smba.trafficmanager.net.evil.example/", not_listed("smba.trafficmanager.net.evil.example"));
        check("https://evil-smba.trafficmanager.net/", not_listed("evil-smba.trafficmanager.net"));
        check("https://other.trafficmanager.net/", not_listed("other.trafficmanager.net"));
        check("https://trafficmanager.net/", not_listed("trafficmanager.net"));
        check("https://smba.trafficmanager.net./", not_listed("smba.trafficmanager.net."));
        check("https://xn--smb-8na.trafficmanager.net/", not_listed("xn--smb-8na.trafficmanager.net"));
        check("https://smbа.trafficmanager.net/", Untrusted::NonAscii);
        check("https://ｓmba.trafficmanager.net/", Untrusted::NonAscii);
        check("https://smba.trafficmanager.net:8443/", port("smba.trafficmanager.net", 8443));
        check("https://smba.trafficmanager.net:80/", port("smba.trafficmanager.net", 80));
        check("https://emulator.example/", port("emulator.example", 443));
        check("http://127.0.0.1/", port("127.0.0.1", 80));
        check("http://127.0.0.1:3979/", port("127.0.0.1", 3979));
        check("http://127.0.0.2:3978/", ip("127.0.0.2"));
        check("https://169.254.169.254/", ip("169.254.169.254"));
        check("https://[2001:db8::1]/", ip("[2001:db8::1]"));
        check("https://2130706433:3978/", Untrusted::Disguised);
        check("https://0x7f.1:3978/", Untrusted::Disguised);
        check("https://smba%2etrafficmanager.net/", Untrusted::Disguised);
        check("https:\\\\smba.trafficmanager.net\\", Untrusted::Disguised);
        check("https://smba.trafficmanager.net\\@evil.example/", Untrusted::Disguised);
        check("https:smba.trafficmanager.net/", Untrusted::Disguised);
        check(" https://smba.trafficmanager.net/", Untrusted::Disguised);
        check("https://smba.traffic\tmanager.net/", Untrusted::Disguised);
        check("https://smba.trafficmanager.net/a b", Untrusted::Disguised);
    }

    #[test]
    fn an_entry_is_a_host_or_a_host_and_a_port() {
        for bad in
            ["", "*.teams.microsoft.com", "https://x.example", "x.example/teams", "a@b.example", "a b", "x:99999"]
        {
            assert_eq!(TrustedHosts::new(Cloud::Public, &[bad]).err().as_deref(), Some(bad), "{bad:?}");
        }
        for bad in ["0x7f.1", "2130706433", "::1", "x.example:0443:1", "smbа.example"] {
            assert!(TrustedHosts::new(Cloud::Public, &[bad]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_configured_url_trusts_its_own_host_and_no_other_rule_is_lifted() {
        let check = TrustedHosts::check_configured;
        assert!(check("https://login.microsoftonline.com").is_ok());
        assert!(check("https://login.corp.example:8443/x/").is_ok());
        assert!(check("http://127.0.0.1:9/").is_ok());
        assert_eq!(check("http://login.microsoftonline.com"), Err(Untrusted::Scheme("http".into())));
        assert_eq!(check("https://a@login.microsoftonline.com"), Err(Untrusted::Userinfo));
    }

    #[test]
    fn each_cloud_trusts_its_own_host_and_no_other_clouds() {
        let urls: Vec<_> = Cloud::ALL.into_iter().filter_map(|(_, cloud)| cloud.addresses().service_url).collect();
        assert_eq!(urls.len(), 4);
        for (name, cloud) in Cloud::ALL {
            let hosts = TrustedHosts::new::<&str>(cloud, &[]).expect("no host is wrong");
            let trusted: Vec<_> = urls.iter().copied().filter(|url| hosts.check(url).is_ok()).collect();
            assert_eq!(trusted, Vec::from_iter(cloud.addresses().service_url), "{name}");
        }
        let china = TrustedHosts::new(Cloud::China, &["bot.teams.example.cn"]).expect("a host");
        assert!(china.check("https://bot.teams.example.cn/x").is_ok());
    }

    #[test]
    fn the_identity_service_of_a_machine_is_on_the_machine() {
        let check = TrustedHosts::check_local;
        for text in [
            "http://169.254.169.254",
            "http://169.254.129.3:8081/msi/token/",
            "http://localhost:42356/msi/token",
            "http://127.0.0.1:41741/msi/token",
            "http://[::1]:1/",
        ] {
            assert!(check(text).is_ok(), "{text} {:?}", check(text));
        }
        for text in [
            "https://169.254.169.254",
            "http://169.253.169.254",
            "http://10.0.0.7/",
            "http://metadata.example/",
            "http://169.254.169.254.evil.example/",
        ] {
            assert_eq!(check(text), Err(Untrusted::NotLocal), "{text}");
        }
        assert_eq!(check("http://a@169.254.169.254/"), Err(Untrusted::Userinfo));
        assert_eq!(check("http://2852039166/"), Err(Untrusted::Disguised));
        let asked = check("http://127.0.0.1:9/x/").expect("local").with_query(&[("a", "b c&d"), ("e", "https://f")]);
        assert_eq!(asked.as_url().as_str(), "http://127.0.0.1:9/x/?a=b+c%26d&e=https%3A%2F%2Ff");
        // What is trusted here is trusted for nothing else.
        assert!(hosts().check("http://169.254.169.254").is_err());
    }

    #[test]
    fn a_path_below_is_encoded_and_has_single_slashes() {
        let check = |base: &str, segments: &[&str], expect: Option<&str>| {
            let got = hosts().check(base).expect("a trusted URL").below(segments);
            assert_eq!(got.as_ref().map(|url| url.as_url().as_str()), expect, "{base} {segments:?}");
        };
        for base in [
            "https://smba.trafficmanager.net/teams",
            "https://smba.trafficmanager.net/teams/",
            "https://smba.trafficmanager.net/teams//",
        ] {
            check(base, &["v3", "conversations"], Some("https://smba.trafficmanager.net/teams/v3/conversations"));
        }
        check(
            "https://smba.trafficmanager.net",
            &["v3", "19:a-b_c.d~e@thread.tacv2;messageid=1", "x"],
            Some("https://smba.trafficmanager.net/v3/19%3Aa-b_c.d~e%40thread.tacv2%3Bmessageid%3D1/x"),
        );
        check(
            "https://smba.trafficmanager.net",
            &["a/../b?c#d%2e\\é"],
            Some("https://smba.trafficmanager.net/a%2F..%2Fb%3Fc%23d%252e%5C%C3%A9"),
        );
        check("https://smba.trafficmanager.net", &[".."], None);
        check("https://smba.trafficmanager.net", &["v3", "", "x"], None);
    }
}
