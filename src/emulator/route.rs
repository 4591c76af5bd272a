//! From a raw path to an operation. Paths are read as they came, still encoded: a client that forgets to encode an
//! id must be caught, and a decoding router would hide it.

use std::borrow::Cow;

use hyper::Method;
use percent_encoding::percent_decode_str;

use super::conditions::Condition;
use super::reply::Refusal;

/// What a request asks for. Ids are still encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'path> {
    Token {
        tenant: &'path str,
    },
    ManagedIdentity(Host),
    Published(Document),
    /// A bot is to be told something.
    Tell,
    Connector(Call<'path>),
    Control(Control),
    /// The path is right and the method is not.
    WrongMethod,
    Unknown,
}

/// What the Connector is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call<'path> {
    Create,
    /// Send, or reply: Teams takes a reply to any activity id.
    Send {
        conversation: &'path str,
        reply_to: Option<&'path str>,
    },
    Update {
        conversation: &'path str,
        activity: &'path str,
    },
    Delete {
        conversation: &'path str,
        activity: &'path str,
    },
    Ask(Question<'path>),
}

/// What says by which keys a bot can know that it is Teams who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Document {
    /// Where the keys are.
    OpenId,
    Keys,
}

/// Where a program runs that asks for the token of its managed identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// A virtual machine: the instance metadata service.
    Machine,
    /// App Service, Functions and Container Apps.
    AppService,
}

/// What can be asked about conversations and teams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question<'path> {
    Members { conversation: &'path str },
    MembersByPage { conversation: &'path str },
    Member { conversation: &'path str, member: &'path str },
    Team { team: &'path str },
    Channels { team: &'path str },
}

/// What the control interface can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    Health,
    ListMessages,
    ClearMessages,
    ListRequests,
    ClearRequests,
    Figures,
    ListFaults,
    AddFault,
    ClearFaults,
    ListConditions,
    PutCondition,
    LiftConditions,
    ShowDirectory,
    SetDirectory,
    ShowCredentials,
    SetCredentials,
    RevokeTokens,
    RollKeys,
}

impl<'path> Route<'path> {
    /// Reads a method and a raw path, without its query.
    pub(super) fn read(method: &Method, path: &'path str) -> Self {
        let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        // A doubled slash is another path to the real service. Forgiving it would hide a client that joins a service
        // URL and a path badly.
        if segments.contains(&"") {
            return Route::Unknown;
        }
        let on = |wanted: Method, route| if *method == wanted { route } else { Route::WrongMethod };
        let call = |wanted, call| on(wanted, Route::Connector(call));
        let ask = |question| call(Method::GET, Call::Ask(question));
        match segments.as_slice() {
            ["healthz"] => control(method, &[(Method::GET, Control::Health)]),
            ["emulator", rest @ ..] => emulator(method, rest),
            [tenant, "oauth2", "v2.0", "token"] => on(Method::POST, Route::Token { tenant }),
            ["metadata", "identity", "oauth2", "token"] => on(Method::GET, Route::ManagedIdentity(Host::Machine)),
            ["msi", "token"] => on(Method::GET, Route::ManagedIdentity(Host::AppService)),
            // Microsoft's own SDKs write it in both ways.
            ["v1", ".well-known", "openidconfiguration" | "openid-configuration"] => {
                on(Method::GET, Route::Published(Document::OpenId))
            }
            ["v1", ".well-known", "keys"] => on(Method::GET, Route::Published(Document::Keys)),
            [.., "v3", "conversations"] => call(Method::POST, Call::Create),
            [.., "v3", "conversations", conversation, "activities"] => {
                call(Method::POST, Call::Send { conversation, reply_to: None })
            }
            [.., "v3", "conversations", conversation, "activities", activity] => match *method {
                Method::POST => Route::Connector(Call::Send { conversation, reply_to: Some(activity) }),
                Method::PUT => Route::Connector(Call::Update { conversation, activity }),
                Method::DELETE => Route::Connector(Call::Delete { conversation, activity }),
                _ => Route::WrongMethod,
            },
            [.., "v3", "conversations", conversation, "members"] => ask(Question::Members { conversation }),
            [.., "v3", "conversations", conversation, "pagedmembers"] => ask(Question::MembersByPage { conversation }),
            [.., "v3", "conversations", conversation, "members", member] => {
                ask(Question::Member { conversation, member })
            }
            [.., "v3", "teams", team] => ask(Question::Team { team }),
            [.., "v3", "teams", team, "conversations"] => ask(Question::Channels { team }),
            _ => Route::Unknown,
        }
    }
}

/// The control interface, below `/emulator/`.
fn emulator<'path>(method: &Method, rest: &[&str]) -> Route<'path> {
    use Control as C;
    let (get, put, post, delete) = (Method::GET, Method::PUT, Method::POST, Method::DELETE);
    match rest {
        ["messages"] => control(method, &[(get, C::ListMessages), (delete, C::ClearMessages)]),
        ["requests"] => control(method, &[(get, C::ListRequests), (delete, C::ClearRequests)]),
        ["figures"] => control(method, &[(get, C::Figures)]),
        ["faults"] => control(method, &[(get, C::ListFaults), (post, C::AddFault), (delete, C::ClearFaults)]),
        ["conditions"] => {
            control(method, &[(get, C::ListConditions), (post, C::PutCondition), (delete, C::LiftConditions)])
        }
        ["directory"] => control(method, &[(get, C::ShowDirectory), (put, C::SetDirectory)]),
        ["credentials"] => control(method, &[(get, C::ShowCredentials), (put, C::SetCredentials)]),
        ["inbound"] if *method == post => Route::Tell,
        ["inbound"] => Route::WrongMethod,
        ["keys"] => control(method, &[(delete, C::RollKeys)]),
        ["tokens"] => control(method, &[(delete, C::RevokeTokens)]),
        _ => Route::Unknown,
    }
}

fn control<'path>(method: &Method, table: &[(Method, Control)]) -> Route<'path> {
    let found = table.iter().find(|(accepted, _)| accepted == method);
    found.map_or(Route::WrongMethod, |(_, control)| Route::Control(*control))
}

/// A conversation id as it stands in a path, decoded.
///
/// A raw `;` truncates the path at the real service, which then answers 400 `BadSyntax` (measured by a third-party
/// client); `@` is held to the same rule. A raw `:` passes there and here. An id that neither begins like a 1:1 chat (`a:`) nor like a group chat or channel (`19:`) is garbage.
pub(super) fn conversation_id(raw: &str) -> Result<Cow<'_, str>, Refusal> {
    let decoded = if raw.contains([';', '@']) || !well_encoded(raw) {
        None
    } else {
        percent_decode_str(raw).decode_utf8().ok().filter(|id| looks_like_conversation(id))
    };
    decoded.ok_or_else(|| Condition::BadConversationId.into())
}

/// Any other id as it stands in a path, decoded as far as it can be: what it then is like, is not found.
pub(super) fn other_id(raw: &str) -> String {
    percent_decode_str(raw).decode_utf8_lossy().into_owned()
}

/// The chat or channel that a conversation id belongs to: that of a thread in a channel names its post after a `;`.
pub(super) fn thread_of(conversation: &str) -> &str {
    conversation.split_once(';').map_or(conversation, |(thread, _)| thread)
}

/// Whether an id has the beginning of one that Teams gives out.
pub(super) fn looks_like_conversation(id: &str) -> bool {
    ["a:", "19:"].iter().any(|start| id.strip_prefix(start).is_some_and(|rest| !rest.is_empty()))
}

/// Whether every `%` is followed by two hexadecimal digits; the decoder would let others stand.
fn well_encoded(raw: &str) -> bool {
    raw.split('%').skip(1).all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &Method, path: &str, expect: &Route<'_>) {
        assert_eq!(&Route::read(method, path), expect, "{method} {path}");
    }

    #[test]
    fn paths_are_read_with_any_prefix() {
        let (get, put, post, delete) = (Method::GET, Method::PUT, Method::POST, Method::DELETE);
        check(&post, "/v3/conversations", &Route::Connector(Call::Create));
        check(&post, "/teams/v3/conversations", &Route::Connector(Call::Create));
        check(&post, "/emea/b0000000/v3/conversations", &Route::Connector(Call::Create));
        let (conversation, activity) = ("a%3A1", "17");
        let send = |reply_to| Route::Connector(Call::Send { conversation, reply_to });
        check(&post, "/teams/v3/conversations/a%3A1/activities", &send(None));
        let one = "/teams/v3/conversations/a%3A1/activities/17";
        check(&post, one, &send(Some("17")));
        check(&put, one, &Route::Connector(Call::Update { conversation, activity }));
        check(&delete, one, &Route::Connector(Call::Delete { conversation, activity }));
        check(&get, one, &Route::WrongMethod);
        let ask = |question| Route::Connector(Call::Ask(question));
        check(&get, "/v3/conversations/a%3A1/pagedmembers", &ask(Question::MembersByPage { conversation }));
        check(&get, "/v3/teams/19%3Ax", &ask(Question::Team { team: "19%3Ax" }));
        check(&get, "/msi/token", &Route::ManagedIdentity(Host::AppService));
        check(&post, "/botframework.com/oauth2/v2.0/token", &Route::Token { tenant: "botframework.com" });
        check(&delete, "/emulator/faults", &Route::Control(Control::ClearFaults));
    }

    #[test]
    fn neighbours_of_a_path_are_unknown() {
        for path in
            ["//v3/conversations", "/teams//v3/conversations", "/v3/conversations/", "/v3", "/", "/v3/conversations/x"]
        {
            check(&Method::POST, path, &Route::Unknown);
        }
        check(&Method::GET, "/v3/conversations", &Route::WrongMethod);
        check(&Method::PUT, "/emulator/messages", &Route::WrongMethod);
    }

    #[test]
    fn ids_must_be_encoded() {
        for (raw, expect) in [
            ("a%3A1xyz", Some("a:1xyz")),
            ("a:1xyz", Some("a:1xyz")),
            ("19%3Aabc%40thread.tacv2%3Bmessageid%3D1", Some("19:abc@thread.tacv2;messageid=1")),
            ("19%3Aabc%40thread.tacv2;messageid=1", None),
            ("19%3Aabc@thread.tacv2", None),
            ("19%3Aab%4", None),
            ("19%3Aab%zz", None),
            ("19%3Aab%ff", None),
            ("19%3A", None),
            ("28%3Abot", None),
        ] {
            assert_eq!(conversation_id(raw).ok().as_deref(), expect, "{raw}");
        }
    }
}
