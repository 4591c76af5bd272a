//! Every trick that makes a URL look like another.

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
    for bad in ["", "*.teams.microsoft.com", "https://x.example", "x.example/teams", "a@b.example", "a b", "x:99999"] {
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
    let asked = check("http://127.0.0.1:9/x/").expect("local").asking(&[("a", "b c&d"), ("e", "https://f")]);
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
