use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use super::rig::{CHAT, Rig, activities, read};
use crate::emulator::Settings;

#[tokio::test]
async fn a_token_is_granted_and_says_how_long_it_lives() {
    let rig = Rig::start().await;
    let (status, body) = read(rig.ask_token(&[]).await).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_ne!(body["access_token"], json!(rig.token), "each one is new");
    assert_eq!(rig.emulator.figures().tokens_issued, 2);
}

#[tokio::test]
async fn what_entra_refuses_is_refused_in_its_words() {
    let rig = Rig::start().await;
    for (change, expect, error, number) in [
        (("grant_type", ""), 400, "invalid_request", 900_144),
        (("client_secret", ""), 401, "invalid_client", 7_000_216),
        (("grant_type", "password"), 400, "unsupported_grant_type", 70003),
        (("client_id", "c0000000-0000-4000-8000-00000000000c"), 400, "unauthorized_client", 700_016),
        (("client_secret", "wrong"), 401, "invalid_client", 7_000_215),
        (("scope", "https://graph.microsoft.com/.default"), 400, "invalid_resource", 500_011),
    ] {
        let (status, body) = read(rig.ask_token(&[change]).await).await;
        assert_eq!((status.as_u16(), &body["error"]), (expect, &json!(error)), "{change:?}: {body}");
        assert_eq!(body["error_codes"], json!([number]), "{change:?}");
        let description = body["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{number}: ")), "{description}");
        assert_eq!(body["timestamp"], json!("2026-11-23 09:00:00Z"));
    }
    assert_eq!(rig.emulator.figures().tokens_issued, 1, "only the one of the rig");
    assert_eq!(rig.emulator.figures().refused, [(400, 4), (401, 2)].into());
}

#[tokio::test]
async fn the_tenant_is_the_bots_own_or_the_bot_framework() {
    let rig = Rig::start().await;
    let settings = Settings::default();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &settings.app_id),
        ("client_secret", &settings.app_secret),
        ("scope", "https://api.botframework.com/.default"),
    ];
    for (tenant, expect) in [("botframework.com", 200), (settings.tenant_id.as_str(), 200), ("contoso.example", 400)] {
        let url = format!("{}/{tenant}/oauth2/v2.0/token", rig.emulator.base_url());
        let (status, body) = read(rig.client.post(&url).form(&form).send().await.unwrap()).await;
        assert_eq!(status.as_u16(), expect, "{tenant}: {body}");
        // The same bytes, declared as something else, are no form.
        let bytes = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let undeclared = rig.client.post(&url).header("content-type", "text/plain").body(bytes);
        let (status, _) = read(undeclared.send().await.unwrap()).await;
        assert_eq!(status.as_u16(), 400, "{tenant}");
    }
}

#[tokio::test]
async fn the_connector_wants_a_token_that_is_still_good() {
    let mut rig = Rig::start().await;
    let denied = json!({ "message": "Authorization has been denied for this request." });

    let url = format!("{}{}", rig.emulator.service_url(), activities(CHAT));
    let body = json!({ "type": "message", "text": "no token" });
    let (status, answer) = read(rig.client.post(url).json(&body).send().await.unwrap()).await;
    assert_eq!((status, &answer), (StatusCode::UNAUTHORIZED, &denied));

    let good = std::mem::replace(&mut rig.token, "made-up".to_owned());
    let (status, answer) = rig.say(CHAT, "unknown token").await;
    assert_eq!((status, &answer), (StatusCode::UNAUTHORIZED, &denied));
    let (status, _) = rig.create(super::rig::ANA).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    rig.token = good;
    rig.clock.advance(Duration::from_hours(1) - Duration::from_micros(1));
    assert_eq!(rig.say(CHAT, "in its last microsecond").await.0, StatusCode::CREATED);
    rig.clock.advance(Duration::from_micros(1));
    let (status, answer) = rig.say(CHAT, "expired").await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::UNAUTHORIZED, &json!("AuthorizationError")));

    assert_eq!(rig.texts(), ["in its last microsecond"]);
}
