//! `thread`: the thread in which a schedule speaks in channels.

use crate::domain::document::{Table, Value, excerpt};
use crate::domain::event::EventTarget;
use crate::domain::problem::{Code, Problem};
use crate::domain::recipient::RecipientKind;
use crate::domain::schedule::model::{Audience, Target};
use crate::domain::thread::{NewThread, ThreadName, ThreadPolicy};

const EXAMPLES: &str = "write for example thread = \"release\", or thread = { name = \"release\", new = \"daily\" }";

const WORDS: [(&str, NewThread); 5] = [
    ("each", NewThread::Each),
    ("daily", NewThread::Daily),
    ("weekly", NewThread::Weekly),
    ("monthly", NewThread::Monthly),
    ("never", NewThread::Never),
];

pub(super) fn read(table: &mut Table<'_>) -> Option<ThreadPolicy> {
    let value = table.value("thread")?;
    if let Some(text) = value.text() {
        return Some(ThreadPolicy { name: read_name(&value, text)?, new: NewThread::default() });
    }
    let Some(mut inner) = value.table() else {
        value.wrong_type("a name in quotes, or a table", Some(EXAMPLES.into()));
        return None;
    };
    inner.missing("name", "the thread has no name", EXAMPLES);
    let name = inner.text("name").and_then(|_| inner.value("name"));
    let name = name.and_then(|value| read_name(&value, value.text()?));
    let new = inner.word("new", &WORDS).map_or(NewThread::default(), |word| word.value);
    inner.finish(&[]);
    Some(ThreadPolicy { name: name?, new })
}

fn read_name(value: &Value<'_>, text: &str) -> Option<ThreadName> {
    let name = ThreadName::new(text);
    if name.is_none() {
        let message = format!("\"{}\" can't be the name of a thread", excerpt(text));
        value.report(
            Problem::new(Code::BadSetting, value.span(), message).with_help("write a name such as \"release\""),
        );
    }
    name
}

/// Reports a thread where nobody can be in one.
pub(super) fn check(table: &mut Table<'_>, audience: &Audience) {
    // A group may have channels in it.
    let may_be_channel = |target: &Target| match target {
        Target::Group(_) | Target::Event(EventTarget::Conversation) => true,
        Target::Conversation(address) => address.recipient_kind() == RecipientKind::Channel,
        Target::Everyone
        | Target::Team(_)
        | Target::Person(_)
        | Target::Event(EventTarget::Person | EventTarget::Data(_)) => false,
    };
    if !audience.to.iter().any(may_be_channel)
        && let Some(value) = table.value("thread")
    {
        value.report(
            Problem::new(Code::Conflict, value.span(), "`thread` is for channels, and `to` names none")
                .with_help("remove it, or write for example to = \"channel:Operations/Releases\""),
        );
    }
}
