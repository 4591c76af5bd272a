//! Carrying out what the token service and the Connector are asked for.

use std::borrow::Cow;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, USER_AGENT};

use serde_json::json;

use super::conditions::Condition;
use super::conversations::Creating;
use super::log::TokenSeen;
use super::managed;
use super::matching::{Operation, Subject};
use super::record::Envelope;
use super::reply::{Cut, Refusal, Reply, json as json_reply};
use super::roster::Asking;
use super::route::{Call, Document, Route, conversation_id, other_id};
use super::sending::{Editing, Sending};
use super::signer::Signer;
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
    fn header(&self, name: HeaderName) -> &str {
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
        Route::Published(document) => {
            let subject = Subject { operation: Operation::Keys, ..token_subject(&shared.settings.tenant_id) };
            shared.under_faults(&subject, || publish(shared, document, request.header(HOST))).await
        }
        Route::WrongMethod => Ok(Refusal::from(Condition::MethodNotAllowed).into()),
        // The control interface was answered before it came to this.
        Route::Unknown | Route::Control(_) | Route::Tell => {
            Ok(Refusal::new(StatusCode::NOT_FOUND, "NotFound", "No such resource").into())
        }
        Route::Connector(call) => match denied(request.token) {
            Some(refusal) => Ok(refusal.into()),
            None => connect(shared, call, request).await,
        },
    }
}

/// The documents by which a bot knows Teams (Microsoft, "Authentication with the Bot Connector API", read in November 2026).
fn publish(shared: &Shared, document: Document, host: &str) -> Reply {
    let body = match document {
        Document::OpenId => json!({
            "issuer": shared.settings.cloud.resource(),
            "authorization_endpoint": "https://invalid.botframework.com",
            "jwks_uri": format!("http://{host}/v1/.well-known/keys"),
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        }),
        Document::Keys => shared.with_signer(Signer::key_set),
    };
    json_reply(StatusCode::OK, &body)
}

fn token_subject(tenant: &str) -> Subject {
    Subject { operation: Operation::Token, conversation: None, user: Vec::new(), tenant: tenant.to_owned() }
}

/// Carries out what the Connector is asked for, or says what is wrong with the request.
async fn connect(shared: &Shared, call: Call<'_>, request: &Request<'_>) -> Result<Reply, Cut> {
    let (work, subject) = match Work::read(call, request) {
        Ok(work) => {
            let subject = work.subject(shared);
            (work, subject)
        }
        Err(refusal) => return Ok(refusal.into()),
    };
    let in_hand = match &subject.conversation {
        Some(conversation) if work.changes_a_conversation() => shared.take_in_hand(conversation),
        Some(_) | None => Ok(None),
    };
    match in_hand {
        // Kept until there is an answer, and dropped with the request if its client goes away.
        Ok(_in_hand) => {
            let act = || work.carry_out(shared, &subject).unwrap_or_else(Reply::from);
            shared.under_faults(&subject, act).await
        }
        Err(refusal) => Ok(refusal.into()),
    }
}

/// Something that the Connector can do, read from a request.
enum Work {
    Create(Creating),
    Send(Sending),
    Edit(Editing),
    Ask(Asking),
}

impl Work {
    /// What the call means, as far as it can be told without the books.
    fn read(call: Call<'_>, request: &Request<'_>) -> Result<Self, Refusal> {
        let id = |raw| conversation_id(raw).map(Cow::into_owned);
        let body = || request.body.clone();
        Ok(match call {
            Call::Create => Self::Create(Creating::read(&request.body, request.envelope())?),
            Call::Send { conversation, reply_to } => {
                Self::Send(Sending::read(id(conversation)?, reply_to.map(other_id), body(), request.envelope())?)
            }
            Call::Update { conversation, activity } => {
                Self::Edit(Editing::update(id(conversation)?, other_id(activity), body())?)
            }
            Call::Delete { conversation, activity } => {
                Self::Edit(Editing::delete(id(conversation)?, other_id(activity)))
            }
            Call::Ask(question) => Self::Ask(Asking::read(question, request.query)?),
        })
    }

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
