//! What must be right about an activity before anything is done with it.

use serde_json::Value;

use super::conditions::Condition;
use super::reply::Refusal;

/// Teams takes about 100 KB in a message, counted as UTF-16 (Microsoft, "Format your bot messages", read in November
/// 2026).
const MOST_UTF16_BYTES: usize = 100 * 1024;

/// Parses a body that must be a JSON object.
pub(super) fn read_object(body: &[u8]) -> Result<Value, Refusal> {
    let value = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
    value.ok_or_else(|| Condition::BadPayload.into())
}

/// Checks an activity, and its size in JSON.
pub(super) fn check_activity(activity: &Value, body: &[u8]) -> Result<(), Refusal> {
    if string_at(activity, "/type").is_none() {
        return Err(Condition::MissingProperty.into());
    }
    // A byte of UTF-8 is at most one unit of UTF-16, so most bodies need not be counted.
    let too_big = body.len() * 2 > MOST_UTF16_BYTES
        && String::from_utf8_lossy(body).encode_utf16().count() * 2 > MOST_UTF16_BYTES;
    if too_big { Err(Condition::TooBig.into()) } else { Ok(()) }
}

/// The text at a JSON pointer, if it is there and not empty.
pub(super) fn string_at<'value>(value: &'value Value, pointer: &str) -> Option<&'value str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}
