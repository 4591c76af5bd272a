//! An emulator, a clock, a client, and requests that are right unless a test makes them wrong.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeZone, Utc};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::emulator::{Emulator, Settings};
use crate::port::clock::{Clock, Woke};

/// A user whose id has the long form.
pub(super) const ANA: &str = "29:1ana-pairwise-id";
pub(super) const CHAT: &str = "a:1chat";
pub(super) const CHANNEL: &str = "19:general@thread.tacv2";

/// Far longer than anything here takes, so that a hang is a failure and not a wait.
pub(super) const TOO_LONG: Duration = Duration::from_secs(10);

/// A clock that stands still until it is moved. Hours and moments move together.
pub(super) struct HandClock {
    elapsed: watch::Sender<Duration>,
    sleepers: watch::Sender<u32>,
}

impl HandClock {
    fn new() -> Self {
        Self { elapsed: watch::Sender::new(Duration::ZERO), sleepers: watch::Sender::new(0) }
    }

    pub(super) fn start() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 23, 9, 0, 0).unwrap()
    }

    pub(super) fn advance(&self, span: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += span);
    }

    /// Waits until somebody has begun to wait for this clock, `count` times in all.
    pub(super) async fn slept_on(&self, count: u32) {
        let mut sleepers = self.sleepers.subscribe();
        let slept = sleepers.wait_for(|sleepers| *sleepers >= count);
        let _seen = tokio::time::timeout(TOO_LONG, slept).await.expect("somebody waits for the clock").unwrap();
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        Self::start() + *self.elapsed.borrow()
    }

    fn moment(&self) -> crate::domain::time::Moment {
        crate::domain::time::Moment(*self.elapsed.borrow())
    }

    async fn sleep_until(&self, at: DateTime<Utc>) -> Woke {
        self.sleep((at - self.now()).to_std().unwrap_or_default()).await;
        Woke::OnTime
    }

    async fn sleep(&self, span: Duration) {
        let until = *self.elapsed.borrow() + span;
        self.sleepers.send_modify(|sleepers| *sleepers += 1);
        self.elapsed.subscribe().wait_for(|elapsed| *elapsed >= until).await.unwrap();
    }
}

pub(super) struct Rig {
    pub emulator: Emulator,
    pub clock: Arc<HandClock>,
    pub client: Client,
    /// Good for the token lifetime from the start on.
    pub token: String,
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(super) async fn with(settings: Settings) -> Self {
        let mut rig = Self::without_token(settings).await;
        let granted = rig.ask_token(&[]).await;
        rig.keep_token(granted).await;
        rig
    }

    pub(super) async fn without_token(settings: Settings) -> Self {
        let clock = Arc::new(HandClock::new());
        let emulator = Emulator::start(settings, Arc::<HandClock>::clone(&clock)).await.unwrap();
        // Without a word about certificates a client cannot be built on a machine that has none.
        let client = Client::builder().tls_certs_only([]).no_proxy().user_agent("rig/1").build().unwrap();
        Self { emulator, clock, client, token: String::new() }
    }

    pub(super) async fn keep_token(&mut self, granted: Response) {
        let (status, body) = read(granted).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        self.token = body["access_token"].as_str().unwrap().to_owned();
    }

    /// Asks for a token, with some fields of the form changed, or left out where the value is empty.
    pub(super) async fn ask_token(&self, changes: &[(&str, &str)]) -> Response {
        let settings = Settings::default();
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", &settings.app_id),
            ("client_secret", &settings.app_secret),
            ("scope", "https://api.botframework.com/.default"),
        ];
        for (name, value) in changes {
            form.retain(|(field, _)| field != name);
            if !value.is_empty() {
                form.push((name, value));
            }
        }
        let url = format!("{}/{}/oauth2/v2.0/token", self.emulator.base_url(), settings.tenant_id);
        self.client.post(url).form(&form).send().await.unwrap()
    }

    /// Posts to a path under the service URL.
    pub(super) async fn try_post(&self, path: &str, body: &Value) -> reqwest::Result<Response> {
        let url = format!("{}{path}", self.emulator.service_url());
        self.client.post(url).bearer_auth(&self.token).json(body).send().await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        read(self.try_post(path, body).await.unwrap()).await
    }

    pub(super) async fn try_say(&self, conversation: &str, text: &str) -> reqwest::Result<Response> {
        self.try_post(&activities(conversation), &json!({ "type": "message", "text": text })).await
    }

    pub(super) async fn say(&self, conversation: &str, text: &str) -> (StatusCode, Value) {
        read(self.try_say(conversation, text).await.unwrap()).await
    }

    pub(super) async fn create(&self, user: &str) -> (StatusCode, Value) {
        self.post("v3/conversations", &personal(user)).await
    }

    /// Any request to a path under the service URL, with the token.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.emulator.service_url());
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        read(request.send().await.unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, None).await
    }

    /// A call of the control interface, with a path from the root on.
    pub(super) async fn control(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.emulator.base_url()));
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.unwrap()).await
    }

    pub(super) fn texts(&self) -> Vec<String> {
        self.emulator.messages().into_iter().filter_map(|message| message.text).collect()
    }
}

/// The path of the activities of a conversation, encoded as it must be.
pub(super) fn activities(conversation: &str) -> String {
    format!("v3/conversations/{}/activities", encoded(conversation))
}

pub(super) fn encoded(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// What creates the 1:1 chat with a user.
pub(super) fn personal(user: &str) -> Value {
    json!({ "isGroup": false, "members": [{ "id": user }], "tenantId": Settings::default().tenant_id })
}

/// The status and the body, `Null` if there is none.
pub(super) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let body = response.bytes().await.unwrap();
    (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() })
}

/// Checks an error of the Connector.
#[track_caller]
pub(super) fn refused((status, body): &(StatusCode, Value), expect: u16, code: &str, message: &str) {
    let error = &body["error"];
    assert_eq!((status.as_u16(), &error["code"], &error["message"]), (expect, &json!(code), &json!(message)), "{body}");
}
