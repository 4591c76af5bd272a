//! Conversation references as the Bot Framework's SDKs keep them: one object, a list of them, or one on each line. The
//! lines of our own exports may stand among them.

use std::ops::Range;

use serde_json::Value;

use crate::domain::document::excerpt;
use crate::domain::problem::{Code, Problem, Source};
use crate::domain::recipient::{Address, PersonRecord, RecipientKind, Reference};

use super::{PeopleFile, SHORTER_NAME, check_name, check_service_url};
use crate::domain::conversation::{ChannelPlace, GENERAL, kind_of, without_thread};

/// The `schema` of a line that `nudged people export` has written.
pub const EXPORT: &str = "nudged.export/1";

/// One line of an export: everything that is known of a recipient, as an import takes it back.
#[must_use]
pub fn export_line(record: &PersonRecord) -> String {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.insert("schema".to_owned(), EXPORT.into());
    }
    value.to_string()
}

/// Reads the references of a file.
pub(super) fn read(source: &Source) -> PeopleFile {
    let mut people = Vec::new();
    let mut problems = Vec::new();
    for found in values(&source.text) {
        match found {
            Found::Value(value, span) => match read_reference(&value).and_then(with_a_fit_name) {
                Ok(person) => people.push(person),
                Err(Refused { message, help }) => {
                    problems.push(Problem::new(Code::BadReference, span, message).with_help(help));
                }
            },
            Found::Fault(at, message) => {
                let help = "export the references again; each is an object in {…}, alone, in one list, or one a line";
                problems
                    .push(Problem::new(Code::Syntax, at..at, format!("this is not JSON: {message}")).with_help(help));
            }
        }
    }
    let left_out = problems.len() as u64;
    if people.is_empty() && problems.is_empty() {
        problems.push(
            Problem::new(Code::BadReference, 0..0, "there are no references in the file")
                .with_help("a reference is an object with `conversation`, `user` and `serviceUrl`"),
        );
    }
    PeopleFile { people, problems, left_out }
}

enum Found {
    /// A value and the bytes where it stands.
    Value(Value, Range<usize>),
    /// What is not JSON, and where.
    Fault(usize, String),
}

/// Every value of the text: those of a list, or those that follow each other. After a fault it goes on in the next
/// line, which is right for a file with one reference a line; in a list it stops.
fn values(text: &str) -> Vec<Found> {
    let blank = |at: usize| text.len() - text[at..].trim_start().len();
    let mut found = Vec::new();
    let mut at = blank(if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 });
    let in_list = text[at..].starts_with('[');
    if in_list {
        at = blank(at + 1);
    }
    while at < text.len() {
        if in_list && text[at..].starts_with(']') {
            let rest = blank(at + 1);
            if rest < text.len() {
                found.push(Found::Fault(rest, "something stands behind the list".into()));
            }
            return found;
        }
        let mut stream = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match stream.next() {
            Some(Ok(value)) => {
                let end = at + stream.byte_offset();
                found.push(Found::Value(value, at..end));
                at = blank(end);
                if text[at..].starts_with(',') {
                    at = blank(at + 1);
                } else if in_list && at < text.len() && !text[at..].starts_with(']') {
                    found.push(Found::Fault(at, "a comma or the end of the list is missing".into()));
                    return found;
                }
            }
            Some(Err(error)) => {
                let fault = place_in(&text[at..], error.line(), error.column());
                let message = error.to_string();
                // `serde_json` adds the line and the column, counted from where we let it begin.
                let message = message.split(" at line ").next().unwrap_or_default();
                found.push(Found::Fault(at + fault, excerpt(message)));
                let next_line = text[at + fault..].find('\n').map(|offset| at + fault + offset + 1);
                match next_line {
                    Some(next) if !in_list => at = blank(next),
                    Some(_) | None => return found,
                }
            }
            None => return found,
        }
    }
    if in_list {
        found.push(Found::Fault(text.len(), "the list is not closed".into()));
    }
    found
}

/// The byte at a line and a column as `serde_json` counts them: both from 1, the column in bytes.
fn place_in(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

struct Refused {
    message: String,
    help: &'static str,
}

fn refused(message: impl Into<String>, help: &'static str) -> Refused {
    Refused { message: message.into(), help }
}

/// Characters of what serde says at most.
const LONGEST_REASON: usize = 200;

/// The text at the first of several places that has one.
fn text_at(value: &Value, places: &[&str]) -> Option<String> {
    places
        .iter()
        .filter_map(|place| value.pointer(place)?.as_str())
        .map(str::trim)
        .find(|text| !text.is_empty())
        .map(str::to_owned)
}

fn with_a_fit_name(record: PersonRecord) -> Result<PersonRecord, Refused> {
    let fits = record.name.as_deref().map_or(Ok(()), check_name);
    fits.map(|()| record).map_err(|message| refused(message, SHORTER_NAME))
}

fn read_reference(value: &Value) -> Result<PersonRecord, Refused> {
    if !value.is_object() {
        return Err(refused("this is not a reference", "a reference is an object, from { to }"));
    }
    if value.get("schema").is_some_and(|schema| schema == EXPORT) {
        return serde_json::from_value(value.clone()).map_err(|error| {
            // What it says quotes the line, so it is as long as the line may be.
            let words: String = error.to_string().chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect();
            refused(words, "export it again with `nudged people export`")
        });
    }
    // Some SDKs keep the reference next to the claims of the token that came with it.
    let value = ["/reference", "/conversationReference"].iter().find_map(|at| value.pointer(at)).unwrap_or(value);
    if let Some(channel) = text_at(value, &["/channelId"])
        && channel != "msteams"
    {
        let message = format!("this reference is for the channel \"{}\", not for Teams", excerpt(&channel));
        return Err(refused(message, "leave it out; only those with channelId \"msteams\" can be used"));
    }
    // Of a thread, the channel is taken: in which thread to speak, schedules say.
    let conversation_id = text_at(value, &["/conversation/id"]).map(|id| without_thread(&id).to_owned());
    let service_url = text_at(value, &["/serviceUrl"]);
    if let Some(url) = &service_url {
        check_service_url(url).map_err(|message| {
            refused(message, "it begins with https://, as in https://smba.trafficmanager.net/emea/")
        })?;
    }
    let kind = kind(value, conversation_id.as_deref())?;
    let mut reference = Reference {
        service_url,
        conversation_id,
        tenant_id: text_at(value, &["/channelData/tenant/id", "/conversation/tenantId", "/user/tenantId", "/tenantId"]),
        bot_id: text_at(value, &["/bot/id", "/agent/id"]),
        user_id: None,
        entra_object_id: None,
    };
    let language = text_at(value, &["/locale"]);
    if kind != RecipientKind::Person {
        if reference.conversation_id.is_none() {
            return Err(refused("this reference has no conversation", "it needs `conversation` with an `id`"));
        }
        // The user of such a reference is whoever spoke last, not the recipient.
        let channel =
            (kind == RecipientKind::Channel).then(|| channel_place(value, reference.conversation_id.as_deref()));
        return Ok(PersonRecord {
            addresses: channel.as_ref().map(ChannelPlace::addresses).unwrap_or_default(),
            name: channel.as_ref().and_then(ChannelPlace::title).or_else(|| text_at(value, &["/conversation/name"])),
            language,
            channel: channel.filter(|place| *place != ChannelPlace::default()),
            reference,
            ..PersonRecord::new(kind)
        });
    }
    let mut addresses: Vec<Address> = Vec::new();
    for place in ["/user/id", "/user/aadObjectId", "/user/objectId", "/user/email", "/user/userPrincipalName"] {
        let address = text_at(value, &[place]).and_then(|text| Address::new(&text));
        addresses.extend(address.filter(|address| !addresses.contains(address)));
    }
    if addresses.is_empty() {
        let message = "this reference does not say who the person is";
        return Err(refused(message, "it needs `user` with an `id` that begins with 29:, or an `aadObjectId`"));
    }
    reference.user_id = text_at(value, &["/user/id"]).filter(|id| id.starts_with("29:") && Address::new(id).is_some());
    reference.entra_object_id = text_at(value, &["/user/aadObjectId", "/user/objectId"])
        .filter(|id| super::is_guid(id))
        .map(|id| id.to_ascii_lowercase());
    let name = text_at(value, &["/user/name"]);
    Ok(PersonRecord { addresses, name, language, reference, ..PersonRecord::new(kind) })
}

/// Where a channel is, as far as the channel data of the activity say it, if they were kept.
fn channel_place(value: &Value, conversation_id: Option<&str>) -> ChannelPlace {
    let team_id = text_at(value, &["/channelData/team/id", "/channelData/teamsTeamId"]);
    let is_general = team_id.is_some() && team_id.as_deref() == conversation_id;
    let name = text_at(value, &["/channelData/channel/name", "/conversation/name"]);
    ChannelPlace {
        team_name: text_at(value, &["/channelData/team/name"]),
        name: name.or_else(|| is_general.then(|| GENERAL.to_owned())),
        team_id,
    }
}

/// What kind of conversation it is. The form of the id has the first word: install events are known to have carried
/// the id of a group in a reference that calls itself personal.
fn kind(value: &Value, conversation_id: Option<&str>) -> Result<RecipientKind, Refused> {
    if let Some(kind) = conversation_id.and_then(kind_of) {
        return Ok(kind);
    }
    match text_at(value, &["/conversation/conversationType"]).as_deref() {
        Some("personal") => Ok(RecipientKind::Person),
        Some("groupChat") => Ok(RecipientKind::GroupChat),
        Some("channel") => Ok(RecipientKind::Channel),
        Some(other) => {
            let message = format!("unknown conversation type \"{}\"", excerpt(other));
            Err(refused(message, "it is \"personal\", \"groupChat\" or \"channel\""))
        }
        None if value.pointer("/conversation/isGroup").and_then(Value::as_bool) == Some(true) => {
            Ok(RecipientKind::GroupChat)
        }
        None => Ok(RecipientKind::Person),
    }
}
