use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::rig::{CHAT, HandClock, Rig, read};
use crate::emulator::{Cloud, Credentials, Settings};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A certificate and what signs for it.
struct Signer {
    pem: String,
    key: RsaKeyPair,
    x5t: String,
    x5t_s256: String,
}

impl Signer {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["bot".to_owned()]).unwrap().self_signed(&key).unwrap();
        let thumbprint =
            |algorithm| BASE64_URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(algorithm, certificate.der()));
        Self {
            pem: certificate.pem(),
            x5t: thumbprint(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY),
            x5t_s256: thumbprint(&aws_lc_rs::digest::SHA256),
            key: RsaKeyPair::from_pkcs8(&key.serialize_der()).unwrap(),
        }
    }

    fn sign(&self, algorithm: &'static dyn RsaEncoding, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(algorithm, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Rig {
    fn claims(&self) -> Value {
        let Settings { app_id, tenant_id, .. } = Settings::default();
        let now = HandClock::start().timestamp();
        json!({
            "aud": format!("{}/{tenant_id}/oauth2/v2.0/token", self.emulator.base_url()),
            "iss": app_id, "sub": app_id, "iat": now, "nbf": now, "exp": now + 600, "jti": "1",
        })
    }

    /// Asks for a token with an assertion in the place of the secret.
    async fn assert(&self, assertion: &str) -> (StatusCode, Value) {
        let changes = [("client_secret", ""), ("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)];
        read(self.ask_token(&changes).await).await
    }

    #[track_caller]
    fn objects((status, body): &(StatusCode, Value), number: u32) {
        assert_eq!((status.as_u16(), &body["error_codes"]), (401, &json!([number])), "{body}");
    }

    async fn managed(&self, path: &str, header: Option<(&str, &str)>) -> (StatusCode, Value) {
        let mut request = self.client.get(format!("{}{path}", self.emulator.base_url()));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        read(request.send().await.unwrap()).await
    }
}

#[tokio::test]
async fn a_secret_is_replaced_while_the_old_one_goes_on_for_a_while() {
    let rig = Rig::start().await;
    let asks = async |secret: &str| read(rig.ask_token(&[("client_secret", secret)]).await).await.0.as_u16();
    let put = async |secrets: Value| {
        rig.control(Method::PUT, "/emulator/credentials", Some(json!({ "secrets": secrets }))).await.0
    };
    let old = Settings::default().app_secret;
    assert_eq!(put(json!([old, "next"])).await, StatusCode::NO_CONTENT);
    assert_eq!((asks(&old).await, asks("next").await), (200, 200));
    assert_eq!(put(json!(["next"])).await, StatusCode::NO_CONTENT);
    assert_eq!((asks(&old).await, asks("next").await), (401, 200));
    assert_eq!(rig.say(CHAT, "with a token of the old one").await.0, StatusCode::CREATED);
    let (_, shown) = rig.control(Method::GET, "/emulator/credentials", None).await;
    assert_eq!(shown, json!({ "secrets": 1, "assertions": 0, "certificates": [] }), "what they are is not told");
    assert_eq!(put(json!("next")).await, StatusCode::BAD_REQUEST);
    assert_eq!(asks("next").await, 200);
}

#[tokio::test]
async fn tokens_that_were_given_out_can_be_ended() {
    let mut rig = Rig::start().await;
    assert_eq!(rig.control(Method::DELETE, "/emulator/tokens", None).await.0, StatusCode::NO_CONTENT);
    let (status, body) = rig.say(CHAT, "hello").await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::UNAUTHORIZED, &json!("AuthorizationError")));
    let granted = rig.ask_token(&[]).await;
    rig.keep_token(granted).await;
    assert_eq!(rig.say(CHAT, "hello").await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn an_assertion_is_taken_if_it_says_the_right_things_and_is_signed_by_the_certificate() {
    let rig = Rig::start().await;
    let (own, other) = (Signer::new(), Signer::new());
    let rs256 = json!({ "alg": "RS256", "typ": "JWT", "x5t": own.x5t });
    let ps256 = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": own.x5t_s256 });
    let certificates = vec![own.pem.clone()];
    rig.emulator.set_credentials(Credentials { certificates, ..Credentials::default() }).unwrap();
    assert_eq!(rig.assert(&own.sign(&RSA_PKCS1_SHA256, &rs256, &rig.claims())).await.0, StatusCode::OK);
    assert_eq!(rig.assert(&own.sign(&RSA_PSS_SHA256, &ps256, &rig.claims())).await.0, StatusCode::OK);

    // Signed by another key, by the other algorithm, or under another certificate's thumbprint.
    Rig::objects(&rig.assert(&other.sign(&RSA_PKCS1_SHA256, &rs256, &rig.claims())).await, 700_027);
    Rig::objects(&rig.assert(&own.sign(&RSA_PSS_SHA256, &rs256, &rig.claims())).await, 700_027);
    let named_otherwise = json!({ "alg": "RS256", "x5t": other.x5t });
    Rig::objects(&rig.assert(&own.sign(&RSA_PKCS1_SHA256, &named_otherwise, &rig.claims())).await, 700_027);

    let (_, shown) = rig.control(Method::GET, "/emulator/credentials", None).await;
    assert_eq!(shown["certificates"], json!([{ "x5t": own.x5t, "x5t#S256": own.x5t_s256 }]));
    assert_eq!(read(rig.ask_token(&[]).await).await.0, StatusCode::UNAUTHORIZED, "no secret is accepted any more");
}

#[tokio::test]
async fn without_a_certificate_to_check_by_an_assertion_must_still_say_the_right_things() {
    let rig = Rig::start().await;
    let signer = Signer::new();
    let header = json!({ "alg": "RS256", "x5t": signer.x5t });
    let sign = |header: &Value, claims: &Value| signer.sign(&RSA_PKCS1_SHA256, header, claims);
    assert_eq!(rig.assert(&sign(&header, &rig.claims())).await.0, StatusCode::OK);

    let now = HandClock::start().timestamp();
    for (claim, value, number) in [
        ("aud", json!("https://login.microsoftonline.com/common/oauth2/v2.0/token"), 700_023),
        ("iss", json!("another"), 700_021),
        ("sub", json!("another"), 700_021),
        ("exp", json!(now - 300), 700_024),
        ("nbf", json!(now + 301), 700_024),
        ("exp", Value::Null, 50_027),
    ] {
        let mut claims = rig.claims();
        claims[claim] = value;
        Rig::objects(&rig.assert(&sign(&header, &claims)).await, number);
    }
    for header in [json!({ "alg": "none", "x5t": "x" }), json!({ "alg": "RS256" })] {
        Rig::objects(&rig.assert(&sign(&header, &rig.claims())).await, 50_027);
    }
    for garbage in ["one", "a.b.c", "e30.e30.e30"] {
        Rig::objects(&rig.assert(garbage).await, 50_027);
    }
    let no_type = [("client_secret", ""), ("client_assertion", "x")];
    assert_eq!(read(rig.ask_token(&no_type).await).await.1["error_codes"], json!([900_144]));
    let both = [("client_assertion_type", JWT_BEARER), ("client_assertion", "x")];
    Rig::objects(&read(rig.ask_token(&both).await).await, 7_000_216);
}

#[tokio::test]
async fn a_certificate_that_is_none_is_refused_and_nothing_changes() {
    let rig = Rig::start().await;
    let not_x509 = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (pem, says) in [("hello", "is no certificate in PEM"), (not_x509, "can't be read")] {
        let body = json!({ "certificates": [Signer::new().pem, pem] });
        let (status, answer) = rig.control(Method::PUT, "/emulator/credentials", Some(body)).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(message.starts_with("certificate 2 of the list ") && message.contains(says), "{message}");
    }
    assert_eq!(read(rig.ask_token(&[]).await).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_content_of_a_token_file_is_taken_word_for_word() {
    let rig = Rig::start().await;
    let assertions = vec!["the.file.content".to_owned()];
    rig.emulator.set_credentials(Credentials { assertions, ..Credentials::default() }).unwrap();
    assert_eq!(rig.assert("the.file.content").await.0, StatusCode::OK);
    Rig::objects(&rig.assert("an.older.content").await, 50_027);
}

#[tokio::test]
async fn a_machine_vouches_for_its_managed_identity() {
    let mut rig = Rig::start().await;
    let ask = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://api.botframework.com";
    let own = format!("{ask}&client_id={}", Settings::default().app_id);
    let (status, body) = rig.managed(&own, Some(("metadata", "true"))).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let ends_at = HandClock::start() + Duration::from_hours(1);
    assert_eq!((&body["expires_in"], &body["expires_on"]), (&json!("3600"), &json!(ends_at.timestamp().to_string())));
    assert_eq!((&body["token_type"], &body["resource"]), (&json!("Bearer"), &json!("https://api.botframework.com")));
    body["access_token"].as_str().unwrap().clone_into(&mut rig.token);
    assert_eq!(rig.say(CHAT, "hello").await.0, StatusCode::CREATED);
    assert_eq!(rig.emulator.figures().tokens_issued, 2);

    for (path, header) in [
        (own.clone(), None),
        (own.replace("2018-02-01", "2019-08-01"), Some(("metadata", "true"))),
        (own.replace("api.botframework.com", "graph.microsoft.com"), Some(("metadata", "true"))),
        (format!("{ask}&client_id=another"), Some(("metadata", "true"))),
    ] {
        let (status, body) = rig.managed(&path, header).await;
        assert_eq!((status, body["error"].is_string()), (StatusCode::BAD_REQUEST, true), "{path}: {body}");
    }
}

#[tokio::test]
async fn app_service_vouches_for_its_managed_identity() {
    let mut rig = Rig::start().await;
    let ask = "/msi/token?api-version=2019-08-01&resource=https://api.botframework.com";
    let Settings { identity_header, .. } = Settings::default();
    let (status, body) = rig.managed(ask, Some(("x-identity-header", &identity_header))).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(body["expires_on"].is_string() && body.get("expires_in").is_none(), "{body}");
    body["access_token"].as_str().unwrap().clone_into(&mut rig.token);
    assert_eq!(rig.say(CHAT, "hello").await.0, StatusCode::CREATED);
    for header in [None, Some(("x-identity-header", "wrong"))] {
        assert_eq!(rig.managed(ask, header).await.0, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn the_token_of_a_managed_identity_may_stand_as_an_assertion() {
    let mut rig = Rig::start().await;
    let ask = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api://AzureADTokenExchange";
    let token = rig.managed(ask, Some(("metadata", "true"))).await.1["access_token"].as_str().unwrap().to_owned();
    assert_eq!(rig.assert(&token).await.0, StatusCode::OK);
    rig.token.clone_from(&token);
    assert_eq!(rig.say(CHAT, "hello").await.0, StatusCode::UNAUTHORIZED, "it is not for the Connector");
    rig.clock.advance(Duration::from_hours(1));
    Rig::objects(&rig.assert(&token).await, 50_027);
}

#[tokio::test]
async fn each_cloud_has_its_own_scope_and_shared_tenant() {
    for (cloud, scope, tenant) in [
        (Cloud::Public, "https://api.botframework.com/.default", "botframework.com"),
        (Cloud::Gcc, "https://api.botframework.com/.default", "botframework.com"),
        (Cloud::GccHigh, "https://api.botframework.us/.default", "MicrosoftServices.onmicrosoft.us"),
        (Cloud::Dod, "https://api.botframework.us/.default", "MicrosoftServices.onmicrosoft.us"),
        (Cloud::China, "https://api.botframework.azure.cn/.default", "microsoftservices.partner.onmschina.cn"),
    ] {
        let rig = Rig::without_token(Settings { cloud, ..Settings::default() }).await;
        assert_eq!(read(rig.ask_token(&[("scope", scope)]).await).await.0, StatusCode::OK, "{}", cloud.name());
        let settings = Settings::default();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &settings.app_id),
            ("client_secret", &settings.app_secret),
            ("scope", scope),
        ];
        let url = format!("{}/{tenant}/oauth2/v2.0/token", rig.emulator.base_url());
        assert_eq!(rig.client.post(url).form(&form).send().await.unwrap().status(), StatusCode::OK, "{tenant}");
        let foreign = if scope.contains(".us") {
            "https://api.botframework.com/.default"
        } else {
            "https://api.botframework.us/.default"
        };
        assert_eq!(read(rig.ask_token(&[("scope", foreign)]).await).await.1["error"], json!("invalid_resource"));
    }
}
