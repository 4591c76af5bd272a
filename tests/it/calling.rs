//! Teams calls the daemon, and programs on this machine do: over real HTTP, from the configuration to the ledger.

use std::net::{TcpListener, TcpStream};

use nudged::emulator::{Forgery, Inbound, KeyOf, Telling};
use serde_json::{Value, json};

use crate::rig::{Rig, Running, read};

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Opens the metrics, and nothing else.
pub(crate) const MONITORS_TOKEN: &str = "fedcba9876543210fedcba9876543210";

/// A rig whose daemon can be called.
pub(crate) struct Called {
    pub(crate) rig: Rig,
    pub(crate) endpoint: String,
    admin: String,
    client: reqwest::Client,
}

/// An address that was free a moment ago.
fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

impl Called {
    pub(crate) async fn new() -> Self {
        let rig = Rig::new().await;
        // Its keys are made when they are first needed, and nothing else goes on here meanwhile.
        let _ = rig.emulator.write_inbound(&Inbound::new("http://nowhere.example/", Telling::Install));
        let (endpoint, admin) = (free(), free());
        let more = format!(
            "[endpoint]\nlisten = \"{endpoint}\"\nopenid_url = \"{}\"\n\
             [admin]\nlisten = \"{admin}\"\ntoken_file = \"admin-token\"\n\
             metrics_token_file = \"metrics-token\"\n",
            rig.emulator.openid_url()
        );
        rig.write("nudged.toml", &format!("{}{more}", read(&rig.path("nudged.toml"))));
        rig.write("admin-token", TOKEN);
        rig.write("metrics-token", MONITORS_TOKEN);
        let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().expect("a client");
        Self { rig, endpoint: format!("http://{endpoint}/api/messages"), admin: format!("http://{admin}"), client }
    }

    /// Starts the daemon, and waits until it can be called.
    pub(crate) async fn start(&self) -> Running {
        self.start_with(&[]).await
    }

    /// With more in its environment.
    pub(crate) async fn start_with(&self, environment: &[(&str, &str)]) -> Running {
        let running = self.rig.start_with(environment).await;
        for url in [&self.endpoint, &self.admin] {
            let address = url.trim_start_matches("http://").trim_end_matches("/api/messages");
            self.rig.until("it can be called", || TcpStream::connect(address).is_ok()).await;
        }
        running
    }

    /// A question to the admin API, without a token.
    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.admin))
    }

    /// Status and body of a request to the admin API.
    pub(crate) async fn post(&self, path: &str, token: &str, body: String) -> (u16, Value) {
        let url = format!("{}{path}", self.admin);
        let answer = self.client.post(url).bearer_auth(token).body(body).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }

    /// A message to the bot, for the emulator to tell.
    pub(crate) fn message(&self, text: &str) -> Inbound {
        Inbound::new(&self.endpoint, Telling::Message(text.into())).from("29:1ana")
    }

    /// The names of everybody in the ledger.
    fn people(&self) -> Vec<String> {
        let listed: Value = serde_json::from_str(&self.rig.run_ok(&["people", "list", "--json"])).expect("JSON");
        let people = listed["people"].as_array().expect("people");
        people.iter().map(|person| person["addresses"].to_string()).collect()
    }
}

#[tokio::test]
async fn whoever_installs_the_app_is_in_the_ledger_before_teams_has_its_answer() {
    let called = Called::new().await;
    let daemon = called.start().await;
    let stranger = Forgery { key: KeyOf::Stranger, ..Forgery::default() };
    let install = Inbound::new(&called.endpoint, Telling::Install);
    let forged = called.rig.emulator.tell(&install.clone().from("29:1mallory").forged(stranger)).await;
    assert_eq!(forged[0].status, Some(401));
    let told = called.rig.emulator.tell(&install.from("29:1ana").times(3)).await;
    assert!(told.iter().all(|answer| answer.status == Some(200)), "{told:?}");
    let people = called.people();
    assert_eq!(people.len(), 1, "{people:?}");
    assert!(people[0].contains("29:1ana"), "{people:?}");

    let status = called.rig.status(None);
    let endpoint = &status["daemon"]["endpoint"];
    assert_eq!((&endpoint["heard"], &endpoint["refused"]), (&json!(3), &json!(1)), "{status}");
    assert_eq!(endpoint["listens_on"], json!(called.endpoint));
    let said = called.rig.run_ok(&["status"]);
    assert!(said.contains(": 3 heard, last at ") && said.contains("; 1 refused"), "{said}");
    daemon.stop();
}

#[tokio::test]
async fn another_bot_forwards_what_it_heard_to_the_admin_api() {
    let called = Called::new().await;
    let daemon = called.start().await;
    let install = Inbound::new("http://the-other-bot.example/", Telling::Install).from("29:1ben");
    let (_, activity) = called.rig.emulator.write_inbound(&install);
    let path = "/v1/activities";

    let (status, said) = called.post(path, "wrong-wrong-wrong-wrong-wrong-wrong", activity.clone()).await;
    assert_eq!(status, 401, "{said}");
    let elsewhere =
        activity.replace(&called.rig.emulator.service_url(), "https://smba.trafficmanager.net.evil.example/");
    let (status, said) = called.post(path, TOKEN, elsewhere).await;
    assert_eq!(status, 422, "{said}");
    assert!(said["message"].as_str().expect("words").contains("trusted_hosts"), "{said}");
    let (status, said) = called.post(path, TOKEN, "not JSON".into()).await;
    assert_eq!(status, 422, "{said}");
    // The other bot may be in a Web Chat too, whose service URL is none of ours: its turn goes on, and nobody is believed.
    let in_web_chat = activity
        .replace("\"msteams\"", "\"webchat\"")
        .replace(&called.rig.emulator.service_url(), "https://webchat.botframework.com/");
    let (status, said) = called.post(path, TOKEN, in_web_chat).await;
    assert_eq!((status, &said), (200, &json!({ "understood": true })));
    assert_eq!(called.people(), Vec::<String>::new(), "nothing of it had any effect");

    let (status, said) = called.post(path, TOKEN, activity).await;
    assert_eq!((status, &said), (200, &json!({ "understood": true })));
    assert!(called.people()[0].contains("29:1ben"));
    daemon.stop();
}

#[tokio::test]
async fn the_admin_api_answers_as_the_socket_does() {
    let called = Called::new().await;
    let daemon = called.start().await;
    let url = format!("{}/v1/status", called.admin);
    let ask = || called.client.get(&url).bearer_auth(TOKEN);
    let answer = ask().send().await.expect("an answer");
    assert_eq!(answer.json::<Value>().await.expect("JSON")["schema"], "nudged.status/1");
    let rebound = ask().header("host", "evil.example").send().await.expect("an answer");
    assert_eq!(rebound.status(), 403);
    // What does something is never a GET.
    for path in ["send", "pause", "resume", "consent", "activities", "events/deploy"] {
        let url = format!("{}/v1/{path}", called.admin);
        let answer = called.client.get(url).bearer_auth(TOKEN).send().await.expect("an answer");
        assert_eq!(answer.status(), 405, "{path}");
    }
    daemon.stop();
}

#[tokio::test]
async fn a_port_that_is_taken_ends_the_start_with_one_line() {
    let called = Called::new().await;
    let address = called.endpoint.trim_start_matches("http://").trim_end_matches("/api/messages").to_owned();
    let _taken = TcpListener::bind(&address).expect("it is free");
    let output = called.rig.output(&["run"]);
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success());
    assert!(said.contains(&format!("the messaging endpoint can't listen on {address}: ")), "{said}");
}
