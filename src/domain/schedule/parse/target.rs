//! One entry of `to`.

use crate::domain::conversation::{self, GENERAL};
use crate::domain::document::excerpt;
use crate::domain::event::{DataPath, EventTarget};
use crate::domain::nearest::nearest;
use crate::domain::recipient::{Address, RecipientKind};
use crate::domain::schedule::model::Target;

pub(super) const EXAMPLES: &str = "write \"everyone\", \"group:NAME\", \"team:NAME\", \"channel:TEAM/CHANNEL\" or an address such as \"ana@contoso.example\"";

/// Why a text is no recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub message: String,
    pub help: String,
}

fn refused(message: impl Into<String>, help: impl Into<String>) -> Refused {
    Refused { message: message.into(), help: help.into() }
}

/// Understands one entry of `to`; also used for what is given on the command line.
pub fn read_target(text: &str) -> Result<Target, Refused> {
    let text = text.trim();
    if text == "everyone" {
        return Ok(Target::Everyone);
    }
    if conversation::is_thread(text) {
        let channel = excerpt(conversation::without_thread(text));
        return Err(refused(
            "this is a thread in a channel",
            format!("write \"{channel}\", and to stay in one thread add thread = \"NAME\""),
        ));
    }
    let Some((prefix, rest)) = text.split_once(':').map(|(prefix, rest)| (prefix, rest.trim())) else {
        return Address::of_person(text).map(Target::Person).ok_or_else(|| not_understood(text));
    };
    match prefix {
        "group" => read_group(rest),
        "team" => read_team(rest),
        "channel" => read_channel(rest),
        "chat" => read_chat(rest),
        "event" => read_event(rest),
        "19" | "a" => read_id(text),
        _ => Address::of_person(text).map(Target::Person).ok_or_else(|| not_understood(text)),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}

fn read_group(name: &str) -> Result<Target, Refused> {
    if !is_name(name) {
        return Err(refused("the group has no name", "write for example \"group:platform\""));
    }
    if let Some(team) = name.strip_prefix(conversation::TEAM) {
        let help = format!("write \"team:{}\"", excerpt(team.trim()));
        return Err(refused("the members of a team are not written as a group", help));
    }
    Ok(Target::Group(name.to_owned()))
}

fn read_team(name: &str) -> Result<Target, Refused> {
    if !is_name(name) {
        return Err(refused("the team has no name", "write its name or its id, for example \"team:Operations\""));
    }
    match conversation::kind_of(name).filter(|_| conversation::is_id(name)) {
        Some(RecipientKind::Person | RecipientKind::GroupChat) => Err(refused(
            "this is the id of a chat, not of a team",
            format!("write \"chat:{}\"; the id of a team ends with @thread.tacv2", excerpt(name)),
        )),
        Some(RecipientKind::Channel) | None => Ok(Target::Team(conversation::fold(name))),
    }
}

fn read_channel(name: &str) -> Result<Target, Refused> {
    const EXAMPLE: &str = "write for example \"channel:Operations/Releases\"";
    if conversation::is_id(name) {
        return match Address::new(name).filter(|address| address.recipient_kind() == RecipientKind::Channel) {
            Some(address) => Ok(Target::Conversation(address)),
            None => Err(refused(
                "this is the id of a chat, not of a channel",
                format!("write \"chat:{}\"; the id of a channel ends with @thread.tacv2", excerpt(name)),
            )),
        };
    }
    if let Some(address) = Address::new(&format!("{}{name}", conversation::CHANNEL)) {
        return Ok(Target::Conversation(address));
    }
    if is_name(name) && !name.contains('/') {
        return Err(refused(
            format!("\"{}\" names a team or a channel, not both", excerpt(name)),
            format!("{EXAMPLE}; the first channel of a team is \"{GENERAL}\""),
        ));
    }
    Err(refused("the channel has no name", EXAMPLE))
}

fn read_chat(id: &str) -> Result<Target, Refused> {
    if !conversation::is_id(id) {
        return Err(refused(
            format!("\"{}\" is not the id of a chat", excerpt(id)),
            "chats have no names here; write the id whole, such as \"chat:19:…@thread.v2\" or \"chat:a:1…\"",
        ));
    }
    match Address::new(id).filter(|address| address.recipient_kind() != RecipientKind::Channel) {
        Some(address) => Ok(Target::Conversation(address)),
        None => {
            Err(refused("this is the id of a channel, not of a chat", format!("write \"channel:{}\"", excerpt(id))))
        }
    }
}

/// Whom an event brings along.
fn read_event(text: &str) -> Result<Target, Refused> {
    EventTarget::read(text).map(Target::Event).ok_or_else(|| {
        let help = match DataPath::new(text) {
            Some(path) if !matches!(text, "data" | "people") => format!("did you mean \"event:{path}\"?"),
            Some(_) | None => {
                "write \"event:person\", \"event:conversation\", or where the data of the event has addresses, such as \
                 \"event:data.authors\""
                    .to_owned()
            }
        };
        refused(format!("\"event:{}\" is nobody whom an event brings along", excerpt(text)), help)
    })
}

/// An id alone says what it is.
fn read_id(text: &str) -> Result<Target, Refused> {
    Address::new(text).map(Target::Conversation).ok_or_else(|| {
        refused(
            format!("\"{}\" is not the whole id of a channel or a chat", excerpt(text)),
            "copy it whole: it begins with 19: and ends with @thread.tacv2, @thread.skype or @thread.v2, or begins with a:",
        )
    })
}

fn not_understood(text: &str) -> Refused {
    let help = if nearest(text, ["everyone", "everybody", "all", "everyone@"]).is_some() {
        "did you mean \"everyone\"?".into()
    } else if let Some((prefix, name)) = text.split_once(':')
        && let Some(prefix) = nearest(prefix, ["group", "groups", "team", "channel", "chat"])
    {
        format!("did you mean \"{}:{}\"?", prefix.trim_end_matches('s'), excerpt(name.trim()))
    } else if !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')) {
        format!(
            "for a group write \"group:{}\"; for a person the address, such as \"ana@contoso.example\"",
            excerpt(text)
        )
    } else {
        EXAMPLES.into()
    };
    refused(format!("\"{}\" is not understood as a recipient", excerpt(text)), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_recipient_is_understood() {
        let check = |text: &str, expect: Target| assert_eq!(read_target(text), Ok(expect), "{text}");
        let conversation = |text: &str| Target::Conversation(Address::new(text).expect("an address"));
        check("everyone", Target::Everyone);
        check("group: platform", Target::Group("platform".into()));
        check("Ana@contoso.example", Target::Person(Address::new("ana@contoso.example").expect("an address")));
        check("29:1abc", Target::Person(Address::new("29:1abc").expect("an address")));
        check("team:Field  Service", Target::Team("field service".into()));
        check("team:19:Ab@thread.tacv2", Target::Team("19:Ab@thread.tacv2".into()));
        check("channel:Ops/Release Train", conversation("channel:ops/release train"));
        check("channel:19:Ab@thread.tacv2/General", conversation("channel:19:Ab@thread.tacv2/general"));
        check("channel:19:Ab@thread.tacv2", conversation("19:Ab@thread.tacv2"));
        check("19:Ab@thread.tacv2", conversation("19:Ab@thread.tacv2"));
        check("19:Ab@thread.v2", conversation("19:Ab@thread.v2"));
        check("chat:19:Ab@thread.v2", conversation("19:Ab@thread.v2"));
        check("chat:a:1Ab", conversation("a:1Ab"));
    }

    #[test]
    fn near_misses_are_explained() {
        let check = |text: &str, message: &str, help: &str| {
            assert_eq!(read_target(text), Err(refused(message, help)), "{text}");
        };
        check(
            "channel:Ops",
            "\"Ops\" names a team or a channel, not both",
            "write for example \"channel:Operations/Releases\"; the first channel of a team is \"General\"",
        );
        check("channel:/x", "the channel has no name", "write for example \"channel:Operations/Releases\"");
        check("team:", "the team has no name", "write its name or its id, for example \"team:Operations\"");
        check(
            "19:Ab@thread.tacv2;messageid=17",
            "this is a thread in a channel",
            "write \"19:Ab@thread.tacv2\", and to stay in one thread add thread = \"NAME\"",
        );
        check(
            "channel:19:Ab@thread.v2",
            "this is the id of a chat, not of a channel",
            "write \"chat:19:Ab@thread.v2\"; the id of a channel ends with @thread.tacv2",
        );
        check(
            "team:19:Ab@thread.v2",
            "this is the id of a chat, not of a team",
            "write \"chat:19:Ab@thread.v2\"; the id of a team ends with @thread.tacv2",
        );
        check(
            "chat:19:Ab@thread.tacv2",
            "this is the id of a channel, not of a chat",
            "write \"channel:19:Ab@thread.tacv2\"",
        );
        check(
            "chat:Lunch",
            "\"Lunch\" is not the id of a chat",
            "chats have no names here; write the id whole, such as \"chat:19:…@thread.v2\" or \"chat:a:1…\"",
        );
        check(
            "19:Ab",
            "\"19:Ab\" is not the whole id of a channel or a chat",
            "copy it whole: it begins with 19: and ends with @thread.tacv2, @thread.skype or @thread.v2, or begins with a:",
        );
        check("group:team:Ops", "the members of a team are not written as a group", "write \"team:Ops\"");
        check("chanel:Ops/x", "\"chanel:Ops/x\" is not understood as a recipient", "did you mean \"channel:Ops/x\"?");
    }
}
