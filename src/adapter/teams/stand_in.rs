//! For the tests of this room: a small HTTP server that plays both Teams and its login, a server that breaks
//! connections, and a clock that stands still.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{RwLock, RwLockWriteGuard};
use tokio::task::JoinSet;

use super::{AppKind, Identity, TeamsConnector, TeamsSettings};
use crate::domain::cloud::Cloud;
use crate::domain::message::Said;
use crate::domain::recipient::Reference;
use crate::domain::time::Moment;
use crate::port::clock::{Clock, Woke};
use crate::port::connector::OutgoingActivity;

pub(super) const SECRET: &str = "S3cret~never-shown";
pub(super) const APP: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(super) const HOME: &str = "11111111-2222-4333-8444-555555555555";
pub(super) const SCOPE: &str = "https://api.botframework.com/.default";

/// A clock that moves only when told to, and when somebody waits for a span.
#[derive(Default)]
pub(super) struct StillClock(Mutex<Duration>);

impl StillClock {
    pub(super) fn advance(&self, seconds: u64) {
        *self.0.lock().expect("no panic under this lock") += Duration::from_secs(seconds);
    }
}

#[async_trait]
impl Clock for StillClock {
    fn now(&self) -> DateTime<Utc> {
        let start: DateTime<Utc> = "2026-11-20T08:00:00Z".parse().expect("an instant");
        start + self.moment().0
    }

    fn moment(&self) -> Moment {
        Moment(*self.0.lock().expect("no panic under this lock"))
    }

    async fn sleep_until(&self, _: DateTime<Utc>) -> Woke {
        std::future::pending().await
    }

    async fn sleep(&self, span: Duration) {
        *self.0.lock().expect("no panic under this lock") += span;
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) method: String,
    /// Still encoded.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Arrived {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// The identity services of machines, which are asked with a query.
const IMDS: &str = "/metadata/identity/oauth2/token";
pub(super) const APP_SERVICE: &str = "/msi/token";

/// A field of a form that arrived, or of a query; empty when there is none.
pub(super) fn form(arrived: &Arrived, name: &str) -> String {
    let text = arrived.path.split_once('?').map_or(arrived.body.as_str(), |(_, query)| query);
    let found = url::form_urlencoded::parse(text.as_bytes()).find(|(field, _)| field == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// What to answer to the next request of a kind.
pub(super) enum Script {
    Reply { status: u16, headers: Vec<(&'static str, String)>, body: String },
    Hang,
}

pub(super) fn reply(status: u16, body: &Value) -> Script {
    Script::Reply { status, headers: Vec::new(), body: body.to_string() }
}

pub(super) fn reply_with(status: u16, name: &'static str, value: &str, body: &str) -> Script {
    Script::Reply { status, headers: vec![(name, value.to_owned())], body: body.to_owned() }
}

#[derive(Default)]
struct Side {
    arrived: Vec<Arrived>,
    scripts: VecDeque<Script>,
}

struct Stage {
    login: Mutex<Side>,
    connector: Mutex<Side>,
    /// Each token request passes here before it is answered.
    login_gate: RwLock<()>,
}

/// The server. Unscripted, it grants `token-1`, `token-2`, … for an hour each, and answers 201 with an id.
pub(super) struct StandIn {
    pub(super) address: SocketAddr,
    stage: Arc<Stage>,
    /// Where its bot has its secret.
    directory: tempfile::TempDir,
    _tasks: JoinSet<()>,
}

impl StandIn {
    pub(super) async fn start() -> Self {
        let stage =
            Arc::new(Stage { login: Mutex::default(), connector: Mutex::default(), login_gate: RwLock::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let router = axum::Router::new().fallback(serve).with_state(Arc::clone(&stage));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.expect("serving") });
        let directory = tempfile::tempdir().expect("a directory");
        let stand_in = Self { address, stage, directory, _tasks: tasks };
        std::fs::write(stand_in.secret_file(), SECRET).expect("written");
        stand_in
    }

    pub(super) fn secret_file(&self) -> PathBuf {
        self.directory.path().join("bot-secret")
    }

    pub(super) fn script_login(&self, script: Script) {
        self.stage.login.lock().expect("no panic under this lock").scripts.push_back(script);
    }

    pub(super) fn script(&self, script: Script) {
        self.stage.connector.lock().expect("no panic under this lock").scripts.push_back(script);
    }

    pub(super) fn logins(&self) -> Vec<Arrived> {
        self.stage.login.lock().expect("no panic under this lock").arrived.clone()
    }

    pub(super) fn requests(&self) -> Vec<Arrived> {
        self.stage.connector.lock().expect("no panic under this lock").arrived.clone()
    }

    /// Holds token requests back, after they are recorded, until the guard is dropped.
    pub(super) async fn hold_logins(&self) -> RwLockWriteGuard<'_, ()> {
        self.stage.login_gate.write().await
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Settings that point here with both ends.
    pub(super) fn settings(&self) -> TeamsSettings {
        TeamsSettings {
            app_id: APP.to_owned(),
            tenant_id: HOME.to_owned(),
            kind: AppKind::SingleTenant,
            cloud: Cloud::Public,
            identity: Arc::new(Identity::Secret { file: self.secret_file(), expires_on: None }),
            login_url: self.url(),
            scope: SCOPE.to_owned(),
            default_service_url: Some(format!("{}/teams/", self.url())),
            trusted_hosts: vec![self.address.to_string()],
            request_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(5),
            senders: 4,
        }
    }

    pub(super) fn connector(&self) -> TeamsConnector {
        connector(self.settings())
    }
}

pub(super) fn connector(settings: TeamsSettings) -> TeamsConnector {
    TeamsConnector::new(settings, Arc::new(StillClock::default())).expect("usable settings")
}

async fn serve(State(stage): State<Arc<Stage>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a short body");
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let is_login = ["/oauth2/v2.0/token", IMDS, APP_SERVICE].iter().any(|end| parts.uri.path().ends_with(end));
    let method = parts.method.to_string();
    let arrived = Arrived { method, path, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() };
    let (script, count) = {
        let side = if is_login { &stage.login } else { &stage.connector };
        let mut side = side.lock().expect("no panic under this lock");
        side.arrived.push(arrived);
        (side.scripts.pop_front(), side.arrived.len())
    };
    if is_login {
        drop(stage.login_gate.read().await);
    }
    let script = script.unwrap_or_else(|| {
        if is_login {
            reply(200, &json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": format!("token-{count}") }))
        } else {
            reply(201, &json!({ "id": "1776390257332" }))
        }
    });
    match script {
        Script::Hang => std::future::pending().await,
        Script::Reply { status, headers, body } => {
            let mut response = Response::builder().status(status).header("MS-CV", "cv.0");
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).expect("a valid response")
        }
    }
}

/// A server that reads one request whole on each connection, writes these bytes, and hangs up.
pub(super) struct Breaking {
    pub(super) address: SocketAddr,
    requests: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Breaking {
    pub(super) async fn start(answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                if read_request(&mut stream).await {
                    counter.fetch_add(1, Ordering::SeqCst);
                }
                let _ = stream.write_all(answer).await;
            }
        });
        Self { address, requests, _tasks: tasks }
    }

    /// How many whole requests were read.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Reads up to the end of a JSON object; `false` when the other side hung up before.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.ends_with(b"}") {
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => seen.extend_from_slice(&buffer[..count]),
            _ => return false,
        }
    }
    true
}

pub(super) fn hello() -> OutgoingActivity {
    OutgoingActivity { said: Said::Text("**Stand-up** in 5 minutes".to_owned()), locale: Some("de-CH".to_owned()) }
}

/// A reference to a conversation that the default service URL serves.
pub(super) fn known(conversation_id: &str) -> Reference {
    Reference { conversation_id: Some(conversation_id.to_owned()), ..Reference::default() }
}
