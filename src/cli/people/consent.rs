//! `nudged people stop` and `start`: what somebody wants, said by the operator.

use clap::Args;

use crate::cli::screen::Screen;
use crate::cli::{Common, Ended, Exit, desk};
use crate::domain::consent::Wish;
use crate::port::desk::ConsentRequest;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged people stop ana@contoso.example\n  \
                        nudged people stop ana@contoso.example --topic standup\n  \
                        nudged people start ana@contoso.example\n\n\
                        A topic is what a schedule calls so, else the schedule's name. A start without a topic ends \
                        every stop. People say the same by writing STOP or START to the bot.")]
pub(super) struct ConsentArgs {
    /// A person, a chat or a channel, as in `to` of a schedule
    who: String,
    /// Only messages about this topic
    #[arg(long)]
    topic: Option<String>,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &ConsentArgs, wish: Wish) -> Ended {
    let any = desk::open(screen, common).await?;
    let request = ConsentRequest { who: args.who.clone(), topic: args.topic.clone(), wish };
    let asked = any.desk.consent(request).await;
    any.close().await;
    let changed = asked.map_err(|error| desk::failed(screen, &error))?;
    if screen.json {
        screen.json(&serde_json::json!({
            "schema": "nudged.consent/1", "who": args.who, "topic": args.topic, "wish": wish, "changed": changed,
        }));
        return Ok(Exit::Done);
    }
    let about = args.topic.as_deref().map_or_else(String::new, |topic| format!(" about {topic}"));
    screen.data(match (wish, changed) {
        (Wish::Stop, true) => format!("{} gets no more messages{about}", args.who),
        (Wish::Stop, false) => format!("messages{about} to {} were stopped already", args.who),
        (Wish::Start, true) => format!("{} gets messages{about} again", args.who),
        (Wish::Start, false) => format!("messages{about} to {} were not stopped", args.who),
    });
    Ok(Exit::Done)
}
