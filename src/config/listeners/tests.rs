//! What may stand below `[endpoint]` and `[admin]`.

use super::*;
use crate::config::Config;
use crate::domain::problem::Source;

const BOT: &str = "fallback_zone = \"Europe/Berlin\"\n[bot]\napp_id = \"99999999-8888-4777-8666-555555555555\"\n\
                   tenant_id = \"11111111-2222-4333-8444-555555555555\"\n";

fn parse(text: &str) -> Result<Config, Vec<String>> {
    let source = Source::new("nudged.toml", format!("{BOT}{text}"));
    Config::parse(&source, Path::new("/etc/nudged"), &|_| None)
        .map(|(config, _)| config)
        .map_err(|problems| problems.iter().map(|problem| problem.line(&source)).collect())
}

#[test]
fn nobody_can_call_unless_it_is_written() {
    let config = parse("").expect("good");
    assert_eq!((config.endpoint, config.admin), (None, None));
}

#[test]
fn an_endpoint_needs_an_address_and_has_a_path() {
    let endpoint = |text: &str| parse(&format!("[endpoint]\n{text}")).map(|config| config.endpoint.expect("there"));
    let found = endpoint("listen = \"127.0.0.1:3978\"\n").expect("good");
    let listen = "127.0.0.1:3978".parse().expect("an address");
    let path = "/api/messages".to_owned();
    assert_eq!(found, Endpoint { listen, path, openid_url: None, tenants: Tenants::OfTheBot });
    let found = endpoint(
        "listen = \"[::]:80\"\npath = \"/bot\"\nopenid_url = \"http://127.0.0.1:9/openid\"\n\
         allowed_tenants = [\"AAAAAAAA-2222-4333-8444-555555555555\"]\n",
    );
    let found = found.expect("good");
    assert_eq!(found.tenants, Tenants::These(vec!["aaaaaaaa-2222-4333-8444-555555555555".to_owned()]));
    assert_eq!((found.path.as_str(), found.openid_url.is_some()), ("/bot", true));
    let found = endpoint("listen = \"127.0.0.1:3978\"\nallowed_tenants = \"any\"\n").expect("good");
    assert_eq!(found.tenants, Tenants::Any);
}

#[test]
fn the_admin_api_is_on_the_loopback_and_has_a_token() {
    let admin = parse("[admin]\nlisten = \"[::1]:8470\"\ntoken_file = \"admin-token\"\n").expect("good").admin;
    let admin = admin.expect("there");
    assert_eq!(admin.token_file, Path::new("/etc/nudged/admin-token"));
    assert!(admin.listen.ip().is_loopback());
    assert_eq!(admin.metrics_token_file, None, "a monitor has no token unless it is written");
}

#[test]
fn a_monitor_has_a_token_of_its_own() {
    let admin = |file: &str| {
        parse(&format!(
            "[admin]\nlisten = \"[::1]:8470\"\ntoken_file = \"admin-token\"\nmetrics_token_file = \"{file}\"\n"
        ))
    };
    let found = admin("metrics-token").expect("good").admin.expect("there");
    assert_eq!(found.metrics_token_file.as_deref(), Some(Path::new("/etc/nudged/metrics-token")));
    let refused = admin("admin-token").expect_err("one token for both");
    assert!(refused[0].contains("the token that may also send; name another file"), "{refused:?}");
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_its_cure() {
    let text = "[endpoint]\nlisten = \"localhost\"\npath = \"api messages\"\nopenid_url = \"http://login.example/\"\n\
                allowed_tenants = [\"contoso\"]\nport = 1\n[admin]\nlisten = \"0.0.0.0:8470\"\n";
    insta::assert_snapshot!(parse(text).expect_err("all wrong").join("\n"));
}
