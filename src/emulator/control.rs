//! The control interface: what happened, and what shall happen.

use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::conditions::Condition;
use super::faults::Fault;
use super::matching::Operation;
use super::placements::Placement;
use super::reply::{Refusal, Reply, empty, json};
use super::route::Control;
use super::state::Shared;

/// How many entries a page holds if the request does not say.
const PAGE: usize = 1000;

/// Answers a call of the control interface.
pub(super) fn answer(shared: &Shared, control: Control, query: Option<&str>, body: &[u8]) -> Reply {
    carry_out(shared, control, query.unwrap_or_default(), body).unwrap_or_else(Reply::from)
}

fn carry_out(shared: &Shared, control: Control, query: &str, body: &[u8]) -> Result<Reply, Refusal> {
    let done = || Ok(empty(StatusCode::NO_CONTENT));
    match control {
        Control::Health => Ok(json(StatusCode::OK, &json!({ "status": "ok" }))),
        Control::Figures => Ok(json(StatusCode::OK, &shared.figures())),
        Control::ListMessages => {
            let (after, limit) = page(query)?;
            let (conversation, user) = (text(query, "conversation"), text(query, "user"));
            let seen = if conversation.is_some() || user.is_some() { usize::MAX } else { limit };
            // The page is shown, which is where the work is, after the lock is given back.
            let page = shared.books().record.page(after, seen);
            let wanted = page.iter().filter(|taken| taken.is_of(conversation.as_deref(), user.as_deref()));
            let messages: Vec<_> = wanted.take(limit).map(|taken| taken.show()).collect();
            Ok(json(StatusCode::OK, &json!({ "messages": messages })))
        }
        Control::ClearMessages => {
            shared.books().record.clear();
            done()
        }
        Control::ListRequests => {
            let (after, limit) = page(query)?;
            let page = shared.books().log.page(after, limit);
            Ok(json(StatusCode::OK, &json!({ "requests": page })))
        }
        Control::ClearRequests => {
            shared.books().log.clear();
            done()
        }
        Control::ListFaults => Ok(json(StatusCode::OK, &json!({ "faults": shared.books().rules.list() }))),
        Control::AddFault => {
            let fault: Fault = read(body)?;
            let reply = json(StatusCode::CREATED, &fault);
            shared.books().rules.add(fault);
            Ok(reply)
        }
        Control::ClearFaults => {
            shared.books().rules.clear();
            done()
        }
        Control::ListConditions => Ok(list_conditions(shared)),
        Control::PutCondition => {
            let placement: Placement = read(body)?;
            if placement.operation == Some(Operation::Token) {
                return Err(refuse("conditions are of the Connector; add a fault for tokens".to_owned()));
            }
            let reply = json(StatusCode::CREATED, &placement);
            shared.books().placements.put(placement);
            Ok(reply)
        }
        Control::LiftConditions => {
            let which = Which::read(query)?;
            let lifted = shared.books().placements.lift(|placement| which.means(placement));
            Ok(json(StatusCode::OK, &json!({ "lifted": lifted })))
        }
        Control::ShowDirectory => Ok(json(StatusCode::OK, shared.books().register.directory())),
        Control::SetDirectory => {
            shared.set_directory(read(body)?).map_err(|problem| refuse(problem.to_string()))?;
            done()
        }
        Control::ShowCredentials => {
            let vault = shared.vault();
            let accepted = &vault.accepted;
            let certificates: Vec<_> = accepted
                .certificates
                .iter()
                .map(|certificate| json!({ "x5t": certificate.x5t, "x5t#S256": certificate.x5t_s256 }))
                .collect();
            let body = json!({
                "secrets": accepted.credentials.secrets.len(),
                "assertions": accepted.credentials.assertions.len(),
                "certificates": certificates,
            });
            Ok(json(StatusCode::OK, &body))
        }
        Control::SetCredentials => {
            shared.vault().accept(read(body)?).map_err(|problem| refuse(problem.to_string()))?;
            done()
        }
        Control::RollKeys => {
            shared.roll_keys();
            done()
        }
        Control::RevokeTokens => {
            shared.vault().revoke(shared.clock.moment().0);
            done()
        }
    }
}

/// The catalogue, and what of it is in force.
fn list_conditions(shared: &Shared) -> Reply {
    let row = |condition: &Condition| {
        json!({
            "condition": condition.name(),
            "status": condition.status(),
            "code": condition.code(),
            "retry_after": condition.retry_after(),
            "body": condition.body(),
            "meaning": condition.meaning(),
        })
    };
    let catalogue: Vec<_> = Condition::ALL.iter().map(row).collect();
    json(StatusCode::OK, &json!({ "conditions": catalogue, "in_force": shared.books().placements.list() }))
}

/// Which placements of conditions are meant: those that say all of this.
#[derive(Default)]
struct Which {
    condition: Option<Condition>,
    conversation: Option<String>,
    user: Option<String>,
    tenant: Option<String>,
}

impl Which {
    fn read(query: &str) -> Result<Self, Refusal> {
        let mut which = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match name.as_ref() {
                "condition" => {
                    let found = Condition::named(&value);
                    which.condition = Some(found.ok_or_else(|| refuse(format!("there is no condition '{value}'")))?);
                }
                "conversation" => which.conversation = Some(value),
                "user" => which.user = Some(value),
                "tenant" => which.tenant = Some(value),
                other => {
                    return Err(refuse(format!("'{other}' is none of condition, conversation, user and tenant")));
                }
            }
        }
        Ok(which)
    }

    fn means(&self, placement: &Placement) -> bool {
        let same = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        self.condition.is_none_or(|condition| condition == placement.condition)
            && same(&self.conversation, &placement.conversation)
            && same(&self.user, &placement.user)
            && same(&self.tenant, &placement.tenant)
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|problem| refuse(problem.to_string()))
}

/// `after` and `limit` of a query.
fn page(query: &str) -> Result<(u64, usize), Refusal> {
    Ok((number(query, "after")?.unwrap_or(0), number(query, "limit")?.unwrap_or(PAGE)))
}

/// The text under `name` in a query.
fn text(query: &str, name: &str) -> Option<String> {
    let mut fields = url::form_urlencoded::parse(query.as_bytes());
    fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The number under `name` in a query.
fn number<N: DeserializeOwned>(query: &str, name: &str) -> Result<Option<N>, Refusal> {
    let Some(value) = text(query, name) else { return Ok(None) };
    serde_json::from_str(&value).map(Some).map_err(|_| refuse(format!("{name} must be a whole number, not '{value}'")))
}

fn refuse(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "BadRequest", message)
}
