//! The token of a good answer, and how long it is good.
//!
//! From Microsoft's page on Connector authentication and the sources of its authentication library (read in November
//! 2026).

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;

/// A token is renewed this long before it expires, or at half its life if that is shorter.
const EARLY: Duration = Duration::from_mins(5);

/// From this life on, a token is renewed at half of it: managed identities get tokens for a day, and an identity
/// that was changed meanwhile shows only in a new one.
const LONG: Duration = Duration::from_hours(2);

/// A token as it came.
#[derive(Debug)]
pub(in super::super) struct Granted {
    pub(in super::super) secret: SecretString,
    /// Counted from the asking.
    pub(in super::super) life: Duration,
    /// After how much of its life it is to be renewed.
    pub(in super::super) renew_after: Duration,
}

/// What all token services answer, more or less.
#[derive(Deserialize)]
struct Body {
    /// Plain text for the moment it takes to move into a `SecretString`; this type has no `Debug`.
    access_token: String,
    expires_in: Option<Seconds>,
    /// Seconds since 1970. App Service gives only this one.
    expires_on: Option<Seconds>,
    refresh_in: Option<Seconds>,
}

/// A number of seconds. The identity services of Azure write some of theirs as text.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "serde_json::Value")]
struct Seconds(u64);

impl TryFrom<serde_json::Value> for Seconds {
    type Error = &'static str;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        number.map(Self).ok_or("not a number of seconds")
    }
}

/// The token of a success, if it can stand in a header and its life is known. `now` is what the wall clock shows; it
/// is asked only where the answer gives no span, since it may be wrong.
pub(super) fn granted(body: &[u8], now: DateTime<Utc>) -> Option<Granted> {
    let Body { access_token, expires_in, expires_on, refresh_in } = serde_json::from_slice(body).ok()?;
    if access_token.is_empty() || !access_token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let life = match (expires_in, expires_on) {
        (Some(Seconds(span)), _) => span,
        (None, Some(Seconds(end))) => end.saturating_sub(u64::try_from(now.timestamp()).ok()?),
        (None, None) => return None,
    };
    if life == 0 {
        return None;
    }
    let life = Duration::from_secs(life);
    let renew_after = match refresh_in {
        // Within reason: a slip there must not make each message ask for a token of its own.
        Some(Seconds(after)) => Duration::from_secs(after).clamp(life / 4, life),
        None if life >= LONG => life / 2,
        None => life.saturating_sub(EARLY).max(life / 2),
    };
    Some(Granted { secret: access_token.into(), life, renew_after })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value) -> Option<(u64, u64)> {
        let now = "2026-11-20T08:00:00Z".parse().expect("an instant");
        let granted = granted(body.to_string().as_bytes(), now)?;
        Some((granted.life.as_secs(), granted.renew_after.as_secs()))
    }

    #[test]
    fn a_token_is_renewed_in_time() {
        let check = |body: Value, life: u64, renew_after: u64| {
            assert_eq!(read(&body), Some((life, renew_after)), "{body}");
        };
        check(json!({ "access_token": "x", "expires_in": 3600 }), 3600, 3300);
        check(json!({ "access_token": "x", "expires_in": "3599" }), 3599, 3299);
        check(json!({ "access_token": "x", "expires_in": 60 }), 60, 30);
        check(json!({ "access_token": "x", "expires_in": "86400" }), 86_400, 43_200);
        check(json!({ "access_token": "x", "expires_in": 86_400, "refresh_in": 50_000 }), 86_400, 50_000);
        check(json!({ "access_token": "x", "expires_in": 60, "refresh_in": 999 }), 60, 60);
        let in_an_hour = 1_795_161_600 + 3600;
        check(json!({ "access_token": "x", "expires_on": in_an_hour.to_string() }), 3600, 3300);
        // The span counts where both are given: it needs no clock that is right.
        check(json!({ "access_token": "x", "expires_in": 60, "expires_on": in_an_hour }), 60, 30);
        check(json!({ "access_token": "x", "expires_in": 60, "refresh_in": 0 }), 60, 15);
    }

    #[test]
    fn what_is_no_token_is_none() {
        for body in [
            json!({}),
            json!([]),
            json!({ "access_token": "x" }),
            json!({ "access_token": "", "expires_in": 60 }),
            json!({ "access_token": "a\r\nb", "expires_in": 60 }),
            json!({ "access_token": "x", "expires_in": -1 }),
            json!({ "access_token": "x", "expires_in": 0 }),
            json!({ "access_token": "x", "expires_on": 1 }),
            json!({ "access_token": "x", "expires_on": "2026-11-20" }),
        ] {
            assert_eq!(read(&body), None, "{body}");
        }
    }
}
