//! From a raw path to an operation. Paths are read as they came, still encoded: a client that forgets to encode an
//! id must be caught, and a decoding router would hide it.

use std::borrow::Cow;

use hyper::Method;
use percent_encoding::percent_decode_str;

use super::reply::Refusal;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'path> {
    Token {
        tenant: &'path str,
    },
    Create,
    /// Send or reply: Teams takes a reply to any activity id (dossier §13, item 6), so the id does not matter.
    Send {
        /// Still encoded.
        conversation: &'path str,
    },
    Control(Control),
    /// The path is right and the method is not.
    WrongMethod,
    Unknown,
}

/// What the control interface can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    Health,
    ListMessages,
    ClearMessages,
    Figures,
    ListFaults,
    AddFault,
    ClearFaults,
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
        let post = |route| if method == Method::POST { route } else { Route::WrongMethod };
        match segments.as_slice() {
            ["healthz"] => control(method, &[(Method::GET, Control::Health)]),
            ["emulator", "messages"] => {
                control(method, &[(Method::GET, Control::ListMessages), (Method::DELETE, Control::ClearMessages)])
            }
            ["emulator", "figures"] => control(method, &[(Method::GET, Control::Figures)]),
            ["emulator", "faults"] => control(
                method,
                &[
                    (Method::GET, Control::ListFaults),
                    (Method::POST, Control::AddFault),
                    (Method::DELETE, Control::ClearFaults),
                ],
            ),
            [tenant, "oauth2", "v2.0", "token"] => post(Route::Token { tenant }),
            [.., "v3", "conversations"] => post(Route::Create),
            [.., "v3", "conversations", conversation, "activities"]
            | [.., "v3", "conversations", conversation, "activities", _] => post(Route::Send { conversation }),
            _ => Route::Unknown,
        }
    }
}

fn control<'path>(method: &Method, table: &[(Method, Control)]) -> Route<'path> {
    let found = table.iter().find(|(accepted, _)| accepted == method);
    found.map_or(Route::WrongMethod, |(_, control)| Route::Control(*control))
}

/// A conversation id as it stands in a path, decoded.
///
/// A raw `;` truncates the path at the real service, which then answers 400 `BadSyntax` (dossier §2.1, measured by a
/// third-party client); `@` is held to the same rule (dossier §13, item 5). A raw `:` passes there and here. An id
/// that neither begins like a 1:1 chat (`a:`) nor like a group chat or channel (`19:`) is garbage.
pub(super) fn conversation_id(raw: &str) -> Result<Cow<'_, str>, Refusal> {
    let decoded = if raw.contains([';', '@']) || !well_encoded(raw) {
        None
    } else {
        percent_decode_str(raw).decode_utf8().ok().filter(|id| looks_like_conversation(id))
    };
    decoded.ok_or_else(|| Refusal::bad_syntax("Bad format of conversation ID"))
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
        let post = Method::POST;
        check(&post, "/v3/conversations", &Route::Create);
        check(&post, "/teams/v3/conversations", &Route::Create);
        check(&post, "/emea/b0000000/v3/conversations", &Route::Create);
        check(&post, "/teams/v3/conversations/a%3A1/activities", &Route::Send { conversation: "a%3A1" });
        check(&post, "/teams/v3/conversations/a%3A1/activities/17", &Route::Send { conversation: "a%3A1" });
        check(&post, "/botframework.com/oauth2/v2.0/token", &Route::Token { tenant: "botframework.com" });
        check(&Method::DELETE, "/emulator/faults", &Route::Control(Control::ClearFaults));
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
