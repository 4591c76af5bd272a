//! Telling a bot: what it gets, by which keys it can know it, and what came back.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hyper_util::rt::TokioIo;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::rig::Rig;
use crate::emulator::{Algorithm, Forgery, Inbound, KeyOf, Settings, Telling};

/// What a bot got: the token, and the activity.
type Got = (String, Value);

/// A bot that answers everything with 202 and a word, and passes it on.
struct Bot {
    url: String,
    got: mpsc::Receiver<Got>,
    _task: JoinSet<()>,
}

impl Bot {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/messages", listener.local_addr().unwrap());
        let (sender, got) = mpsc::channel(16);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let service = hyper::service::service_fn(|request: hyper::Request<hyper::body::Incoming>| {
                let sender = sender.clone();
                async move {
                    let token = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
                    let body = http_body_util::BodyExt::collect(request.into_body()).await?.to_bytes();
                    let activity = serde_json::from_slice(&body).unwrap_or_default();
                    sender.send((token.unwrap_or_default(), activity)).await.unwrap();
                    let answer = hyper::Response::builder().status(202).body("heard".to_owned());
                    Ok::<_, hyper::Error>(answer.unwrap())
                }
            });
            while let Ok((stream, _)) = listener.accept().await {
                let mut server = hyper::server::conn::http1::Builder::new();
                let _ = server.keep_alive(false).serve_connection(TokioIo::new(stream), &service).await;
            }
        });
        Self { url, got, _task: task }
    }

    async fn got(&mut self) -> Got {
        self.got.recv().await.unwrap()
    }
}

/// Header and claims of a token.
fn parts(authorization: &str) -> (Value, Value) {
    let token = authorization.strip_prefix("Bearer ").unwrap();
    let mut parts = token.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut next = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (next(), next())
}

#[tokio::test]
async fn a_bot_is_told_over_the_control_interface_and_its_answers_come_back() {
    let (rig, mut bot) = (Rig::start().await, Bot::start().await);
    let told = json!({ "to": bot.url, "from": "29:1ana", "tell": { "message": "stop" }, "times": 2 });
    let (status, said) = rig.control(Method::POST, "/emulator/inbound", Some(told)).await;
    let answer = json!({ "status": 202, "body": "heard" });
    assert_eq!((status, said), (StatusCode::OK, json!({ "answers": [answer, answer] })));
    let (first, second) = (bot.got().await, bot.got().await);
    assert_eq!(first.1, second.1, "a repetition has the same id");
    let activity = first.1;
    assert_eq!((&activity["text"], &activity["from"]["id"]), (&json!("stop"), &json!("29:1ana")));
    assert_eq!(activity["serviceUrl"], json!(rig.emulator.service_url()));
    let (header, claims) = parts(&first.0);
    assert_eq!((&header["alg"], &claims["aud"]), (&json!("RS256"), &json!(Settings::default().app_id)));
    assert_eq!(claims["serviceurl"], activity["serviceUrl"]);
}

#[tokio::test]
async fn each_telling_has_the_shape_of_teams() {
    let (rig, mut bot) = (Rig::start().await, Bot::start().await);
    let invoke = Telling::Invoke { name: "adaptiveCard/action".into(), value: json!({ "action": {} }) };
    for (telling, expect) in [
        (Telling::Install, json!({ "type": "installationUpdate", "action": "add" })),
        (Telling::Uninstall, json!({ "type": "installationUpdate", "action": "remove" })),
        (invoke, json!({ "type": "invoke", "name": "adaptiveCard/action", "value": { "action": {} } })),
        (Telling::Activity(json!({ "type": "typing" })), json!({ "type": "typing" })),
    ] {
        rig.emulator.tell(&Inbound::new(&bot.url, telling)).await;
        let (_, activity) = bot.got().await;
        for (name, value) in expect.as_object().unwrap() {
            assert_eq!(&activity[name], value, "{activity}");
        }
    }
}

#[tokio::test]
async fn forgeries_are_as_they_were_ordered() {
    let (rig, mut bot) = (Rig::start().await, Bot::start().await);
    let forge = Forgery {
        aud: Some("other".into()),
        iss: Some("https://evil.example".into()),
        expires_in: Some(-1),
        starts_in: Some(-9),
        serviceurl: Some(String::new()),
        kid: Some("k".into()),
        key: KeyOf::Webchat,
        alg: Algorithm::None,
        authorization: None,
    };
    rig.emulator.tell(&Inbound::new(&bot.url, Telling::Body("{".into())).forged(forge)).await;
    let (token, body) = bot.got().await;
    assert!(token.ends_with('.'), "there is no signature: {token}");
    let (header, claims) = parts(&token);
    assert_eq!((&header["alg"], &header["kid"]), (&json!("none"), &json!("k")));
    let now = super::rig::HandClock::start().timestamp();
    let expect = json!({ "aud": "other", "iss": "https://evil.example", "exp": now - 1, "nbf": now - 9 });
    assert_eq!((claims, body), (expect, Value::Null));
    let bare = Forgery { authorization: Some(String::new()), ..Forgery::default() };
    rig.emulator.tell(&Inbound::new(&bot.url, Telling::Install).forged(bare)).await;
    assert_eq!(bot.got().await.0, "");
}

#[tokio::test]
async fn the_keys_are_published_and_can_be_replaced() {
    let rig = Rig::start().await;
    let (_, document) = rig.control(Method::GET, "/v1/.well-known/openidconfiguration", None).await;
    assert_eq!(document["issuer"], "https://api.botframework.com");
    assert_eq!(document["jwks_uri"], json!(format!("{}/v1/.well-known/keys", rig.emulator.base_url())));
    let (_, first) = rig.control(Method::GET, "/v1/.well-known/keys", None).await;
    let of = |set: &Value, at: usize, name: &str| set["keys"][at][name].clone();
    assert_eq!(
        (of(&first, 0, "endorsements"), of(&first, 1, "endorsements")),
        (json!(["msteams"]), json!(["webchat"]))
    );
    assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(of(&first, 0, "n").as_str().unwrap()).unwrap().len(), 256);
    assert_eq!(of(&first, 0, "e"), "AQAB");
    let (status, _) = rig.control(Method::DELETE, "/emulator/keys", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (_, second) = rig.control(Method::GET, "/v1/.well-known/keys", None).await;
    assert_ne!((of(&first, 0, "kid"), of(&first, 0, "n")), (of(&second, 0, "kid"), of(&second, 0, "n")));
}

#[tokio::test]
async fn a_bot_that_is_not_there_is_said_to_be() {
    let rig = Rig::start().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let answers = rig.emulator.tell(&Inbound::new(format!("http://{closed}/"), Telling::Install)).await;
    assert_eq!((answers[0].status, answers[0].error.is_some()), (None, true));
    let (status, _) = rig.control(Method::POST, "/emulator/inbound", Some(json!({ "to": "x" }))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
