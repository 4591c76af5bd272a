//! What a recipient can stop.

use crate::domain::consent::Topic;
use crate::domain::document::{Table, excerpt};
use crate::domain::problem::{Code, Problem};

/// The topic, where one is written; else it is the schedule's name.
pub(super) fn read(table: &mut Table<'_>) -> Option<Topic> {
    let text = table.text("topic")?;
    let topic = Topic::new(text.value);
    if topic.is_none() {
        let message = format!("`{}` can't be a topic: people could not type it", excerpt(text.value));
        let help = "use letters, digits, spaces, - and _, at most 80, such as topic = \"company news\"";
        table.report(Problem::new(Code::BadTopic, text.span, message).with_help(help));
    }
    topic
}
