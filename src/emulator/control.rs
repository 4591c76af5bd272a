//! The control interface: record, figures, faults.

use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::faults::Fault;
use super::reply::{Refusal, Reply, empty, json};
use super::route::Control;
use super::state::Shared;

/// How many messages a page holds if the request does not say.
const PAGE: usize = 1000;

/// Answers a call of the control interface.
pub(super) fn answer(shared: &Shared, control: Control, query: Option<&str>, body: &[u8]) -> Reply {
    match control {
        Control::Health => json(StatusCode::OK, &json!({ "status": "ok" })),
        Control::Figures => json(StatusCode::OK, &shared.figures()),
        Control::ListMessages => list_messages(shared, query.unwrap_or_default()).unwrap_or_else(Reply::from),
        Control::ClearMessages => {
            shared.books().record.clear();
            empty(StatusCode::NO_CONTENT)
        }
        Control::ListFaults => json(StatusCode::OK, &json!({ "faults": shared.books().rules.list() })),
        Control::AddFault => match serde_json::from_slice::<Fault>(body) {
            Ok(fault) => {
                let reply = json(StatusCode::CREATED, &fault);
                shared.books().rules.add(fault);
                reply
            }
            Err(problem) => refuse(problem.to_string()).into(),
        },
        Control::ClearFaults => {
            shared.books().rules.clear();
            empty(StatusCode::NO_CONTENT)
        }
    }
}

fn list_messages(shared: &Shared, query: &str) -> Result<Reply, Refusal> {
    let after = number(query, "after")?.unwrap_or(0);
    let limit = number(query, "limit")?.unwrap_or(PAGE);
    // The page is shown, which is where the work is, after the lock is given back.
    let page = shared.books().record.page(after, limit);
    let messages: Vec<_> = page.iter().map(|taken| taken.show()).collect();
    Ok(json(StatusCode::OK, &json!({ "messages": messages })))
}

/// The number under `name` in a query.
fn number<N: DeserializeOwned>(query: &str, name: &str) -> Result<Option<N>, Refusal> {
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
    let Some((_, value)) = found else { return Ok(None) };
    serde_json::from_str(&value).map(Some).map_err(|_| refuse(format!("{name} must be a whole number, not '{value}'")))
}

fn refuse(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "BadRequest", message)
}
