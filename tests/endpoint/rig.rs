//! An endpoint, the emulator that calls it, an ear that remembers, and one clock for all that is set by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeZone, Utc};
use nudged::adapter::endpoint::{EndpointSettings, MessagingEndpoint};
use nudged::domain::activity::{Activity, Happening};
use nudged::domain::time::Moment;
use nudged::emulator::{BotAnswer, Emulator, Forgery, Inbound, Settings, Telling};
use nudged::port::clock::{Clock, Woke};
use nudged::port::desk::EndpointStatus;
use nudged::port::ear::{Ear, NotHeard, Reply, Via};
use nudged::port::endpoint::Endpoint;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A clock that stands still until it is moved. Hours and moments move together.
pub(crate) struct HandClock {
    elapsed: watch::Sender<Duration>,
    /// Who waits, and until when.
    waits: watch::Sender<Vec<Duration>>,
}

impl HandClock {
    pub(crate) fn advance(&self, span: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += span);
    }

    /// Waits until somebody has begun to wait for exactly this long.
    pub(crate) async fn somebody_waits(&self, span: Duration) {
        let until = *self.elapsed.borrow() + span;
        self.waits.subscribe().wait_for(|waits| waits.contains(&until)).await.expect("the clock lives");
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 23, 9, 0, 0).unwrap() + *self.elapsed.borrow()
    }

    fn moment(&self) -> Moment {
        Moment(*self.elapsed.borrow())
    }

    async fn sleep_until(&self, at: DateTime<Utc>) -> Woke {
        self.sleep((at - self.now()).to_std().unwrap_or_default()).await;
        Woke::OnTime
    }

    async fn sleep(&self, span: Duration) {
        let until = *self.elapsed.borrow() + span;
        self.waits.send_modify(|waits| waits.push(until));
        self.elapsed.subscribe().wait_for(|elapsed| *elapsed >= until).await.expect("the clock lives");
    }
}

/// Remembers what it hears, and answers as the real one may.
#[derive(Default)]
pub(crate) struct Recorder {
    heard: Mutex<Vec<(Activity, Via)>>,
    /// In the place of any other answer.
    pub(crate) deaf: Mutex<bool>,
}

#[async_trait]
impl Ear for Recorder {
    async fn hear(&self, activity: Activity, via: Via) -> Result<Reply, NotHeard> {
        if *self.deaf.lock().expect("unbroken") {
            return Err(NotHeard("the disk is full".into()));
        }
        let reply = match &activity.happening {
            Happening::Invoke { name, .. } if name == "known" => Reply::Invoke(json!({ "statusCode": 200 })),
            Happening::Invoke { .. } => Reply::NotUnderstood,
            _ => Reply::Heard,
        };
        self.heard.lock().expect("unbroken").push((activity, via));
        Ok(reply)
    }
}

impl Recorder {
    pub(crate) fn heard(&self) -> Vec<(Activity, Via)> {
        self.heard.lock().expect("unbroken").clone()
    }
}

pub(crate) struct Rig {
    pub(crate) emulator: Emulator,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) ear: Arc<Recorder>,
    pub(crate) url: String,
    pub(crate) address: std::net::SocketAddr,
    watch: Arc<dyn Endpoint>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With settings that a test makes different.
    pub(crate) async fn with(change: impl FnOnce(&mut EndpointSettings)) -> Self {
        let clock = Arc::new(HandClock { elapsed: watch::Sender::default(), waits: watch::Sender::default() });
        let settings = Settings::default();
        let emulator = Emulator::start(settings.clone(), Arc::<HandClock>::clone(&clock)).await.expect("it starts");
        let mut of_endpoint = EndpointSettings {
            listen: "127.0.0.1:0".parse().expect("an address"),
            path: "/api/messages".into(),
            openid_url: emulator.openid_url(),
            issuer: "https://api.botframework.com".into(),
            app_id: settings.app_id,
            tenants: Some(vec![settings.tenant_id]),
        };
        change(&mut of_endpoint);
        let endpoint = MessagingEndpoint::bind(of_endpoint, Arc::<HandClock>::clone(&clock)).await.expect("it binds");
        let (address, watch) = (endpoint.address(), endpoint.watch());
        let (ear, stop, mut tasks) = (Arc::new(Recorder::default()), CancellationToken::new(), JoinSet::new());
        tasks.spawn(endpoint.run(Arc::<Recorder>::clone(&ear), stop.clone()));
        let url = format!("http://{address}/api/messages");
        Self { emulator, clock, ear, url, address, watch, stop, tasks }
    }

    pub(crate) fn message(&self, text: &str) -> Inbound {
        Inbound::new(&self.url, Telling::Message(text.into())).from("29:1ana")
    }

    /// Tells it once.
    pub(crate) async fn tell(&self, inbound: &Inbound) -> BotAnswer {
        self.emulator.tell(inbound).await.pop().expect("it was told once")
    }

    pub(crate) fn status(&self) -> EndpointStatus {
        self.watch.status()
    }

    /// A message with something wrong about it is answered with this status and nothing else; nobody hears it, and it is
    /// counted. A good one is heard right after.
    #[track_caller]
    pub(crate) fn refuses(self, forge: Forgery, expect: u16) -> impl Future<Output = ()> {
        let inbound = self.message("forged").forged(forge);
        async move {
            let answer = self.tell(&inbound).await;
            assert_eq!((answer.status, answer.body.as_str()), (Some(expect), ""), "{answer:?}");
            self.nothing_happened().await;
            assert_eq!(self.status().refused, 1);
        }
    }

    /// Nobody heard anything so far, and a good message is heard.
    pub(crate) async fn nothing_happened(&self) {
        assert_eq!((self.ear.heard(), self.status().heard), (Vec::new(), 0));
        let answer = self.tell(&self.message("good")).await;
        assert_eq!((answer.status, self.ear.heard().len()), (Some(200), 1), "{answer:?}");
    }

    /// Sends bytes, and returns all that comes back until the other end closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(bytes).await.expect("it reads");
        rest(&mut stream).await
    }

    /// The head of a POST to the endpoint with a good token, up to and without the empty line, and the body for it.
    pub(crate) fn head(&self, more: &str) -> (String, String) {
        let (authorization, body) = self.emulator.write_inbound(&self.message("by hand"));
        let head = format!(
            "POST /api/messages HTTP/1.1\r\nhost: bot\r\nauthorization: {authorization}\r\n\
             content-type: application/json\r\nconnection: close\r\n{more}"
        );
        (head, body)
    }

    /// Stops it, and waits until every task has ended.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no task panicked");
        }
    }

    pub(crate) fn cancel(&self) {
        self.stop.cancel();
    }
}

/// All that comes until the other end closes. A reset after an answer is an end too.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        answer.extend_from_slice(&piece[..read]);
    }
    String::from_utf8(answer).expect("text")
}
