//! What may stand below `[bot]`, and what is said about the rest.

use std::path::PathBuf;

use chrono::NaiveDate;

use super::*;
use crate::config::Config;
use crate::domain::problem::Source;

const IDS: &str = "app_id = \"99999999-8888-4777-8666-555555555555\"\n\
                   tenant_id = \"11111111-2222-4333-8444-555555555555\"\n";

fn parse_with(keys: &str, env: &[(&str, &str)]) -> Result<Bot, Vec<String>> {
    let source = Source::new("nudged.toml", format!("fallback_zone = \"Europe/Berlin\"\n[bot]\n{IDS}{keys}"));
    let env = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Config::parse(&source, Path::new("/etc/nudged"), &env)
        .map(|(config, _)| config.bot)
        .map_err(|problems| problems.iter().map(|problem| problem.line(&source)).collect())
}

fn parse(keys: &str) -> Result<Bot, Vec<String>> {
    parse_with(keys, &[])
}

#[test]
fn a_secret_is_the_credential_unless_something_else_is_said() {
    let bot = parse("secret_file = \"bot-secret\"\nsecret_expires_on = 2027-05-01\n").expect("good");
    assert_eq!(bot.kind, BotKind::SingleTenant);
    assert_eq!(
        bot.credential,
        BotCredential::Secret {
            file: Some("/etc/nudged/bot-secret".into()),
            expires_on: NaiveDate::from_ymd_opt(2027, 5, 1)
        }
    );
    let bot = parse("type = \"multi-tenant\"\n").expect("good");
    assert_eq!(bot.kind, BotKind::MultiTenant);
    assert_eq!(bot.credential, BotCredential::Secret { file: None, expires_on: None });
}

#[test]
fn a_certificate_may_bring_its_key_in_its_own_file() {
    let certificate = |key_file: &str, send_chain| BotCredential::Certificate {
        file: "/etc/nudged/bot.pem".into(),
        key_file: key_file.into(),
        send_chain,
    };
    let bot = parse("certificate_file = \"bot.pem\"\n").expect("good");
    assert_eq!(bot.credential, certificate("/etc/nudged/bot.pem", false));
    let keys = "certificate_file = \"bot.pem\"\ncertificate_key_file = \"/run/x/bot.key\"\nsend_x5c = true\n";
    assert_eq!(parse(keys).expect("good").credential, certificate("/run/x/bot.key", true));
}

#[test]
fn whoever_runs_in_azure_or_kubernetes_has_it_from_the_surroundings() {
    let managed = "type = \"managed-identity\"\n";
    let service = |keys: &str, env: &[(&str, &str)]| match parse_with(keys, env).expect("good").credential {
        BotCredential::ManagedIdentity(service) => service,
        other => panic!("{other:?}"),
    };
    assert_eq!(service(managed, &[]), IdentityService::Imds(None));
    let endpoint = "http://127.0.0.1:41741/msi/token";
    let of_app_service = [("IDENTITY_ENDPOINT", endpoint), ("IDENTITY_HEADER", "853b9a84")];
    assert_eq!(service(managed, &of_app_service), IdentityService::AppService(endpoint.into()));
    assert_eq!(service(managed, &of_app_service[..1]), IdentityService::Imds(None), "this is Azure Arc");
    let url = Url::parse("http://127.0.0.1:9").expect("a URL");
    let overridden = format!("{managed}identity_url = \"http://127.0.0.1:9\"\n");
    assert_eq!(service(&overridden, &of_app_service), IdentityService::Imds(Some(url)));

    let workload = "type = \"workload-identity\"\n";
    let file = |file: Option<&str>| BotCredential::WorkloadIdentity { assertion_file: file.map(PathBuf::from) };
    let env = [("AZURE_FEDERATED_TOKEN_FILE", "/var/run/secrets/azure/tokens/azure-identity-token")];
    assert_eq!(parse_with(workload, &env).expect("good").credential, file(Some(env[0].1)));
    assert_eq!(parse(workload).expect("good").credential, file(None));
    let named = format!("{workload}assertion_file = \"token\"\n");
    assert_eq!(parse_with(&named, &env).expect("good").credential, file(Some("/etc/nudged/token")));
}

#[test]
fn a_cloud_brings_its_addresses_and_each_can_be_another() {
    for (name, cloud) in Cloud::ALL {
        let hosts = if cloud == Cloud::China { "trusted_hosts = [\"bot.teams.example.cn\"]\n" } else { "" };
        let bot = parse(&format!("cloud = \"{name}\"\n{hosts}")).expect("good");
        let of_cloud = cloud.addresses();
        assert_eq!(bot.cloud, cloud);
        assert_eq!(bot.login_url.as_str(), format!("{}/", of_cloud.login_url));
        assert_eq!(bot.scope, of_cloud.scope);
        assert_eq!(bot.service_url.as_ref().map(Url::as_str), of_cloud.service_url);
    }
    let bot = parse(
        "cloud = \"gcc-high\"\nlogin_url = \"https://login.example/x\"\nscope = \"https://api.example/.default\"\n\
         service_url = \"https://teams.example/y\"\ntrusted_hosts = [\"Teams.example\"]\n",
    );
    let bot = bot.expect("good");
    assert_eq!(bot.login_url.as_str(), "https://login.example/x");
    assert_eq!(bot.scope, "https://api.example/.default");
    assert_eq!(bot.service_url.as_ref().map(Url::as_str), Some("https://teams.example/y"));
    assert_eq!(bot.trusted_hosts, ["teams.example"]);
}

/// As strictly as the connector takes them, or the daemon would not start with what `nudged check` calls good.
#[test]
fn each_host_that_is_none_is_named() {
    let keys =
        "secret_file = \"a\"\ntrusted_hosts = [\"a?b\", \"x.example:8443\", \"c#d\", \"127.1\", \"é.example\"]\n";
    let problems = parse(keys).expect_err("none of them");
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.contains("this is no host")), "{problems:?}");
}

#[test]
fn what_contradicts_itself_is_said_with_its_place_and_its_cure() {
    let said = [
        "secret_file = \"a\"\ncertificate_file = \"b\"\nsecret_expires_on = 2027-05-01\n",
        "send_x5c = true\ncertificate_key_file = \"b\"\n",
        "type = \"managed-identity\"\nsecret_file = \"a\"\nassertion_file = \"b\"\n",
        "type = \"workload-identity\"\ncertificate_file = \"a\"\nidentity_url = \"http://127.0.0.1:9\"\n",
        "type = \"managed-identity\"\nidentity_url = \"http://metadata.example\"\n",
        "type = \"managed\"\nassertion_file = \"b\"\n",
        "secret_expires_on = \"next may\"\n",
        "secret_expires_on = 2027-05-01T09:00:00\n",
        "cloud = \"gcchigh\"\n",
        "cloud = \"china\"\n",
        "scope = \"https://api.example\"\n",
        "service_url = \"http://teams.example\"\n",
        "cloud = \"china\"\ntrusted_hosts = [\"x.example\"]\nservice_url = \"x.example\"\n",
    ]
    .map(|keys| format!("{keys}  {}\n", parse(keys).expect_err(keys).join("\n  ")));
    insta::assert_snapshot!(said.join("\n"));
}
