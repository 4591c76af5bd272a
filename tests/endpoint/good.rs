//! What Teams tells is heard, and answered as Teams expects it.

use nudged::adapter::endpoint::{BindError, MessagingEndpoint};
use nudged::domain::activity::Happening;
use nudged::emulator::{Algorithm, Forgery, Inbound, Telling};
use nudged::port::ear::Via;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::rig::{Rig, rest};

#[tokio::test]
async fn what_is_signed_by_teams_is_heard() {
    let rig = Rig::start().await;
    for telling in [Telling::Install, Telling::Message("stop".into()), Telling::Uninstall] {
        let answer = rig.tell(&Inbound::new(&rig.url, telling).from("29:1ana")).await;
        assert_eq!((answer.status, answer.body.as_str()), (Some(200), ""), "{answer:?}");
    }
    let heard = rig.ear.heard();
    let happenings: Vec<_> = heard.iter().map(|(activity, _)| &activity.happening).collect();
    assert!(
        matches!(
            happenings.as_slice(),
            [Happening::Installed { is_upgrade: false }, Happening::Message { text, .. }, Happening::Removed]
                if text == "stop"
        ),
        "{happenings:?}"
    );
    assert!(heard.iter().all(|(activity, via)| {
        *via == Via::Endpoint && activity.from.id.as_deref() == Some("29:1ana") && activity.is_of_teams()
    }));
    let status = rig.status();
    assert_eq!((status.heard, status.refused, status.last_heard_at.is_some()), (3, 0, true));
    assert_eq!(status.listens_on, rig.url);
}

#[tokio::test]
async fn each_of_the_three_algorithms_is_good() {
    let rig = Rig::start().await;
    for alg in [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512] {
        let answer = rig.tell(&rig.message("hello").forged(Forgery { alg, ..Forgery::default() })).await;
        assert_eq!(answer.status, Some(200), "{alg:?}");
    }
}

#[tokio::test]
async fn an_invoke_gets_its_answer_in_the_response() {
    let rig = Rig::start().await;
    let invoke = |name: &str| Inbound::new(&rig.url, Telling::Invoke { name: name.into(), value: json!({}) });
    let known = rig.tell(&invoke("known")).await;
    assert_eq!((known.status, known.body.as_str()), (Some(200), r#"{"statusCode":200}"#));
    let unknown = rig.tell(&invoke("composeExtension/query")).await;
    assert_eq!((unknown.status, unknown.body.as_str()), (Some(501), ""));
}

#[tokio::test]
async fn what_could_not_be_made_durable_is_asked_for_again() {
    let rig = Rig::start().await;
    *rig.ear.deaf.lock().expect("unbroken") = true;
    assert_eq!(rig.tell(&rig.message("hello")).await.status, Some(500));
    *rig.ear.deaf.lock().expect("unbroken") = false;
    rig.nothing_happened().await;
}

#[tokio::test]
async fn a_bot_for_many_tenants_hears_all_of_them() {
    let rig = Rig::with(|settings| settings.tenants = None).await;
    let (_, body) = rig.emulator.write_inbound(&rig.message("x"));
    let body = body.replace("b0000000-0000-4000-8000-00000000000b", "f0000000-0000-4000-8000-00000000000f");
    let activity = serde_json::from_str(&body).expect("JSON");
    assert_eq!(rig.tell(&Inbound::new(&rig.url, Telling::Activity(activity))).await.status, Some(200));
}

#[tokio::test]
async fn a_request_in_hand_is_answered_when_it_stops() {
    let rig = Rig::start().await;
    rig.nothing_happened().await;
    let (head, body) = rig.head("");
    let mut stream = TcpStream::connect(rig.address).await.expect("it listens");
    let (first, second) = body.split_at(body.len() / 2);
    let sent = format!("{head}content-length: {}\r\n\r\n{first}", body.len());
    stream.write_all(sent.as_bytes()).await.expect("it reads");
    // The body has its own time-out from when it is waited for.
    rig.clock.somebody_waits(std::time::Duration::from_secs(10)).await;
    rig.cancel();
    stream.write_all(second.as_bytes()).await.expect("it reads");
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(rig.ear.heard().len(), 2);
    let address = rig.address;
    rig.stop().await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_with_its_cure() {
    let rig = Rig::start().await;
    let settings = nudged::adapter::endpoint::EndpointSettings {
        listen: rig.address,
        path: "/api/messages".into(),
        openid_url: rig.emulator.openid_url(),
        issuer: String::new(),
        app_id: String::new(),
        tenants: None,
    };
    let error = MessagingEndpoint::bind(settings, rig.clock.clone()).await.err().expect("the port is taken");
    assert!(matches!(error, BindError::Listen { .. }));
    assert!(error.to_string().ends_with("change `listen` below [endpoint]"), "{error}");
}
