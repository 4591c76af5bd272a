//! The whole room against a server of its own.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::stand_in::{APP, Breaking, HOME, Script, StandIn, StillClock, connector, hello, known, reply, reply_with};
use super::{Identity, ManagedIdentity, SetupError, TeamsConnector, TeamsSettings, Untrusted};
use crate::domain::delivery::Reason;
use crate::domain::recipient::Reference;
use crate::domain::verdict::{Answer, Verdict};
use crate::port::connector::{Connector, Conversation};

fn delivered(id: &str) -> Verdict {
    Verdict::Delivered { activity_id: Some(id.to_owned()) }
}

fn unknown(reason: Reason) -> Verdict {
    Verdict::Unknown { reason, after: None }
}

fn retry(reason: Reason) -> Verdict {
    Verdict::Retry { reason, after: None }
}

fn refused_token() -> Script {
    reply(401, &json!({ "message": "Authorization has been denied for this request." }))
}

fn settings_with_service(stand_in: &StandIn, service: std::net::SocketAddr) -> TeamsSettings {
    TeamsSettings {
        default_service_url: Some(format!("http://{service}/teams")),
        trusted_hosts: vec![service.to_string()],
        ..stand_in.settings()
    }
}

#[tokio::test]
async fn a_message_looks_like_this_on_the_wire() {
    let teams = StandIn::start().await;
    let reference = Reference {
        service_url: Some(format!("{}/amer/{HOME}/", teams.url())),
        conversation_id: Some("19:ab-c_d@thread.tacv2;messageid=1".into()),
        tenant_id: Some("99999999-2222-4333-8444-555555555555".into()),
        bot_id: Some("28:bot".into()),
        user_id: Some("29:1bC".into()),
        entra_object_id: Some("bbbbbbbb-0000-4000-8000-000000000001".into()),
    };
    let answer = teams.connector().continue_conversation(&reference, &hello()).await;
    assert_eq!(answer.verdict, delivered("1776390257332"));
    assert_eq!(answer.evidence.status, Some(201));
    assert_eq!(answer.evidence.correlation_id.as_deref(), Some("cv.0"));
    assert_eq!(answer.evidence.error_code, None);

    let [sent] = &teams.requests()[..] else { panic!("one request") };
    assert_eq!(
        sent.path,
        format!("/amer/{HOME}/v3/conversations/19%3Aab-c_d%40thread.tacv2%3Bmessageid%3D1/activities")
    );
    assert_eq!(sent.header("authorization"), "Bearer token-1");
    assert_eq!(sent.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(sent.header("accept"), "application/json");
    assert_eq!(sent.header("user-agent"), concat!("nudged/", env!("CARGO_PKG_VERSION")));
    assert_eq!(
        sent.json(),
        json!({
            "type": "message",
            "text": "**Stand-up** in 5 minutes",
            "textFormat": "markdown",
            "locale": "de-CH",
            "from": { "id": "28:bot" },
            "recipient": { "id": "29:1bC", "aadObjectId": "bbbbbbbb-0000-4000-8000-000000000001" },
            "conversation": {
                "id": "19:ab-c_d@thread.tacv2;messageid=1",
                "tenantId": "99999999-2222-4333-8444-555555555555"
            },
            "channelData": { "tenant": { "id": "99999999-2222-4333-8444-555555555555" } }
        })
    );
}

#[tokio::test]
async fn a_card_is_an_attachment_with_a_summary_and_without_a_text() {
    let teams = StandIn::start().await;
    let card = json!({ "type": "AdaptiveCard", "version": "1.5", "body": [] });
    let said = crate::domain::message::Said::Card { summary: "News".into(), card: card.clone() };
    let activity = crate::port::connector::OutgoingActivity { said, locale: None };
    teams.connector().continue_conversation(&known("a:1"), &activity).await;
    let [sent] = &teams.requests()[..] else { panic!("one request") };
    assert_eq!(
        sent.json(),
        json!({
            "type": "message",
            "summary": "News",
            "attachments": [{ "contentType": "application/vnd.microsoft.card.adaptive", "content": card }],
            "from": { "id": format!("28:{APP}") },
            "conversation": { "id": "a:1", "tenantId": HOME },
            "channelData": { "tenant": { "id": HOME } }
        })
    );
}

#[tokio::test]
async fn what_a_reference_lacks_is_left_out_or_filled_from_home() {
    let teams = StandIn::start().await;
    let activity = crate::port::connector::OutgoingActivity { locale: None, ..hello() };
    teams.connector().continue_conversation(&known("a:1"), &activity).await;
    let [sent] = &teams.requests()[..] else { panic!("one request") };
    assert_eq!(sent.path, "/teams/v3/conversations/a%3A1/activities");
    assert_eq!(
        sent.json(),
        json!({
            "type": "message",
            "text": "**Stand-up** in 5 minutes",
            "textFormat": "markdown",
            "from": { "id": format!("28:{APP}") },
            "conversation": { "id": "a:1", "tenantId": HOME },
            "channelData": { "tenant": { "id": HOME } }
        })
    );
}

#[tokio::test]
async fn a_conversation_is_created_with_one_member_and_nothing_said() {
    let teams = StandIn::start().await;
    teams.script(reply(201, &json!({ "id": "a:1new", "serviceUrl": format!("{}/emea", teams.url()) })));
    teams.script(reply(201, &json!({ "id": "a:1new", "serviceUrl": format!("{}/teams", teams.url()) })));
    teams.script(reply(201, &json!({ "id": "a:1new", "serviceUrl": "https://evil.example/" })));
    let connector = teams.connector();
    let by_teams_id = Reference {
        user_id: Some("29:1bC".into()),
        entra_object_id: Some("bbbbbbbb-0000-4000-8000-000000000001".into()),
        ..Reference::default()
    };
    let made = |service_url| Ok(Conversation { conversation_id: "a:1new".into(), service_url });
    assert_eq!(connector.create_conversation(&by_teams_id).await, made(Some(format!("{}/emea", teams.url()))));
    let by_entra_id = Reference { user_id: None, ..by_teams_id };
    assert_eq!(connector.create_conversation(&by_entra_id).await, made(None), "the place that was asked");
    assert_eq!(connector.create_conversation(&by_entra_id).await, made(None), "an untrusted place");

    let sent = teams.requests();
    assert_eq!(sent[0].path, "/teams/v3/conversations");
    assert_eq!(sent[0].header("authorization"), "Bearer token-1");
    assert_eq!(
        sent[0].json(),
        json!({
            "isGroup": false,
            "bot": { "id": format!("28:{APP}") },
            "members": [{ "id": "29:1bC" }],
            "tenantId": HOME,
            "channelData": { "tenant": { "id": HOME } }
        })
    );
    assert_eq!(sent[1].json()["members"], json!([{ "id": "bbbbbbbb-0000-4000-8000-000000000001" }]));
}

#[tokio::test]
async fn a_creation_in_doubt_may_be_tried_again() {
    let teams = StandIn::start().await;
    let connector = teams.connector();
    let reference = Reference { user_id: Some("29:1bC".into()), ..Reference::default() };
    let check = async |script: Script, expect: Verdict| {
        teams.script(script);
        let answer = connector.create_conversation(&reference).await.expect_err("no conversation");
        assert_eq!(answer.verdict, expect);
    };
    check(reply(502, &Value::Null), retry(Reason::ServerError)).await;
    check(reply(200, &json!({})), retry(Reason::ServerError)).await;
    check(reply(202, &json!({ "id": "" })), retry(Reason::ServerError)).await;
    let not_installed = json!({ "error": { "code": "ForbiddenOperationException", "message": "not installed" } });
    check(reply(403, &not_installed), Verdict::Permanent { reason: Reason::Uninstalled }).await;
}

#[tokio::test]
async fn a_reference_without_an_id_makes_no_request() {
    let teams = StandIn::start().await;
    let connector = teams.connector();
    let expect = Verdict::Permanent { reason: Reason::NoReference };
    for conversation_id in [None, Some(""), Some(".."), Some(".")] {
        let reference = Reference { conversation_id: conversation_id.map(Into::into), ..Reference::default() };
        assert_eq!(connector.continue_conversation(&reference, &hello()).await.verdict, expect);
    }
    let answer = connector.create_conversation(&Reference::default()).await.expect_err("nobody to talk to");
    assert_eq!(answer.verdict, expect);
    assert!(teams.requests().is_empty() && teams.logins().is_empty());
}

/// What every operation of the connector says about one reference.
async fn every_operation(connector: &TeamsConnector, reference: &Reference) -> Vec<Verdict> {
    let verdict = |answer: Answer| answer.verdict;
    vec![
        verdict(connector.continue_conversation(reference, &hello()).await),
        verdict(connector.create_conversation(reference).await.expect_err("nothing made")),
        verdict(connector.post_in_channel(reference, &hello()).await.answer),
        verdict(connector.update_activity(reference, "1", &hello()).await),
        verdict(connector.delete_activity(reference, "1").await),
        verdict(connector.members(reference, None).await.expect_err("nothing read")),
        verdict(connector.channels(reference).await.expect_err("nothing read")),
        verdict(connector.team(reference).await.expect_err("nothing read")),
    ]
}

#[tokio::test]
async fn an_untrusted_host_gets_no_request_and_causes_no_token() {
    let teams = StandIn::start().await;
    let other = StandIn::start().await;
    let connector = teams.connector();
    for service_url in [other.url(), format!("http://a@{}", teams.address), "https://evil.example/".into()] {
        let reference = Reference { service_url: Some(service_url), user_id: Some("29:1".into()), ..known("a:1") };
        let expect = Verdict::Permanent { reason: Reason::UntrustedHost };
        assert_eq!(every_operation(&connector, &reference).await, vec![expect; 8]);
    }
    assert!(other.requests().is_empty() && other.logins().is_empty());
    assert!(teams.requests().is_empty() && teams.logins().is_empty());
}

#[tokio::test]
async fn no_operation_follows_a_redirect() {
    let teams = StandIn::start().await;
    let other = StandIn::start().await;
    for status in [301, 302, 303, 307, 308, 307, 308, 307] {
        teams.script(reply_with(status, "location", &format!("{}/teams/", other.url()), ""));
    }
    let reference = Reference { user_id: Some("29:1".into()), ..known("a:1") };
    let expect = Verdict::Permanent { reason: Reason::Refused };
    assert_eq!(every_operation(&teams.connector(), &reference).await, vec![expect; 8]);
    assert_eq!(teams.requests().len(), 8);
    assert!(other.requests().is_empty() && other.logins().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let teams = StandIn::start().await;
    let target = StandIn::start().await;
    let connector = teams.connector();
    for status in [301, 302, 303, 307, 308] {
        teams.script(reply_with(status, "location", &format!("{}/x", target.url()), ""));
        let answer = connector.continue_conversation(&known("a:1"), &hello()).await;
        assert_eq!(answer.verdict, Verdict::Permanent { reason: Reason::Refused }, "{status}");
    }
    teams.script_login(reply_with(307, "location", &format!("{}/oauth2/v2.0/token", target.url()), ""));
    let answer = teams.connector().continue_conversation(&known("a:1"), &hello()).await;
    assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::TokenUnavailable });
    assert!(target.requests().is_empty() && target.logins().is_empty());
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let teams = StandIn::start().await;
    let connector = teams.connector();
    teams.script(refused_token());
    let answer = connector.continue_conversation(&known("a:1"), &hello()).await;
    assert_eq!(answer.verdict, delivered("1776390257332"));
    let bearers = |teams: &StandIn| {
        teams.requests().iter().map(|sent| sent.header("authorization").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(bearers(&teams), ["Bearer token-1", "Bearer token-2"]);
    let sent = teams.requests();
    assert_eq!((&sent[0].path, &sent[0].body), (&sent[1].path, &sent[1].body));

    teams.script(refused_token());
    teams.script(refused_token());
    let answer = connector.continue_conversation(&known("a:1"), &hello()).await;
    assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::AuthRefused });
    assert_eq!(bearers(&teams)[2..], ["Bearer token-2", "Bearer token-3"], "twice and not thrice");
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_our_fault() {
    let teams = StandIn::start().await;
    let connector = teams.connector();
    teams.script(refused_token());
    teams.script_login(reply(200, &json!({ "access_token": "first", "expires_in": "3599" })));
    teams.script_login(reply(401, &json!({ "error": "invalid_client", "error_description": "AADSTS7000215: no" })));
    let answer = connector.continue_conversation(&known("a:1"), &hello()).await;
    assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::TokenRefused });
    assert_eq!(teams.requests().len(), 1);
}

#[tokio::test]
async fn no_answer_in_time_is_unknown() {
    let teams = StandIn::start().await;
    let settings = TeamsSettings { request_timeout: Duration::from_secs(1), ..teams.settings() };
    let connector = connector(settings);
    let answer = connector.continue_conversation(&known("a:1"), &hello()).await;
    assert_eq!(answer.verdict, delivered("1776390257332"));
    teams.script(Script::Hang);
    let answer = connector.continue_conversation(&known("a:1"), &hello()).await;
    assert_eq!(answer.verdict, unknown(Reason::NoAnswer));
    assert_eq!(answer.evidence.status, None);
    assert_eq!(teams.requests().len(), 2, "not repeated");
}

#[tokio::test]
async fn a_refused_connection_is_tried_again() {
    let teams = StandIn::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let nobody = listener.local_addr().expect("a bound socket");
    drop(listener);
    let answer = connector(settings_with_service(&teams, nobody)).continue_conversation(&known("a:1"), &hello()).await;
    assert_eq!(answer.verdict, retry(Reason::NotConnected));
    let detail = answer.evidence.detail.expect("a cause");
    assert!(detail.contains("refused") && !detail.contains("a%3A1"), "{detail}");
}

#[tokio::test]
async fn tls_that_does_not_come_about_is_tried_again() {
    let teams = StandIn::start().await;
    let plain_speaker = Breaking::start(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    // Bound and never accepted from: the kernel connects, and nobody shakes hands.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent_address = silent.local_addr().expect("a bound socket");
    let settings = TeamsSettings {
        trusted_hosts: vec![teams.address.to_string(), plain_speaker.address.to_string(), silent_address.to_string()],
        connect_timeout: Duration::from_millis(200),
        ..teams.settings()
    };
    let connector = connector(settings);
    for service in [silent_address, plain_speaker.address] {
        let reference = Reference { service_url: Some(format!("https://{service}/")), ..known("a:1") };
        let answer = connector.continue_conversation(&reference, &hello()).await;
        match answer.verdict {
            Verdict::Retry { reason: Reason::NotConnected, after: None } => {}
            // On a machine without root certificates.
            Verdict::OurFault { reason: Reason::NotConnected } => {}
            other => panic!("{service}: {other:?} {:?}", answer.evidence),
        }
    }
}

#[tokio::test]
async fn a_connection_cut_before_the_status_is_unknown_and_after_it_is_not() {
    let teams = StandIn::start().await;
    let check = async |bytes: &'static [u8], expect: Verdict| {
        let breaking = Breaking::start(bytes).await;
        let connector = connector(settings_with_service(&teams, breaking.address));
        let answer = connector.continue_conversation(&known("a:1"), &hello()).await;
        assert_eq!(answer.verdict, expect, "{:?} {:?}", String::from_utf8_lossy(bytes), answer.evidence);
    };
    check(b"", unknown(Reason::NoAnswer)).await;
    check(b"HTTP/1.1 20", unknown(Reason::NoAnswer)).await;
    check(b"SSH-2.0-x\r\n\r\n", unknown(Reason::NoAnswer)).await;
    check(b"HTTP/1.1 201 Created\r\nContent-Le", unknown(Reason::NoAnswer)).await;
    check(b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{\"id\":", Verdict::Delivered { activity_id: None })
        .await;
    check(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", Verdict::Delivered { activity_id: None }).await;
    check(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 99\r\n\r\n<html>", unknown(Reason::ServerError)).await;
}

#[tokio::test]
async fn an_idle_connection_that_was_closed_costs_nothing() {
    let teams = StandIn::start().await;
    // Keep-alive by its version, closed all the same after each answer.
    let closing = Breaking::start(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{\"id\":\"7\"}").await;
    let connector = connector(settings_with_service(&teams, closing.address));
    let mut count = 0;
    for _ in 0..20 {
        let answer = connector.continue_conversation(&known("a:1"), &hello()).await;
        // In the race between the closing and the next request, losing is unknown.
        if answer.verdict == delivered("7") {
            count += 1;
        } else {
            assert_eq!(answer.verdict, unknown(Reason::NoAnswer));
        }
    }
    assert!(count > 0);
    assert_eq!(closing.requests(), count, "no request was doubled");
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let teams = StandIn::start().await;
    teams.script(reply_with(400, "content-type", "text/html", &"x".repeat(1 << 20)));
    let answer = teams.connector().continue_conversation(&known("a:1"), &hello()).await;
    assert_eq!(answer.verdict, Verdict::Permanent { reason: Reason::Refused });
    assert!(answer.evidence.detail.expect("the beginning").chars().count() <= 301);
}

#[tokio::test]
async fn where_no_service_url_is_known_and_none_is_set_nothing_is_sent() {
    let teams = StandIn::start().await;
    let connector = connector(TeamsSettings { default_service_url: None, ..teams.settings() });
    let expect = Verdict::Permanent { reason: Reason::NoReference };
    assert_eq!(connector.continue_conversation(&known("a:1"), &hello()).await.verdict, expect);
    let reference = Reference { user_id: Some("29:1".into()), ..Reference::default() };
    assert_eq!(connector.create_conversation(&reference).await.expect_err("no place").verdict, expect);
    assert!(teams.requests().is_empty() && teams.logins().is_empty());
    let reference = Reference { service_url: Some(teams.url()), ..known("a:1") };
    assert_eq!(connector.continue_conversation(&reference, &hello()).await.verdict, delivered("1776390257332"));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let teams = StandIn::start().await;
    let check = |change: fn(&mut TeamsSettings)| {
        let mut settings = teams.settings();
        change(&mut settings);
        TeamsConnector::new(settings, Arc::new(StillClock::default())).err().map(|error| error.to_string())
    };
    assert_eq!(check(|_| ()), None);
    for (change, expect) in [
        (
            (|s| s.trusted_hosts.push("*.example".into())) as fn(&mut TeamsSettings),
            SetupError::TrustedHost("*.example".into()),
        ),
        (
            |s| s.login_url = "http://login.microsoftonline.com".into(),
            SetupError::LoginUrl(Untrusted::Scheme("http".into())),
        ),
        (
            |s| s.default_service_url = Some("https://evil.example/".into()),
            SetupError::ServiceUrl(Untrusted::NotListed("evil.example".into())),
        ),
        (|s| s.tenant_id.clear(), SetupError::TenantId),
        (|s| s.app_id.clear(), SetupError::AppId),
        (
            |s| s.default_service_url = Some("https://smba.infra.gcc.teams.microsoft.com/teams".into()),
            SetupError::ServiceUrl(Untrusted::NotListed("smba.infra.gcc.teams.microsoft.com".into())),
        ),
        (
            |s| {
                let url = "http://identity.example".to_owned();
                s.identity = Arc::new(Identity::ManagedIdentity(ManagedIdentity::Imds { url }));
            },
            SetupError::IdentityUrl(Untrusted::NotLocal),
        ),
    ] {
        assert_eq!(check(change), Some(expect.to_string()));
    }
}

/// The child half of [`a_machine_without_root_certificates_reaches_the_loopback_only`]; alone it checks nothing new.
#[tokio::test]
async fn reaches_the_loopback() {
    let teams = StandIn::start().await;
    let answer = teams.connector().continue_conversation(&known("a:1"), &hello()).await;
    assert_eq!(answer.verdict, delivered("1776390257332"));
    if std::env::var_os("NUDGED_TEST_WITHOUT_ROOTS").is_none() {
        return;
    }
    let real = TeamsSettings { login_url: "https://login.microsoftonline.com".into(), ..teams.settings() };
    let error = TeamsConnector::new(real, Arc::new(StillClock::default())).err().expect("no roots, no https");
    assert!(matches!(&error, SetupError::NoTls(_)), "{error}");
    assert!(error.to_string().contains("ca-certificates"), "{error}");

    let reference = Reference { service_url: Some("https://smba.trafficmanager.net/teams/".into()), ..known("a:1") };
    let Answer { verdict, .. } = teams.connector().continue_conversation(&reference, &hello()).await;
    assert_eq!(verdict, Verdict::OurFault { reason: Reason::NotConnected });
}

/// Runs the test above in a process that finds no root certificates.
#[test]
fn a_machine_without_root_certificates_reaches_the_loopback_only() {
    let program = std::env::current_exe().expect("a test program has a path");
    let output = std::process::Command::new(program)
        .args(["--exact", "adapter::teams::tests::reaches_the_loopback"])
        .env("SSL_CERT_FILE", "/dev/null")
        .env_remove("SSL_CERT_DIR")
        .env("NUDGED_TEST_WITHOUT_ROOTS", "1")
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
