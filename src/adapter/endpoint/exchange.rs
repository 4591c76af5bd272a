//! One request and its answer. In this order, so that a stranger costs little and changes nothing: the form of the request,
//! a place, the token and its signature; only then the body is read, held against the token, and heard.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::claims::{Admission, Claims};
use super::keyring::Keyring;
use super::keys::Key;
use super::refusal::Refusal;
use super::tally::Tally;
use super::token::Unverified;
use crate::domain::activity::{self, Unreadable};
use crate::port::clock::Clock;
use crate::port::desk::EndpointStatus;
use crate::port::ear::{Ear, NotHeard, Reply, Via};
use crate::port::endpoint::Endpoint;

/// Bytes of a body at most. A message of Teams has some 28 KB of text at most, and what goes round it is less.
pub(super) const LARGEST_BODY: usize = 256 * 1024;

/// How long a body may take once its token is known to be good.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// How long one waits for a place. Teams waits three times as long for an answer.
const ROOM_WITHIN: Duration = Duration::from_secs(5);

/// Seconds after which one may come again when there is no room, or no keys are known.
const COME_AGAIN: HeaderValue = HeaderValue::from_static("5");

/// An answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Turned {
    #[error("it is for another path")]
    Elsewhere,
    #[error("it is no POST")]
    Method,
    #[error("its body is not declared as plain JSON")]
    MediaType,
    #[error("its body is larger than any that Teams sends")]
    TooLarge,
    #[error("as many requests are being answered as there is room for")]
    NoRoom,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("its body did not come in time")]
    TooSlow,
    #[error("its body broke off")]
    BrokenOff,
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    NotHeard(#[from] NotHeard),
}

impl Turned {
    /// Whether whoever called is not who they should be.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Turned::Refused(refusal) if *refusal != Refusal::NoKeys)
    }

    fn status(&self) -> StatusCode {
        match self {
            Turned::Elsewhere => StatusCode::NOT_FOUND,
            Turned::Method => StatusCode::METHOD_NOT_ALLOWED,
            Turned::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Turned::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Turned::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
            Turned::Refused(refusal) => refusal.status(),
            Turned::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Turned::BrokenOff | Turned::Unreadable(_) => StatusCode::BAD_REQUEST,
            // Teams tells again what was answered like this.
            Turned::NotHeard(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<Turned> for Answer {
    /// A status and nothing else: why is nobody's business who was turned away.
    fn from(turned: Turned) -> Self {
        let status = turned.status();
        let mut answer = empty(status);
        let headers = answer.headers_mut();
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, COME_AGAIN);
        }
        answer
    }
}

/// The door: who is let in, and what is known of who came.
pub(super) struct Door {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) address: std::net::SocketAddr,
    pub(super) path: String,
    pub(super) admission: Admission,
    pub(super) keyring: Keyring,
    pub(super) tally: Tally,
    /// One for each request that may be in hand.
    pub(super) places: Semaphore,
}

impl Door {
    /// Answers a request.
    pub(super) async fn answer(&self, ear: &dyn Ear, request: Request<Incoming>) -> Answer {
        match self.let_in(ear, request).await {
            Ok(reply) => {
                self.tally.heard();
                match reply {
                    Reply::Heard => empty(StatusCode::OK),
                    Reply::Invoke(body) => json(&body),
                    Reply::NotUnderstood => empty(StatusCode::NOT_IMPLEMENTED),
                }
            }
            Err(turned) => {
                self.tally.turned_away(&turned);
                turned.into()
            }
        }
    }

    async fn let_in(&self, ear: &dyn Ear, request: Request<Incoming>) -> Result<Reply, Turned> {
        let (head, body) = request.into_parts();
        if head.uri.path() != self.path {
            return Err(Turned::Elsewhere);
        }
        if head.method != Method::POST {
            return Err(Turned::Method);
        }
        if !is_plain_json(&head.headers) {
            return Err(Turned::MediaType);
        }
        if announced_length(&head.headers).is_some_and(|length| length > LARGEST_BODY) {
            return Err(Turned::TooLarge);
        }
        let _place = self.place().await?;
        let (claims, key) = self.authenticate(&head.headers).await?;
        let body = self.read(body).await?;
        let activity = activity::read(&body)?;
        self.admission.fits(&claims, &key.endorsements, &activity)?;
        Ok(ear.hear(activity, Via::Endpoint).await?)
    }

    /// A place among those who are answered; the connections that wait for one are bounded too.
    async fn place(&self) -> Result<SemaphorePermit<'_>, Turned> {
        tokio::select! {
            biased;
            place = self.places.acquire() => place.map_err(|_| Turned::NoRoom),
            () = self.clock.sleep(ROOM_WITHIN) => Err(Turned::NoRoom),
        }
    }

    /// Whether whoever calls is Teams and means this bot, as far as the head of a request says it.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<(Claims, Arc<Key>), Refusal> {
        let mut found = headers.get_all(AUTHORIZATION).iter();
        let authorization = found.next().ok_or(Refusal::NoToken)?;
        if found.next().is_some() {
            return Err(Refusal::SeveralTokens);
        }
        let authorization = authorization.to_str().map_err(|_| Refusal::Malformed("it is not ASCII"))?;
        let token = Unverified::read(authorization)?;
        let key = self.keyring.key(&token.key_id).await?;
        let claims = token.verify(&key)?;
        self.admission.admits(&claims, self.clock.now())?;
        Ok((claims, key))
    }

    async fn read(&self, body: Incoming) -> Result<Bytes, Turned> {
        let body = tokio::select! {
            biased;
            body = Limited::new(body, LARGEST_BODY).collect() => body,
            () = self.clock.sleep(BODY_WITHIN) => return Err(Turned::TooSlow),
        };
        match body {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(Turned::TooLarge),
            Err(_) => Err(Turned::BrokenOff),
        }
    }
}

impl Endpoint for Door {
    fn status(&self) -> EndpointStatus {
        let counts = self.tally.counts();
        EndpointStatus {
            listens_on: format!("http://{}{}", self.address, self.path),
            heard: counts.heard,
            last_heard_at: counts.last_heard_at,
            refused: counts.refused,
            last_refused_at: counts.last_refused_at,
            trouble: self.keyring.trouble(),
        }
    }
}

fn is_plain_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json") && !headers.contains_key(CONTENT_ENCODING)
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn json(body: &serde_json::Value) -> Answer {
    let mut answer = Response::new(Full::from(body.to_string()));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    answer
}
