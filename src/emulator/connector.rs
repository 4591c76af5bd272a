//! Carrying out what the token service and the Connector are asked for.

use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, USER_AGENT};

use super::conditions::Condition;
use super::conversations::Creating;
use super::log::TokenSeen;
use super::managed;
use super::matching::{Operation, Subject};
use super::record::Envelope;
use super::reply::{Cut, Refusal, Reply};
use super::roster::Asking;
use super::route::{Route, conversation_id, other_id};
use super::sending::{Editing, Sending};
use super::state::Shared;
use super::token::{self, Asked, denied};

/// A request, read to its end.
pub(super) struct Request<'head> {
    pub route: Route<'head>,
    pub headers: &'head HeaderMap,
    /// Still encoded.
    pub path: &'head str,
    pub query: Option<&'head str>,
    pub body: Bytes,
    pub token: TokenSeen,
}

impl Request<'_> {
    fn header(&self, name: hyper::header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn envelope(&self) -> Envelope {
        Envelope { path: self.path.to_owned(), user_agent: self.header(USER_AGENT).to_owned() }
    }
}

/// Answers a request, or cuts the connection.
pub(super) async fn operate(shared: &Shared, request: &Request<'_>) -> Result<Reply, Cut> {
    match request.route {
        Route::Token { tenant } => {
            let subject = token_subject(tenant);
            let asked = Asked {
                tenant,
                host: request.header(HOST),
                path: request.path,
                is_form: request.header(CONTENT_TYPE).starts_with("application/x-www-form-urlencoded"),
                body: &request.body,
            };
            shared.under_faults(&subject, || token::grant(shared, &asked)).await
        }
        Route::ManagedIdentity(host) => {
            let subject = token_subject(&shared.settings.tenant_id);
            let act = || managed::grant(shared, host, request.headers, request.query);
            shared.under_faults(&subject, act).await
        }
        Route::WrongMethod => Ok(Refusal::from(Condition::MethodNotAllowed).into()),
        // The control interface was answered before it came to this.
        Route::Unknown | Route::Control(_) => {
            Ok(Refusal::new(hyper::StatusCode::NOT_FOUND, "NotFound", "No such resource").into())
        }
        Route::Create | Route::Send { .. } | Route::Update { .. } | Route::Delete { .. } | Route::Ask(_) => {
            match denied(request.token) {
                Some(refusal) => Ok(refusal.into()),
                None => connect(shared, request).await.unwrap_or_else(|refusal| Ok(refusal.into())),
            }
        }
    }
}

fn token_subject(tenant: &str) -> Subject {
    Subject { operation: Operation::Token, conversation: None, user: Vec::new(), tenant: tenant.to_owned() }
}

/// Carries out what the Connector is asked for, or says what is wrong with the request.
async fn connect(shared: &Shared, request: &Request<'_>) -> Result<Result<Reply, Cut>, Refusal> {
    let id = |raw: &str| conversation_id(raw).map(std::borrow::Cow::into_owned);
    let body = || request.body.clone();
    let work = match request.route {
        Route::Create => Work::Create(Creating::read(&request.body, request.envelope())?),
        Route::Send { conversation, reply_to } => {
            Work::Send(Sending::read(id(conversation)?, reply_to.map(other_id), body(), request.envelope())?)
        }
        Route::Update { conversation, activity } => {
            Work::Edit(Editing::update(id(conversation)?, other_id(activity), body())?)
        }
        Route::Delete { conversation, activity } => Work::Edit(Editing::delete(id(conversation)?, other_id(activity))),
        Route::Ask(question) => Work::Ask(Asking::read(question, request.query)?),
        Route::Token { .. } | Route::ManagedIdentity(_) | Route::Control(_) | Route::WrongMethod | Route::Unknown => {
            return Err(Condition::MethodNotAllowed.into());
        }
    };
    let subject = work.subject(shared);
    let _in_hand = match &subject.conversation {
        Some(conversation) if work.changes_a_conversation() => shared.take_in_hand(conversation)?,
        Some(_) | None => None,
    };
    let act = || work.carry_out(shared, &subject).unwrap_or_else(Reply::from);
    Ok(shared.under_faults(&subject, act).await)
}

/// Something that the Connector can do, read from a request.
enum Work {
    Create(Creating),
    Send(Sending),
    Edit(Editing),
    Ask(Asking),
}

impl Work {
    fn subject(&self, shared: &Shared) -> Subject {
        let books = shared.books();
        match self {
            Self::Create(creating) => creating.subject(shared, &books),
            Self::Send(sending) => sending.subject(&books),
            Self::Edit(editing) => editing.subject(&books),
            Self::Ask(asking) => asking.subject(&books),
        }
    }

    fn changes_a_conversation(&self) -> bool {
        match self {
            Self::Create(_) | Self::Send(_) | Self::Edit(_) => true,
            Self::Ask(_) => false,
        }
    }

    fn carry_out(self, shared: &Shared, subject: &Subject) -> Result<Reply, Refusal> {
        match self {
            Self::Create(creating) => creating.carry_out(shared, subject),
            Self::Send(sending) => sending.carry_out(shared, subject),
            Self::Edit(editing) => editing.carry_out(shared, subject),
            Self::Ask(asking) => asking.carry_out(shared, subject),
        }
    }
}
