//! From what came back to what it means: one table.
//!
//! Its rows come from the Teams page "status codes from bot conversational APIs" and the REST API reference (both
//! read in November 2026), and from public reports of what Teams answers in production; [`verdict`] names the
//! exceptions. The page asks not to retry what it does not list, and reports show that a repeated 5xx is delivered
//! twice, so only what surely delivered nothing becomes a retry.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::http::{NoReply, Reply};
use crate::domain::delivery::Reason;
use crate::domain::verdict::{Answer, Evidence, LONGEST_RETRY_AFTER, Verdict};

/// How long a conversation that Teams does not know is left alone. A 404 for a valid one is known to pass within
/// seconds (reports from several fleets, for about 1 % of their people).
const NOT_FOUND_PAUSE: Duration = Duration::from_secs(30);

/// How many characters of a message are kept as evidence.
pub(super) const DETAIL_CHARS_MAX: usize = 300;

/// How many characters of a code or a header are kept as evidence.
const WORD_CHARS_MAX: usize = 100;

/// A reply, as far as its meaning goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) correlation_id: Option<String>,
    /// The `id` of a success.
    pub(super) id: Option<String>,
}

/// THE TABLE, read from above: the first row that fits holds. Codes are compared in lower case and without blanks.
fn verdict(seen: &Seen) -> Verdict {
    use Reason as R;

    let permanent = |reason| Verdict::Permanent { reason };
    let retry = |reason| Verdict::Retry { reason, after: seen.retry_after };
    let unknown = |reason| Verdict::Unknown { reason, after: seen.retry_after };
    // Which place, the client knows.
    let elsewhere = |reason| Verdict::Elsewhere { reason, instead: None };

    let code = seen.code.as_deref().map(squeeze).unwrap_or_default();
    let says = |part: &str| seen.message.as_deref().is_some_and(|text| text.to_ascii_lowercase().contains(part));

    match (seen.status, code.as_str()) {
        // Whatever the body says, or does not: 202 comes with none.
        (200..=299, _) => Verdict::Delivered { activity_id: seen.id.clone() },
        // Redirects are not followed.
        (300..=399, _) => permanent(R::Refused),

        // Never seen by the bot logic of Teams, so nothing was delivered. The client has tried a new token already.
        (401, "botnotregistered") => Verdict::OurFault { reason: R::NotRegistered },
        (401, _) => Verdict::OurFault { reason: R::AuthRefused },
        (412, _) => retry(R::Busy),
        (429, _) => retry(R::Throttled),

        // About the recipient. The status varies: 403 as documented, 400 and 404 as seen.
        (400..=499, "conversationblockedbyuser" | "messagewritesblocked" | "209") => permanent(R::Blocked),
        (400..=499, "botnotinconversationroster" | "forbiddenoperationexception") => permanent(R::Uninstalled),
        (400..=499, "botdisabledbyadmin") => permanent(R::DisabledByAdmin),
        (400..=499, "membernotfoundinconversation") => permanent(R::NotAMember),
        (400..=499, _) if says("invalid user identity in provided tenant") => permanent(R::OtherTenant),

        // About the place: stale regional URLs, tenants of the government cloud on the public host, and a failure to
        // read a body that was seen in one region and not in another.
        (400..=499, "invalidbotapihost") => elsewhere(R::WrongRegion),
        (400..=499, _) if says("wrong geo") || says("different region") => elsewhere(R::WrongRegion),
        (400, "badsyntax") if says("payload is incorrect") => elsewhere(R::Malformed),

        // About the conversation, and sporadically wrong: in two incidents of 2023 valid ids were refused by the
        // thousand, and about 1 % of the people of some fleets are unknown for seconds.
        (400..=499, _) if says("failed to decrypt") => {
            Verdict::Recreate { reason: R::ForeignConversation, after: seen.retry_after }
        }
        (404, "conversationnotfound") => Verdict::Recreate {
            reason: R::ConversationNotFound,
            after: Some(seen.retry_after.unwrap_or_default().max(NOT_FOUND_PAUSE)),
        },
        (404, "activitynotfoundinconversation") => permanent(R::ActivityNotFound),
        // Any other 404 comes from the edge, which lost its way: as good as a 502.
        (404, _) => unknown(R::ServerError),

        // About the message.
        (413, _) | (400..=499, "messagesizetoobig" | "requestentitytoolarge") => permanent(R::TooLarge),
        (400..=499, "badargument" | "badsyntax" | "missingproperty") | (405 | 406 | 415, _) => permanent(R::Malformed),

        // About the bot's rights there.
        (403, "notenoughpermissions") => permanent(R::NotAllowed),

        // About Teams itself.
        (403, "serviceerror") if says("unknown") => unknown(R::ServerError),
        (408, _) => unknown(R::ServerError),
        (503, _) if seen.retry_after.is_some() => retry(R::TryAgain),

        (400..=499, _) => permanent(R::Refused),
        // 5xx, and numbers that no standard knows.
        _ => unknown(R::ServerError),
    }
}

/// The answer that a reply stands for. `now` is for a `Retry-After` that names a date.
pub(super) fn of_reply(reply: &Reply, now: DateTime<Utc>) -> Answer {
    let seen = Seen::of(reply, now);
    let verdict = verdict(&seen);
    Answer {
        verdict,
        evidence: Evidence {
            status: Some(seen.status),
            error_code: seen.code,
            correlation_id: seen.correlation_id,
            detail: seen.message,
        },
    }
}

/// The answer that no reply stands for.
pub(super) fn of_silence(silence: NoReply) -> Answer {
    let (verdict, detail) = match silence {
        NoReply::NotConnected(detail) => (Verdict::Retry { reason: Reason::NotConnected, after: None }, detail),
        NoReply::Lost(detail) => (Verdict::Unknown { reason: Reason::NoAnswer, after: None }, detail),
        // It stays so until somebody installs certificates and restarts us.
        NoReply::NoTls(detail) => (Verdict::OurFault { reason: Reason::NotConnected }, detail),
    };
    Answer::without_request(verdict, cut(&detail, DETAIL_CHARS_MAX))
}

impl Seen {
    /// Total: every status with every body is seen as something.
    pub(super) fn of(reply: &Reply, now: DateTime<Utc>) -> Self {
        let success = (200..=299).contains(&reply.status);
        let body = Body::of(&reply.body);
        Self {
            status: reply.status,
            code: body.code.filter(|_| !success).map(|code| cut(&code, WORD_CHARS_MAX)),
            message: body.message.filter(|_| !success).map(|message| cut(&message, DETAIL_CHARS_MAX)),
            retry_after: reply.retry_after.as_deref().and_then(|text| retry_after(text, now)),
            correlation_id: reply.correlation_id.as_deref().map(|text| cut(text, WORD_CHARS_MAX)),
            id: body.id.filter(|_| success),
        }
    }
}

/// `Retry-After` as RFC 9110 has it: seconds, or a date. A date that has passed is no wait at all, and what is absurd is
/// cut to what makes sense.
pub(super) fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    let asked = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let date = DateTime::parse_from_rfc2822(text).ok()?;
        (date.with_timezone(&Utc) - now).to_std().unwrap_or_default()
    };
    Some(asked.min(LONGEST_RETRY_AFTER))
}

/// What a body says, in any of the shapes seen:
/// `{"id": …}`, `{"error": {"code", "message"}}`, `{"code", "message"}`, `{"message"}`,
/// `{"errorCode": 209, "message": "<JSON with a subCode>"}`, the token service's
/// `{"error": "…", "error_description": "…"}`, or no JSON at all.
#[derive(Debug, Default, PartialEq, Eq)]
struct Body {
    id: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

impl Body {
    fn of(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
            let text = String::from_utf8_lossy(bytes);
            return Self { message: Some(text.into_owned()).filter(|text| !text.trim().is_empty()), ..Self::default() };
        };
        let Value::Object(outer) = value else { return Self::default() };

        let inner = member(&outer, "error").and_then(Value::as_object).unwrap_or(&outer);
        let message = word(inner, "message").or_else(|| word(&outer, "error_description"));
        // The message of the error code 209 is JSON written as text.
        let sub_code = message
            .as_deref()
            .filter(|_| member(inner, "errorCode").is_some())
            .and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok())
            .and_then(|object| word(&object, "subCode"));
        let code = sub_code.or_else(|| ["code", "errorCode", "error"].iter().find_map(|name| word(inner, name)));
        Self { id: word(&outer, "id"), code, message }
    }
}

/// A member by its name in any case: `Message` and `message` are both seen.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// A member that is a text with something in it, or a number.
fn word(object: &Map<String, Value>, name: &str) -> Option<String> {
    match member(object, name)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `Bad Argument` and `badargument` are the same code.
fn squeeze(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect()
}

/// A text as one line of at most `chars_max` characters.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|part| !part.is_empty());
    let mut line = line.collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(chars_max) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-20T08:00:00Z".parse().expect("an instant")
    }

    fn reply(status: u16, retry_after: Option<&str>, body: &[u8]) -> Reply {
        Reply { status, retry_after: retry_after.map(str::to_owned), correlation_id: None, body: body.to_vec() }
    }

    fn error(code: &str, message: &str) -> String {
        serde_json::json!({ "error": { "code": code, "message": message } }).to_string()
    }

    fn permanent(reason: Reason) -> Verdict {
        Verdict::Permanent { reason }
    }

    fn unknown(after: Option<u64>) -> Verdict {
        Verdict::Unknown { reason: Reason::ServerError, after: after.map(Duration::from_secs) }
    }

    fn retry(reason: Reason, after: Option<u64>) -> Verdict {
        Verdict::Retry { reason, after: after.map(Duration::from_secs) }
    }

    #[test]
    fn each_answer_means_what_the_table_says() {
        let check = |status, after: Option<&str>, body: &str, expect: Verdict| {
            let got = of_reply(&reply(status, after, body.as_bytes()), now());
            assert_eq!(got.verdict, expect, "{status} {after:?} {body}");
        };
        let delivered = |id: Option<&str>| Verdict::Delivered { activity_id: id.map(str::to_owned) };

        check(201, None, r#"{"id":"1776390257332"}"#, delivered(Some("1776390257332")));
        check(200, None, r#"{"id":1776390257332}"#, delivered(Some("1776390257332")));
        check(202, None, "", delivered(None));
        check(200, None, "{", delivered(None));
        check(200, None, "[]", delivered(None));
        check(201, None, r#"{"id":""}"#, delivered(None));
        check(201, None, r#"{"id":null}"#, delivered(None));
        check(200, None, "<html>", delivered(None));
        check(207, None, &error("BotDisabledByAdmin", ""), delivered(None));

        check(301, None, "", permanent(Reason::Refused));
        check(302, Some("5"), "", permanent(Reason::Refused));
        check(307, None, "", permanent(Reason::Refused));

        check(429, Some("7"), &error("Throttled", "slow down"), retry(Reason::Throttled, Some(7)));
        check(429, None, "", retry(Reason::Throttled, None));
        check(429, Some("soon"), "", retry(Reason::Throttled, None));
        check(429, Some("Fri, 20 Nov 2026 08:00:09 GMT"), "", retry(Reason::Throttled, Some(9)));
        check(429, Some("Fri, 20 Nov 2026 07:00:00 GMT"), "", retry(Reason::Throttled, Some(0)));
        check(429, Some("3600"), "", retry(Reason::Throttled, Some(3600)));
        check(429, Some("31536000"), "", retry(Reason::Throttled, Some(3600)));
        check(429, Some("Sat, 20 Nov 2027 08:00:00 GMT"), "", retry(Reason::Throttled, Some(3600)));
        check(412, None, &error("PreconditionFailed", ""), retry(Reason::Busy, None));
        check(503, Some("3"), "", retry(Reason::TryAgain, Some(3)));

        check(503, None, "", unknown(None));
        check(503, Some("soon"), "", unknown(None));
        check(500, Some("3"), &error("ServiceError", ""), unknown(Some(3)));
        check(502, None, "<html>Bad Gateway</html>", unknown(None));
        check(504, None, "", unknown(None));
        check(504, Some("120"), "", unknown(Some(120)));
        check(504, None, &error("BotNotInConversationRoster", ""), unknown(None));
        check(408, None, "", unknown(None));
        check(408, Some("31536000"), "", unknown(Some(3600)));
        check(599, None, "", unknown(None));
        check(999, None, "", unknown(None));

        let auth = Verdict::OurFault { reason: Reason::AuthRefused };
        check(401, None, r#"{"message":"Authorization has been denied for this request."}"#, auth.clone());
        check(401, None, &error("AuthorizationError", ""), auth);
        check(401, None, &error("BotNotRegistered", ""), Verdict::OurFault { reason: Reason::NotRegistered });

        check(403, None, &error("ConversationBlockedByUser", ""), permanent(Reason::Blocked));
        check(400, None, &error("ConversationBlockedByUser", ""), permanent(Reason::Blocked));
        check(403, None, &error("conversation blocked by USER", ""), permanent(Reason::Blocked));
        let writes_blocked =
            r#"{"errorCode":209,"message":"{\"subCode\":\"MessageWritesBlocked\",\"details\":\"x\"}"}"#;
        check(403, None, writes_blocked, permanent(Reason::Blocked));
        check(400, None, writes_blocked, permanent(Reason::Blocked));
        check(400, None, r#"{"errorCode":209,"message":"?"}"#, permanent(Reason::Blocked));
        check(403, None, &error("BotNotInConversationRoster", ""), permanent(Reason::Uninstalled));
        check(404, None, &error("BotNotInConversationRoster", ""), permanent(Reason::Uninstalled));
        check(403, None, &error("ForbiddenOperationException", "not installed"), permanent(Reason::Uninstalled));
        check(403, None, &error("BotDisabledByAdmin", ""), permanent(Reason::DisabledByAdmin));
        check(403, None, r#"{"Code":"BotDisabledByAdmin"}"#, permanent(Reason::DisabledByAdmin));
        check(403, None, &error("ServiceError", "Unknown"), unknown(None));
        check(403, None, &error("ServiceError", "no licence"), permanent(Reason::Refused));
        check(403, None, &error("NotEnoughPermissions", ""), permanent(Reason::NotAllowed));
        check(400, None, &error("MemberNotFoundInConversation", ""), permanent(Reason::NotAMember));
        let guest = "Invalid user identity in provided tenant";
        check(400, None, &error("BadSyntax", guest), permanent(Reason::OtherTenant));

        let elsewhere = |reason| Verdict::Elsewhere { reason, instead: None };
        let geo = "Incoming request was redirected to the wrong geo! Target geo: EUDB";
        check(400, None, &error("BadArgument", geo), elsewhere(Reason::WrongRegion));
        check(403, None, &error("Bad Argument", "User is from different region"), elsewhere(Reason::WrongRegion));
        check(403, None, &error("InvalidBotApiHost", ""), elsewhere(Reason::WrongRegion));
        check(400, None, &error("BadSyntax", "Payload is incorrect"), elsewhere(Reason::Malformed));
        let foreign = Verdict::Recreate { reason: Reason::ForeignConversation, after: None };
        check(400, None, &error("BadArgument", "Failed to decrypt conversation id"), foreign.clone());
        check(403, None, &error("BadArgument", "Failed to decrypt pairwise id"), foreign);
        check(403, None, "", permanent(Reason::Refused));

        let not_found = error("ConversationNotFound", "Conversation not found.");
        let lost = |seconds| Verdict::Recreate {
            reason: Reason::ConversationNotFound,
            after: Some(Duration::from_secs(seconds)),
        };
        check(404, None, &not_found, lost(30));
        check(404, Some("5"), &not_found, lost(30));
        check(404, Some("50"), &not_found, lost(50));
        check(404, None, &error("ActivityNotFoundInConversation", ""), permanent(Reason::ActivityNotFound));
        check(404, None, "", unknown(None));
        check(404, None, "<html>", unknown(None));
        check(404, Some("9"), "<html>", unknown(Some(9)));

        check(413, None, "", permanent(Reason::TooLarge));
        check(400, None, &error("MessageSizeTooBig", ""), permanent(Reason::TooLarge));
        check(400, None, &error("Bad Argument", "Bad format of conversation ID"), permanent(Reason::Malformed));
        check(400, None, "\"oops\"", permanent(Reason::Refused));
        check(405, None, "", permanent(Reason::Malformed));
        check(418, None, "", permanent(Reason::Refused));
    }

    #[test]
    fn silence_is_told_apart_by_whether_anything_left() {
        let check = |silence, expect| assert_eq!(of_silence(silence).verdict, expect);
        check(NoReply::NotConnected("x".into()), retry(Reason::NotConnected, None));
        check(NoReply::Lost("x".into()), Verdict::Unknown { reason: Reason::NoAnswer, after: None });
        check(NoReply::NoTls("x".into()), Verdict::OurFault { reason: Reason::NotConnected });
    }

    #[test]
    fn evidence_holds_status_code_message_and_correlation() {
        let mut given = reply(403, None, error("BotDisabledByAdmin", &format!("a\nb {}", "ü".repeat(400))).as_bytes());
        given.correlation_id = Some("cv.1".to_owned());
        let evidence = of_reply(&given, now()).evidence;
        assert_eq!(evidence.status, Some(403));
        assert_eq!(evidence.error_code.as_deref(), Some("BotDisabledByAdmin"));
        assert_eq!(evidence.correlation_id.as_deref(), Some("cv.1"));
        let detail = evidence.detail.expect("a message");
        assert!(detail.starts_with("a b üü") && detail.ends_with('…'), "{detail}");
        assert_eq!(detail.chars().count(), DETAIL_CHARS_MAX + 1);
    }

    /// Bodies that look like the real ones, besides pure noise.
    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        let json = prop_oneof![
            Just("null".to_owned()),
            "[0-9]{1,3}",
            "\"[a-zA-Z{}\\\\\"]{0,8}\"",
            Just(r#"{"code":1,"message":[]}"#.to_owned()),
            Just(r#""{\"subCode\":7}""#.to_owned()),
        ];
        let names = prop::sample::select(vec!["error", "code", "message", "errorCode", "id", "ERROR", "subCode"]);
        let object = prop::collection::vec((names, json), 0..4).prop_map(|members| {
            let members = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>();
            format!("{{{}}}", members.join(",")).into_bytes()
        });
        prop_oneof![prop::collection::vec(any::<u8>(), 0..200), object]
    }

    proptest! {
        #[test]
        fn every_reply_has_an_answer(status in any::<u16>(), after in prop::option::of(".{0,40}"), body in bodies()) {
            let answer = of_reply(&reply(status, after.as_deref(), &body), now());
            let delivered = matches!(answer.verdict, Verdict::Delivered { .. });
            prop_assert_eq!(delivered, (200..=299).contains(&status));
            prop_assert_eq!(answer.evidence.status, Some(status));
            let detail = answer.evidence.detail.unwrap_or_default();
            prop_assert!(detail.chars().count() <= DETAIL_CHARS_MAX + 1);
            prop_assert!(!detail.chars().any(char::is_control));
        }

        #[test]
        fn every_retry_after_is_read_or_ignored(text in ".{0,60}", seconds in any::<u64>()) {
            let _: Option<Duration> = retry_after(&text, now());
            let kept = Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER);
            prop_assert_eq!(retry_after(&seconds.to_string(), now()), Some(kept));
        }
    }
}
