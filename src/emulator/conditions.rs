//! The catalogue: every refusal that bots have met in Teams, under a name, with its exact status and body.
//!
//! The sources are Microsoft's "Status codes from bot conversational APIs" and "Send proactive messages" (read in
//! November 2026), and, where it says so, what others have reported of the real service.

use std::fmt;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::matching::Operation;
use super::reply::{Refusal, Said};

/// The body that comes with a condition.
enum Shape {
    /// `{"error":{"code":…,"message":…}}`
    Error(&'static str, &'static str),
    /// These bytes, as JSON.
    Json(&'static str),
    /// These bytes, as HTML.
    Html(&'static str),
    Empty,
}

use Shape::{Empty, Error, Html, Json};

struct Row {
    name: &'static str,
    status: u16,
    shape: Shape,
    /// Whole seconds.
    retry_after: Option<u64>,
    meaning: &'static str,
}

/// As "Send proactive messages" prints it, on one line.
const WRITES_BLOCKED: &str = r#"{"errorCode":209,"message":"{\r\n  \"subCode\": \"MessageWritesBlocked\",\r\n  \"details\": \"Thread is blocked from message writes.\",\r\n  \"errorCode\": null,\r\n  \"errorSubCode\": null\r\n}"}"#;

macro_rules! seconds {
    () => {
        None
    };
    ($seconds:literal) => {
        Some($seconds)
    };
}

macro_rules! conditions {
    ($($variant:ident $name:literal $status:literal $shape:expr, $(retry_after $seconds:literal,)? $meaning:literal;)+) => {
        /// Something that makes the Connector refuse: of a conversation, a person, a tenant, or now and then.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Condition {
            $(#[doc = $meaning] $variant,)+
        }

        impl Condition {
            /// All of them, by status.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            const fn row(self) -> Row {
                match self {
                    $(Self::$variant => Row {
                        name: $name,
                        status: $status,
                        shape: $shape,
                        retry_after: seconds!($($seconds)?),
                        meaning: $meaning,
                    },)+
                }
            }
        }
    };
}

conditions! {
    BadArgument "bad_argument" 400 Error("BadArgument", "The argument is not acceptable"),
        "The payload, or an argument in it, is wrong.";
    BadArgumentSpaced "bad_argument_spaced" 400 Error("Bad Argument", "The argument is not acceptable"),
        "The same with a space in the code, as Microsoft's table of codes prints it.";
    NoTenant "no_tenant" 400 Error("BadSyntax", "Could not parse tenant id"),
        "A conversation is created without a tenant.";
    BadCreation "bad_creation" 400 Error("BadSyntax", "Incorrect conversation creation parameters"),
        "A group chat, a channel post without a message, or not exactly one member.";
    BadConversationId "bad_conversation_id" 400 Error("BadSyntax", "Bad format of conversation ID"),
        "The conversation id is garbage, or not percent-encoded in the path.";
    BadPayload "bad_payload" 400 Error("BadSyntax", "Payload is incorrect"),
        "The body is not what was expected; reported of one region for bodies that others take.";
    Guest "guest" 400 Error("BadSyntax", "Invalid user identity in provided tenant"),
        "The person is a guest, or not of the tenant that was named.";
    MemberNotFound "member_not_found" 400 Error("MemberNotFoundInConversation", "Member not found in conversation"),
        "There is no such member.";
    MissingProperty "missing_property" 400 Error("MissingProperty", "The activity has no type"),
        "A field that must be there is not.";
    UndecryptableConversation "undecryptable_conversation" 400 Error("BadArgument", "Failed to decrypt conversation id"),
        "The conversation belongs to another bot; also answered for good ids during an incident.";
    FlakyDecrypt "flaky_decrypt" 400 Error("BadArgument", "Failed to decrypt conversation id"),
        "The same for a good conversation, once (or `times`); then it works.";
    UndecryptableConversation403 "undecryptable_conversation_403" 403 Error("BadArgument", "Failed to decrypt conversation id"),
        "The same under the other status that was reported.";
    UndecryptableUser "undecryptable_user" 400 Error("BadArgument", "Failed to decrypt pairwise id"),
        "The user id is that of another bot.";
    MovedRegion "moved_region" 400 Error("BadArgument", "Incoming request was redirected to the wrong geo! Target geo: EUDB"),
        "The service URL is that of a region which the tenant has left.";
    Blocked400 "blocked_400" 400 Error("ConversationBlockedByUser", "User blocked the conversation with the bot."),
        "The person has blocked the bot, under the status of an old test fixture.";
    NotRegistered "not_registered" 401 Error("BotNotRegistered", "No registration found for this bot"),
        "The bot is not registered, or its Teams channel is off.";
    TokenRefused "token_refused" 401 Error("AuthorizationError", "The access token is not valid"),
        "The token is expired, wrong, or from the wrong authority.";
    TokenDenied "token_denied" 401 Json(r#"{"message":"Authorization has been denied for this request."}"#),
        "The same in the other shape.";
    AdminDisabled "admin_disabled" 403 Error("BotDisabledByAdmin", "The tenant admin disabled this bot"),
        "The tenant's administrator has blocked the app.";
    NotInRoster "not_in_roster" 403 Error("BotNotInConversationRoster", "The bot is not part of the conversation roster."),
        "The app is not installed there.";
    NotInstalled "not_installed" 403 Error("ForbiddenOperationException", "Bot isn't installed in user's personal scope"),
        "The app is not installed for that person: this answer to a creation, that of `not_in_roster` to anything else.";
    Blocked "blocked" 403 Error("ConversationBlockedByUser", "User blocked the conversation with the bot."),
        "The person has blocked the bot.";
    WritesBlocked "writes_blocked" 403 Json(WRITES_BLOCKED),
        "Blocked or uninstalled, in the older shape: JSON as a text within JSON.";
    Gcc "gcc" 403 Error("InvalidBotApiHost", "Invalid bot api host. For GCC tenants, please call https://smba.infra.gcc.teams.microsoft.com."),
        "A tenant of the US government's cloud is called on the public host.";
    NotEnoughPermissions "not_enough_permissions" 403 Error("NotEnoughPermissions", "The bot does not have the permission to post here"),
        "Moderation or a policy keeps the bot from posting.";
    DifferentRegion "different_region" 403 Error("BadArgument", "User is from different region"),
        "A conversation is created under another region's service URL.";
    UnknownServiceError "unknown_service_error" 403 Error("ServiceError", "Unknown"),
        "Reported now and then of good conversations.";
    ForbiddenEmpty "forbidden_empty" 403 Empty,
        "A policy that does not say which, such as that on external access.";
    ConversationNotFound "conversation_not_found" 404 Error("ConversationNotFound", "Conversation not found."),
        "The conversation, or the person, is gone.";
    Flaky404 "flaky_404" 404 Error("ConversationNotFound", "Conversation not found."),
        "The same for a good conversation, once (or `times`); then it works.";
    ActivityNotFound "activity_not_found" 404 Error("ActivityNotFoundInConversation", "Activity not found in conversation"),
        "The message that is to be changed, deleted or replied to is gone.";
    NotInRoster404 "not_in_roster_404" 404 Error("BotNotInConversationRoster", "The bot is not part of the conversation roster."),
        "The app is not installed there, under the status of targeted messages.";
    NotFoundEmpty "not_found_empty" 404 Empty,
        "The edge knows no route; nothing about the conversation.";
    NotFoundHtml "not_found_html" 404 Html("<html><head><title>404 Not Found</title></head><body>Not Found</body></html>"),
        "The same with a page.";
    MethodNotAllowed "method_not_allowed" 405 Error("MethodNotAllowed", "The method is not allowed"),
        "The request is of a kind that the path does not take.";
    NotAcceptable "not_acceptable" 406 Empty,
        "The request accepts nothing that there is.";
    RequestTimeout "request_timeout" 408 Empty,
        "The service did not get the whole request in time.";
    PreconditionFailed "precondition_failed" 412 Error("PreconditionFailed", "Precondition failed, please try again"),
        "Two requests for one conversation at once.";
    TooBig "too_big" 413 Error("MessageSizeTooBig", "The message is too big"),
        "More than about 100 KB in UTF-16.";
    UnsupportedMediaType "unsupported_media_type" 415 Empty,
        "The body is not declared as JSON.";
    Throttled "throttled" 429 Error("Throttled", "Too many requests"), retry_after 2,
        "Over a rate limit, with `Retry-After`.";
    ThrottledSilently "throttled_silently" 429 Error("Throttled", "Too many requests"),
        "Over a rate limit, without `Retry-After`.";
    ServerError "server_error" 500 Error("ServiceError", "Internal server error"),
        "A fault of the service; a message may have been taken or not.";
    BadGateway "bad_gateway" 502 Error("ServiceError", "A dependency of the service failed"),
        "A dependency of the service failed.";
    BadGatewayHtml "bad_gateway_html" 502 Html("<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"),
        "The same from the edge, as a page.";
    Unavailable "unavailable" 503 Empty,
        "The service is not available.";
    UnavailableFor "unavailable_for" 503 Error("ServiceError", "Service unavailable"), retry_after 2,
        "The same with `Retry-After`.";
    GatewayTimeout "gateway_timeout" 504 Empty,
        "The edge gave up waiting; of all answers the one after which a message most often arrived all the same.";
}

impl Condition {
    /// Its name in the control interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The status of its answer.
    #[must_use]
    pub fn status(self) -> u16 {
        self.row().status
    }

    /// Its error code: what stands under `error.code`, if the answer has that.
    #[must_use]
    pub fn code(self) -> Option<&'static str> {
        match self.row().shape {
            Error(code, _) => Some(code),
            Json(_) | Html(_) | Empty => None,
        }
    }

    /// The whole seconds of its `Retry-After`, if it has one.
    #[must_use]
    pub fn retry_after(self) -> Option<u64> {
        self.row().retry_after
    }

    /// The body of its answer; empty if there is none.
    #[must_use]
    pub fn body(self) -> String {
        match self.row().shape {
            Error(code, message) => json!({ "error": { "code": code, "message": message } }).to_string(),
            Json(body) | Html(body) => body.to_owned(),
            Empty => String::new(),
        }
    }

    /// What it says about the world, in a sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// The condition of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|condition| condition.name() == name)
    }

    /// Whether it passes by itself, so that it acts once where nobody says how often.
    pub(super) fn passes(self) -> bool {
        matches!(self, Self::Flaky404 | Self::FlakyDecrypt)
    }

    /// What the Connector says to this operation.
    pub(super) fn refuse(self, operation: Operation) -> Refusal {
        if self == Self::NotInstalled && operation != Operation::Create {
            return Self::NotInRoster.into();
        }
        self.into()
    }
}

impl From<Condition> for Refusal {
    fn from(condition: Condition) -> Self {
        let row = condition.row();
        let said = match row.shape {
            Error(code, message) => Said::Error { code: code.into(), message: message.into() },
            Json(body) => Said::Json(body),
            Html(body) => Said::Html(body),
            Empty => Said::Nothing,
        };
        // A test asks for each row's status.
        let status = StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, said, retry_after: row.retry_after }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Condition {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| {
            serde::de::Error::custom(format!("there is no condition '{name}'; GET /emulator/conditions lists them"))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_condition_has_a_name_of_its_own_and_a_status_that_refuses() {
        let names: HashSet<_> = Condition::ALL.iter().map(|condition| condition.name()).collect();
        assert_eq!(names.len(), Condition::ALL.len());
        for condition in Condition::ALL.iter().copied() {
            assert_eq!(Condition::named(condition.name()), Some(condition));
            assert!((400..600).contains(&condition.status()), "{condition}");
            assert_eq!(Refusal::from(condition).status.as_u16(), condition.status(), "{condition}");
            assert!(condition.meaning().ends_with('.'), "{condition}: a sentence");
            if let Json(body) = condition.row().shape {
                assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{condition}: {body}");
            }
        }
    }
}
