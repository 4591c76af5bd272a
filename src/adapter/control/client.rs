//! The commands' end: a desk that asks the daemon.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::events;
use crate::domain::recipient::PersonRecord;
use crate::port::desk::{
    ConsentRequest, Desk, DeskError, ForwardReceipt, ImportReport, PauseRequest, People, RecallQuery, RecallRequest,
    SendReceipt, SendRequest, Status,
};
use crate::port::event::{EventReceipt, EventRequest};
use crate::port::export::{LedgerPage, LedgerQuery};
use crate::port::people::{ExportPage, ExportQuery, PersonChange, PersonFile, PersonQuery, ZoneOrder};
use crate::port::recall::RecallReport;
use crate::port::rehearsal::{TestReceipt, TestRequest};
use crate::port::reload::{ReloadRequest, ReloadVerdict};
use crate::port::store::StatusQuery;
use crate::port::tail::{TailPage, TailQuery};
use crate::port::trouble::{CancelReport, CancelRequest, Failures, FailuresQuery, RetryReport, RetryRequest};
use crate::port::vitals::Checkup;
use crate::port::why::{Why, WhyQuery};

/// A large import takes the store a while.
const PATIENCE: Duration = Duration::from_mins(5);

/// What becomes of a question whose answer does not come.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Nothing: it only looks.
    Looks,
    /// Nobody knows whether it was done.
    Changes,
}

impl Act {
    fn unless(dry_run: bool) -> Self {
        if dry_run { Act::Looks } else { Act::Changes }
    }
}

/// A desk that asks the daemon behind a socket.
#[derive(Debug)]
pub struct ControlClient {
    http: reqwest::Client,
    socket: PathBuf,
}

impl ControlClient {
    pub fn new(socket: &Path) -> Result<Self, DeskError> {
        // The socket needs no TLS, and a machine without any CA certificates must be able to ask all the same.
        let http = reqwest::Client::builder()
            .unix_socket(socket)
            .tls_certs_only([])
            .timeout(PATIENCE)
            .build()
            .map_err(|error| DeskError::Failed(format!("the HTTP client could not be made: {error}")))?;
        Ok(Self { http, socket: socket.to_owned() })
    }

    /// Whether a daemon answers, and else what to say of it.
    pub async fn knock(&self) -> Result<(), DeskError> {
        tokio::net::UnixStream::connect(&self.socket).await.map(drop).map_err(|error| self.unanswered(error.kind()))
    }

    /// Has the daemon look at everything, and try its line to Teams.
    pub async fn checkup(&self) -> Result<Checkup, DeskError> {
        self.ask_for(Act::Looks, Method::POST, "/v1/checkup", None::<&()>).await
    }

    async fn ask<Answer: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Answer, DeskError> {
        let act = if method == Method::GET { Act::Looks } else { Act::Changes };
        self.ask_for(act, method, path, body).await
    }

    async fn ask_for<Answer: DeserializeOwned>(
        &self,
        act: Act,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Answer, DeskError> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        Ok(self.answer(request, act).await?.1)
    }

    /// Asks with the question in the address, as it is done where nothing is changed.
    async fn look<Answer: DeserializeOwned>(
        &self,
        path: &str,
        question: &(impl Serialize + Sync),
    ) -> Result<Answer, DeskError> {
        let question = serde_json::to_value(question).map_err(|error| DeskError::Failed(error.to_string()))?;
        let pairs = question.as_object().into_iter().flatten().filter_map(|(key, value)| {
            let value = match value {
                Value::Null => return None,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Some(format!("{key}={}", percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC)))
        });
        let pairs = pairs.collect::<Vec<_>>().join("&");
        self.ask(Method::GET, &format!("{path}?{pairs}"), None::<&()>).await
    }

    /// What to say where the socket can't be reached. Who may not use it does not learn whether anybody listens, and must
    /// not be told to start another daemon.
    fn unanswered(&self, kind: io::ErrorKind) -> DeskError {
        let socket = self.socket.display();
        if kind == io::ErrorKind::PermissionDenied {
            return DeskError::Denied(format!(
                "this user may not use the daemon's socket {socket}; ask as root, or as a member of the group of the socket"
            ));
        }
        DeskError::NoDaemon(format!("no daemon answers on {socket}; start it with `nudged run`"))
    }

    /// What to say where no answer came.
    fn unanswered_request(&self, error: &reqwest::Error, act: Act) -> DeskError {
        if !error.is_connect() {
            return self.went_away(act);
        }
        let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
        let kind = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind).last();
        self.unanswered(kind.unwrap_or(io::ErrorKind::Other))
    }

    /// The daemon had the question, and ended, hung or was cut off before it answered.
    fn went_away(&self, act: Act) -> DeskError {
        match act {
            Act::Looks => DeskError::NoDaemon(format!(
                "the daemon on {} gives no answer; its log says why, and `systemctl restart nudged` ends one that hangs",
                self.socket.display()
            )),
            Act::Changes => DeskError::Failed(
                "the daemon gave no answer, so nobody knows whether it did this; `nudged status` says what holds"
                    .to_owned(),
            ),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://nudged{path}"))
    }

    async fn answer<Answer: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        act: Act,
    ) -> Result<(StatusCode, Answer), DeskError> {
        let response = request.send().await.map_err(|error| self.unanswered_request(&error, act))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|_| self.went_away(act))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .map(|answer| (status, answer))
                .map_err(|error| DeskError::Failed(format!("the daemon's answer is not understood: {error}")));
        }
        Err(serde_json::from_slice(&bytes).unwrap_or_else(|_| {
            DeskError::Failed(format!("the daemon answered {status}: {}", String::from_utf8_lossy(&bytes)))
        }))
    }
}

#[async_trait]
impl Desk for ControlClient {
    async fn status(&self, query: StatusQuery) -> Result<Status, DeskError> {
        let path = match query.schedule {
            None => "/v1/status".to_owned(),
            Some(name) => {
                let name = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
                format!("/v1/status?schedule={name}")
            }
        };
        self.ask(Method::GET, &path, None::<&()>).await
    }

    async fn people(&self) -> Result<People, DeskError> {
        self.ask(Method::GET, "/v1/people", None::<&()>).await
    }

    async fn person(&self, query: PersonQuery) -> Result<PersonFile, DeskError> {
        let who = percent_encoding::utf8_percent_encode(&query.who, percent_encoding::NON_ALPHANUMERIC);
        self.ask(Method::GET, &format!("/v1/person?who={who}"), None::<&()>).await
    }

    async fn order_zone(&self, order: ZoneOrder) -> Result<PersonChange, DeskError> {
        self.ask(Method::POST, "/v1/people/zone", Some(&order)).await
    }

    async fn revive(&self, query: PersonQuery) -> Result<PersonChange, DeskError> {
        self.ask(Method::POST, "/v1/people/revive", Some(&query)).await
    }

    async fn export_people(&self, query: ExportQuery) -> Result<ExportPage, DeskError> {
        self.ask(Method::GET, &format!("/v1/people/export?after={}", query.after), None::<&()>).await
    }

    async fn import_people(&self, records: Vec<PersonRecord>) -> Result<ImportReport, DeskError> {
        self.ask(Method::POST, "/v1/people", Some(&records)).await
    }

    async fn send(&self, request: SendRequest) -> Result<SendReceipt, DeskError> {
        self.ask(Method::POST, "/v1/send", Some(&request)).await
    }

    async fn forward(&self, activity: Vec<u8>) -> Result<ForwardReceipt, DeskError> {
        Ok(self.answer(self.request(Method::POST, "/v1/activities").body(activity), Act::Changes).await?.1)
    }

    async fn event(&self, request: EventRequest) -> Result<EventReceipt, DeskError> {
        let name = percent_encoding::utf8_percent_encode(&request.name, percent_encoding::NON_ALPHANUMERIC);
        // A key that no header can hold is refused there too.
        let key = HeaderValue::from_str(&request.key)
            .map_err(|_| DeskError::BadRequest("the key has characters that can't be sent".into()))?;
        let asked = self.request(Method::POST, &format!("/v1/events/{name}")).header(events::KEY, key);
        let (status, receipt) = self.answer::<EventReceipt>(asked.json(&request.data), Act::Changes).await?;
        Ok(EventReceipt { is_repetition: status == StatusCode::OK, ..receipt })
    }

    async fn recall(&self, request: RecallRequest) -> Result<RecallReport, DeskError> {
        self.ask_for(Act::unless(request.dry_run), Method::POST, "/v1/recalls", Some(&request)).await
    }

    async fn recall_report(&self, query: RecallQuery) -> Result<RecallReport, DeskError> {
        let path = format!("/v1/recalls?recall={}&in_full={}", query.recall, query.in_full);
        self.ask(Method::GET, &path, None::<&()>).await
    }

    async fn consent(&self, request: ConsentRequest) -> Result<bool, DeskError> {
        self.ask(Method::POST, "/v1/consent", Some(&request)).await
    }

    async fn reload(&self, request: ReloadRequest) -> Result<ReloadVerdict, DeskError> {
        self.ask_for(Act::unless(request.dry_run), Method::POST, "/v1/reload", Some(&request)).await
    }

    async fn pause(&self, request: PauseRequest) -> Result<bool, DeskError> {
        self.ask(Method::POST, "/v1/pause", Some(&request)).await
    }

    async fn why(&self, query: WhyQuery) -> Result<Why, DeskError> {
        self.look("/v1/why", &query).await
    }

    async fn failures(&self, query: FailuresQuery) -> Result<Failures, DeskError> {
        self.look("/v1/failures", &query).await
    }

    async fn retry(&self, request: RetryRequest) -> Result<RetryReport, DeskError> {
        self.ask_for(Act::unless(request.dry_run), Method::POST, "/v1/retry", Some(&request)).await
    }

    async fn export(&self, query: LedgerQuery) -> Result<LedgerPage, DeskError> {
        self.look("/v1/ledger", &query).await
    }

    async fn tail(&self, query: TailQuery) -> Result<TailPage, DeskError> {
        self.look("/v1/tail", &query).await
    }

    async fn test(&self, request: TestRequest) -> Result<TestReceipt, DeskError> {
        self.ask(Method::POST, "/v1/test", Some(&request)).await
    }

    async fn cancel(&self, request: CancelRequest) -> Result<CancelReport, DeskError> {
        self.ask_for(Act::unless(request.dry_run), Method::POST, "/v1/cancel", Some(&request)).await
    }

    async fn resume(&self, schedule: String) -> Result<bool, DeskError> {
        self.ask(Method::POST, "/v1/resume", Some(&schedule)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_may_not_use_the_socket_is_not_told_that_nobody_listens() {
        let client = ControlClient::new(Path::new("/run/nudged/nudged.sock")).expect("a client");
        let denied = client.unanswered(io::ErrorKind::PermissionDenied);
        assert!(matches!(denied, DeskError::Denied(_)), "{denied:?}");
        assert!(!denied.to_string().contains("nudged run"), "{denied}");
        for kind in [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused] {
            let nobody = client.unanswered(kind);
            assert!(matches!(nobody, DeskError::NoDaemon(_)), "{nobody:?}");
        }
    }

    #[tokio::test]
    async fn only_of_what_changes_something_it_is_open_whether_it_was_done() {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("nudged.sock");
        let listener = tokio::net::UnixListener::bind(&socket).expect("a socket");
        // Takes each question, and ends without an answer.
        let closing = async { while listener.accept().await.is_ok() {} };
        let asking = async {
            let client = ControlClient::new(&socket).expect("a client");
            (client.status(StatusQuery::default()).await, client.resume("standup".into()).await)
        };
        let (looked, changed) = tokio::select! {
            () = closing => panic!("it goes on"),
            asked = asking => asked,
        };
        let looked = looked.expect_err("no answer").to_string();
        assert!(looked.contains("gives no answer") && !looked.contains("nobody knows"), "{looked}");
        let changed = changed.expect_err("no answer").to_string();
        assert!(changed.contains("nobody knows whether it did this"), "{changed}");
    }
}
