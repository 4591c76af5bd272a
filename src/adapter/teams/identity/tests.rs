//! What each identity shows, field by field, against a server of its own.

use std::path::PathBuf;

use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::stand_in::{
    APP, APP_SERVICE, Arrived, HOME, SCOPE, SECRET, StandIn, connector, form, hello, known, reply, reply_with,
};
use super::super::{AppKind, TeamsSettings};
use super::*;
use crate::domain::cloud::Cloud;
use crate::domain::delivery::Reason;
use crate::domain::verdict::{Answer, Verdict};
use crate::port::connector::Connector;
use std::sync::Arc;

const ASSERTION: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJuIn0.c2lnbmF0dXJl";

/// A certificate of the bot under an authority of its own, in PEM.
struct Issued {
    key: KeyPair,
    certificate: rcgen::Certificate,
    authority: rcgen::Certificate,
}

impl Issued {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, authority_key).expect("an authority");
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
        let mut params = CertificateParams::new(vec!["bot.contoso.example".into()]).expect("a name");
        params.not_after = rcgen::date_time_ymd(2027, 5, 1);
        let certificate = params.signed_by(&key, &authority).expect("signed");
        Self { key, certificate, authority: authority.as_ref().clone() }
    }
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }
}

fn settings(teams: &StandIn, identity: Identity) -> TeamsSettings {
    TeamsSettings { identity: Arc::new(identity), ..teams.settings() }
}

async fn send(settings: TeamsSettings) -> Answer {
    connector(settings).continue_conversation(&known("a:1"), &hello()).await
}

fn assert_delivered(answer: &Answer) {
    assert!(matches!(answer.verdict, Verdict::Delivered { .. }), "{answer:?}");
}

fn fields(login: &Arrived) -> Vec<(String, String)> {
    url::form_urlencoded::parse(login.body.as_bytes()).into_owned().collect()
}

fn pairs(expect: &[(&str, &str)]) -> Vec<(String, String)> {
    expect.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_secret_is_a_field_of_the_form() {
    let teams = StandIn::start().await;
    assert_delivered(&send(teams.settings()).await);
    let [login] = &teams.logins()[..] else { panic!("one request") };
    assert_eq!(login.path, format!("/{HOME}/oauth2/v2.0/token"));
    assert_eq!(login.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(login.header("authorization"), "");
    let expect =
        [("grant_type", "client_credentials"), ("client_id", APP), ("scope", SCOPE), ("client_secret", SECRET)];
    assert_eq!(fields(login), pairs(&expect));
}

#[tokio::test]
async fn the_authority_and_the_scope_are_those_of_the_cloud() {
    let teams = StandIn::start().await;
    for (name, cloud) in Cloud::ALL {
        let scope = cloud.addresses().scope.to_owned();
        for kind in [AppKind::SingleTenant, AppKind::MultiTenant] {
            assert_delivered(&send(TeamsSettings { cloud, kind, scope: scope.clone(), ..teams.settings() }).await);
        }
        let logins = teams.logins();
        let [.., single, multi] = &logins[..] else { panic!("two requests") };
        assert_eq!(single.path, format!("/{HOME}/oauth2/v2.0/token"), "{name}");
        assert_eq!(multi.path, format!("/{}/oauth2/v2.0/token", cloud.addresses().multi_tenant_authority), "{name}");
        assert_eq!((form(single, "scope"), form(multi, "scope")), (scope.clone(), scope), "{name}");
    }
}

#[tokio::test]
async fn a_certificate_signs_an_assertion() {
    let (teams, files, issued) = (StandIn::start().await, Files::new(), Issued::new());
    // All in one file and the wrong way round, as some exports are.
    let all = issued.key.serialize_pem() + &issued.authority.pem() + &issued.certificate.pem();
    let file = files.write("bot.pem", &all);
    let identity = |send_chain| Identity::Certificate { certificate: file.clone(), key: file.clone(), send_chain };
    assert_eq!(identity(false).look().ends_at, Some("2027-05-01T00:00:00Z".parse().expect("an instant")));

    assert_delivered(&send(settings(&teams, identity(false))).await);
    assert_delivered(&send(settings(&teams, identity(true))).await);
    let logins = teams.logins();
    let assertion = form(&logins[0], "client_assertion");
    let expect = [
        ("grant_type", "client_credentials"),
        ("client_id", APP),
        ("scope", SCOPE),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
    ];
    assert_eq!(fields(&logins[0]), pairs(&expect));

    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let read = |part: &str| serde_json::from_slice::<Value>(&decode(part)).expect("JSON");
    let (signed, signature) = assertion.rsplit_once('.').expect("three parts");
    let (header, claims) = signed.split_once('.').expect("three parts");
    let der = issued.certificate.der();
    let print = URL_SAFE_NO_PAD.encode(Sha256::digest(der));
    assert_eq!(read(header), json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": print }));
    let mut claims = read(claims);
    let jti = claims.as_object_mut().and_then(|claims| claims.remove("jti")).expect("a jti");
    let now = 1_795_161_600;
    assert_eq!(
        claims,
        json!({
            "aud": format!("{}/{HOME}/oauth2/v2.0/token", teams.url()),
            "iss": APP,
            "sub": APP,
            "iat": now,
            "nbf": now,
            "exp": now + 600,
        })
    );
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, issued.key.der_bytes())
        .verify(signed.as_bytes(), &decode(signature))
        .expect("signed by the key of the certificate");

    let second = form(&logins[1], "client_assertion");
    let parts: Vec<_> = second.split('.').map(ToOwned::to_owned).collect();
    let chain = [der, issued.authority.der()].map(|der| STANDARD.encode(der));
    assert_eq!(read(&parts[0])["x5c"], json!(chain), "the bot's own first");
    assert_ne!(read(&parts[1])["jti"], jti, "no two are equal");
}

#[test]
fn what_is_wrong_with_a_certificate_is_said() {
    let (files, issued, other) = (Files::new(), Issued::new(), Issued::new());
    let good = files.write("bot.pem", &issued.certificate.pem());
    let key = files.write("bot.key", &issued.key.serialize_pem());
    let check = |certificate: &PathBuf, key: &PathBuf, expect: &str| {
        let identity = Identity::Certificate { certificate: certificate.clone(), key: key.clone(), send_chain: false };
        let said = identity.look().unusable.unwrap_or_default();
        assert!(said.contains(expect), "{said:?} should say {expect:?}");
        assert!(!said.contains("BEGIN CERT") || expect.contains("BEGIN"), "{said}");
    };
    check(&good, &key, "");
    check(&files.write("1", "hello"), &key, "1 is none: the file must hold -----BEGIN CERTIFICATE-----");
    check(&good, &good, "bot.pem is none: the file must hold -----BEGIN PRIVATE KEY-----, and not an encrypted one");
    check(&good, &files.write("2", &other.key.serialize_pem()), "bot.pem does not belong to the key");
    let ec = KeyPair::generate().expect("a key");
    check(&good, &files.write("3", &ec.serialize_pem()), "3 can't be used: it must be for RSA");
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check(&files.write("4", damaged), &key, "4 is damaged: a certificate in it can't be decoded");
    let damaged = "-----BEGIN CERTIFICATE-----\nA*A\n-----END CERTIFICATE-----\n";
    check(&files.write("5", damaged), &key, "5 is damaged: its PEM text can't be decoded");
    check(&good, &files.write("6", ""), "6 is empty");
}

#[tokio::test]
async fn an_assertion_of_another_issuer_is_read_anew_for_each_token() {
    let (teams, files) = (StandIn::start().await, Files::new());
    let assertion = files.write("token", &format!("{ASSERTION}\n"));
    let connector = connector(settings(&teams, Identity::WorkloadIdentity { assertion }));
    assert_delivered(&connector.continue_conversation(&known("a:1"), &hello()).await);
    let rotated = format!("{ASSERTION}Rotated");
    files.write("token", &rotated);
    teams.script(reply(401, &json!({ "message": "Authorization has been denied for this request." })));
    assert_delivered(&connector.continue_conversation(&known("a:1"), &hello()).await);

    let [first, second] = &teams.logins()[..] else { panic!("two requests") };
    let expect = [
        ("grant_type", "client_credentials"),
        ("client_id", APP),
        ("scope", SCOPE),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", ASSERTION),
    ];
    assert_eq!(first.path, format!("/{HOME}/oauth2/v2.0/token"));
    assert_eq!(fields(first), pairs(&expect));
    assert_eq!(form(second, "client_assertion"), rotated);

    // A file that was named by mistake goes nowhere.
    let key = files.write("token", "root:x:0:0");
    let answer = send(settings(&teams, Identity::WorkloadIdentity { assertion: key })).await;
    assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::CredentialUnusable });
    assert_eq!(teams.logins().len(), 2);
}

#[tokio::test]
async fn a_virtual_machine_asks_its_own_service() {
    let teams = StandIn::start().await;
    let imds = || Identity::ManagedIdentity(ManagedIdentity::Imds { url: teams.url() });
    // While it is being updated it says so in several ways, for some seconds.
    for status in [404, 410, 500] {
        teams.script_login(reply(status, &json!({})));
    }
    teams.script_login(reply(200, &json!({ "access_token": "of-the-machine", "expires_in": "86399" })));
    assert_delivered(&send(settings(&teams, imds())).await);
    let logins = teams.logins();
    assert_eq!(logins.len(), 4);
    let query = "api-version=2018-02-01&resource=https%3A%2F%2Fapi.botframework.com";
    assert_eq!(logins[3].path, format!("/metadata/identity/oauth2/token?{query}&client_id={APP}"));
    assert_eq!((logins[3].header("metadata"), logins[3].body.as_str()), ("true", ""));
    assert_eq!(logins[3].header("authorization"), "");
    assert_eq!(teams.requests()[0].header("authorization"), "Bearer of-the-machine");

    // Who says when it wants to be asked again is not asked before.
    teams.script_login(reply_with(429, "retry-after", "10", "{}"));
    let answer = send(settings(&teams, imds())).await;
    assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::TokenUnavailable });
    assert_eq!(teams.logins().len(), 5);

    // What does not pass within seconds is an answer.
    for _ in 0..4 {
        teams.script_login(reply(429, &json!({})));
    }
    let answer = send(settings(&teams, imds())).await;
    assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::TokenUnavailable });
    assert_eq!(teams.logins().len(), 9);
    let refusal = json!({ "error": "invalid_request", "error_description": "Identity not found" });
    teams.script_login(reply(400, &refusal));
    let answer = send(settings(&teams, imds())).await;
    assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::TokenRefused });
    assert_eq!(answer.evidence.detail.as_deref(), Some("the token service: Identity not found"));
    assert_eq!(teams.logins().len(), 10, "a refusal is no failure that passes");
}

#[tokio::test]
async fn app_service_is_shown_the_header_that_it_handed_out() {
    let teams = StandIn::start().await;
    let header = "853b9a84-never-shown";
    let endpoint = format!("{}{APP_SERVICE}", teams.url());
    let identity =
        || Identity::ManagedIdentity(ManagedIdentity::AppService { endpoint: endpoint.clone(), header: header.into() });
    let in_an_hour = (1_795_161_600 + 3600).to_string();
    teams.script_login(reply(200, &json!({ "access_token": "of-the-app", "expires_on": in_an_hour })));
    assert_delivered(&send(settings(&teams, identity())).await);
    let [login] = &teams.logins()[..] else { panic!("one request") };
    let query = "api-version=2019-08-01&resource=https%3A%2F%2Fapi.botframework.com";
    assert_eq!(login.path, format!("{APP_SERVICE}?{query}&client_id={APP}"));
    assert_eq!((login.header("x-identity-header"), login.header("metadata")), (header, ""));
    assert_eq!(teams.requests()[0].header("authorization"), "Bearer of-the-app");

    let text = format!("no identity for {header}");
    teams.script_login(reply(400, &json!({ "error": "x", "error_description": text })));
    let answer = send(settings(&teams, identity())).await;
    assert_eq!(answer.evidence.detail.as_deref(), Some("the token service: no identity for [secret]"));
    assert!(!format!("{:?}", identity()).contains(header));
}

#[tokio::test]
async fn what_is_shown_never_comes_out_again_and_goes_nowhere_else() {
    let (teams, stranger, files) = (StandIn::start().await, StandIn::start().await, Files::new());
    let issued = Issued::new();
    let pem = issued.key.serialize_pem() + &issued.certificate.pem();
    let certificate = files.write("bot.pem", &pem);
    let shown = [
        Identity::Secret { file: files.write("secret", SECRET), expires_on: None },
        Identity::Certificate { certificate: certificate.clone(), key: certificate, send_chain: true },
        Identity::WorkloadIdentity { assertion: files.write("token", ASSERTION) },
        Identity::ManagedIdentity(ManagedIdentity::Imds { url: teams.url() }),
        Identity::ManagedIdentity(ManagedIdentity::AppService {
            endpoint: format!("{}{APP_SERVICE}", teams.url()),
            header: SECRET.into(),
        }),
    ];
    let location = format!("{}/oauth2/v2.0/token", stranger.url());
    for identity in shown {
        let debug = format!("{:?}", settings(&teams, identity.clone()));
        assert!(![SECRET, ASSERTION, "PRIVATE KEY"].iter().any(|shown| debug.contains(shown)), "{debug}");
        for status in [301, 302, 303, 307, 308] {
            teams.script_login(reply_with(status, "location", &location, ""));
            let answer = send(settings(&teams, identity.clone())).await;
            assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::TokenUnavailable }, "{identity:?}");
        }
    }
    assert!(stranger.requests().is_empty() && stranger.logins().is_empty());

    // Somebody on the way who repeats what it was sent.
    let echo = |text: &str| reply(400, &json!({ "error": "invalid_client", "error_description": text }));
    let odd = r#"a~b"c\d+e"#;
    let secret = Identity::Secret { file: files.write("secret", odd), expires_on: None };
    teams.script_login(echo(&format!("{odd} client_secret=a%7Eb%22c%5Cd%2Be&x=1")));
    let answer = send(settings(&teams, secret)).await;
    let detail = answer.evidence.detail.expect("a sentence");
    assert_eq!(detail, "the token service: [secret] client_secret=[secret]&x=1");
    let assertion = files.write("token", ASSERTION);
    teams.script_login(echo(&format!("refused: client_assertion={ASSERTION} and {ASSERTION}")));
    let answer = send(settings(&teams, Identity::WorkloadIdentity { assertion })).await;
    assert_eq!(
        answer.evidence.detail.as_deref(),
        Some("the token service: refused: client_assertion=[secret] and [secret]")
    );
}

/// Runs two of the tests above in a process that is told to use a proxy which is not there.
#[test]
fn what_stays_on_the_machine_knows_no_proxy() {
    let program = std::env::current_exe().expect("a test program has a path");
    let nobody = "http://127.0.0.1:1";
    let output = std::process::Command::new(program)
        .args(["--exact", "adapter::teams::identity::tests::a_virtual_machine_asks_its_own_service"])
        .arg("adapter::teams::identity::tests::app_service_is_shown_the_header_that_it_handed_out")
        .envs(["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"].map(|name| (name, nobody)))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("2 passed"), "{said}");
}
