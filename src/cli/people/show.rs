//! One person in full.

use chrono::{DateTime, Utc};
use clap::Args;

use crate::adapter::zones::ZoneData;
use crate::cli::people::list::reach;
use crate::cli::prose::Sheet;
use crate::cli::screen::{Screen, one_line};
use crate::cli::{Common, Ended, Exit, desk, times};
use crate::domain::consent::Topic;
use crate::domain::ladder::{PassedOver, WhyNot};
use crate::domain::recipient::{RecipientKind, ServiceOrigin, Unreachable, ZoneSource};
use crate::domain::time::ZoneRules;
use crate::port::desk::{Reach, Service};
use crate::port::people::{PersonFile, PersonQuery};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nudged people show ana@contoso.example\n  nudged people show 'Ana Silva' --json")]
pub(super) struct ShowArgs {
    /// An address, the id of a conversation, or a name
    who: String,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &ShowArgs) -> Ended {
    let any = desk::open(screen, common).await?;
    let asked = any.desk.person(PersonQuery { who: args.who.clone() }).await;
    any.close().await;
    let file = asked.map_err(|error| desk::failed(screen, &error))?;
    if screen.json {
        screen.json(&file);
    } else {
        screen.data(told(&file, &ZoneData::newest()));
    }
    Ok(Exit::Done)
}

/// The file of a person for people.
pub(super) fn told(file: &PersonFile, rules: &dyn ZoneRules) -> String {
    let person = &file.person;
    let kind = match person.kind {
        RecipientKind::Person => "person",
        RecipientKind::GroupChat => "group chat",
        RecipientKind::Channel => "channel",
    };
    let mut sheet = Sheet::default();
    let mut say = |what: &str, text: String| sheet.say(what, &text);
    let ago = |at: DateTime<Utc>| times::distance(at, file.now);
    say("addresses", or_none(person.addresses.join(", ")));
    let said = file.zone_said_at.map_or_else(String::new, |at| format!(", {}", ago(at)));
    say("zone", format!("{} ({}{said})", person.zone.name(), source(person.zone_source)));
    for passed in &file.passed_over {
        say("", format!("passed over: {}", why_not(passed, file.now)));
    }
    say("local time", times::local(file.now, person.zone, rules));
    say("language", person.language.clone().unwrap_or_else(|| "not known".to_owned()));
    if let Some(country) = &person.details.country {
        say("country", country.to_ascii_uppercase());
    }
    if let Some(quiet) = &person.details.quiet_hours {
        say("quiet hours", quiet.to_string());
    }
    say("groups", or_none(person.groups.join(", ")));
    say("conversation", file.reference.conversation_id.clone().unwrap_or_else(|| "none is known".to_owned()));
    say("tenant", file.reference.tenant_id.clone().unwrap_or_else(|| "not known; the bot's own counts".to_owned()));
    let told = file.told_at.map_or_else(String::new, |at| format!(", {}", ago(at)));
    say(
        "served at",
        match &person.service {
            Some(Service { url, origin }) => format!("{url} ({}{told})", origin_words(*origin)),
            None => "not known; the place that last worked in the tenant counts".to_owned(),
        },
    );
    if let Some(at) = file.heard_at {
        say("last heard", ago(at));
    }
    for stop in &file.stops {
        let what = stop.topic.as_ref().map_or("everything", Topic::as_str);
        say("stopped", format!("{what}, {}; `nudged people start` lifts it", ago(stop.since)));
    }
    let since = file.unreachable_since.map_or_else(String::new, |at| format!(" (since {})", times::utc(at)));
    say("reachable", format!("{}{since}", reach(person)));
    if let Some(cure) = cure(person.reach) {
        say("", cure.to_owned());
    }
    format!("{} ({kind})\n{}", one_line(&person.name, 60), sheet.text())
}

fn or_none(text: String) -> String {
    if text.is_empty() { "none".to_owned() } else { text }
}

/// Who said it.
pub(in crate::cli) fn source(source: ZoneSource) -> &'static str {
    match source {
        ZoneSource::Own => "chosen by the person",
        ZoneSource::Operator => "given by the operator",
        ZoneSource::Client => "said by the Teams client",
        ZoneSource::Directory => "from the directory",
        ZoneSource::Group => "that of a group",
        ZoneSource::Fallback => "the fallback zone: nobody said where",
    }
}

fn why_not(passed: &PassedOver, now: DateTime<Utc>) -> String {
    let who = match passed.source {
        ZoneSource::Own => "the person chose",
        ZoneSource::Operator => "the operator gave",
        ZoneSource::Client => "client said",
        ZoneSource::Directory => "the directory has",
        ZoneSource::Group => "a group has",
        ZoneSource::Fallback => "the fallback is",
    };
    let when = passed.said_at.map_or_else(String::new, |at| match (now - at).num_days() {
        days @ 2.. => format!(" {days} days ago"),
        _ => format!(" {}", times::distance(at, now)),
    });
    let why = match passed.why {
        WhyNot::TooOld { max_days } => format!("older than {max_days} days"),
        WhyNot::Outranked { by } => format!(
            "what is {} counts more",
            match by {
                ZoneSource::Own => "chosen by the person",
                ZoneSource::Operator => "given by the operator",
                ZoneSource::Client => "said by the client",
                ZoneSource::Directory => "in the directory",
                ZoneSource::Group | ZoneSource::Fallback => "in the configuration",
            }
        ),
    };
    format!("{who} {}{when}: {why}", passed.zone.name())
}

fn origin_words(origin: ServiceOrigin) -> &'static str {
    match origin {
        ServiceOrigin::Imported => "imported",
        ServiceOrigin::Answered => "Teams answered there",
        ServiceOrigin::Heard => "heard from Teams",
        ServiceOrigin::Forwarded => "forwarded by another bot",
    }
}

/// What can be done about it.
fn cure(reach: Reach) -> Option<&'static str> {
    let why = match reach {
        Reach::Conversation | Reach::CanBeCreated => return None,
        Reach::NoReference => return Some("import a conversation reference, or an Entra object id (column entra_id)"),
        Reach::Unreachable(why) => why,
    };
    Some(match why {
        Unreachable::Blocked => "a message of the person to the bot lifts it; or `nudged people revive`",
        Unreachable::Uninstalled => "install the app again; its first activity lifts it, or `nudged people revive`",
        Unreachable::DisabledByAdmin => "ask the administrator to allow the app, then `nudged people revive`",
        Unreachable::NotAMember | Unreachable::OtherTenant => {
            "import a reference from where the person belongs, then `nudged people revive`"
        }
        Unreachable::Gone => "import a fresh reference, or have the person write to the bot",
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::consent::Stopped;
    use crate::domain::conversation::Standing;
    use crate::domain::recipient::{Details, Reference};
    use crate::port::desk::PersonView;

    fn file() -> PersonFile {
        let now: DateTime<Utc> = "2027-03-01T08:00:00Z".parse().expect("an instant");
        let passed =
            |source, zone, days: i64, why| PassedOver { source, zone, said_at: Some(now - TimeDelta::days(days)), why };
        PersonFile {
            schema: PersonFile::SCHEMA.to_owned(),
            now,
            person: PersonView {
                kind: RecipientKind::Person,
                name: "Ana Silva".to_owned(),
                addresses: vec!["ana@contoso.example".to_owned(), "29:ana".to_owned()],
                zone: Tz::Europe__Lisbon,
                zone_source: ZoneSource::Own,
                language: Some("pt".to_owned()),
                details: Details::default(),
                groups: vec!["platform".to_owned()],
                is_only_named: false,
                standing: Standing::Member,
                service: Some(Service {
                    url: "https://smba.trafficmanager.net/emea/".to_owned(),
                    origin: ServiceOrigin::Heard,
                }),
                reach: Reach::Unreachable(Unreachable::Uninstalled),
                stops: Vec::new(),
            },
            zone_said_at: Some(now - TimeDelta::hours(76)),
            passed_over: vec![
                passed(ZoneSource::Client, Tz::Asia__Tokyo, 412, WhyNot::TooOld { max_days: 90 }),
                passed(ZoneSource::Directory, Tz::Europe__Paris, 1, WhyNot::Outranked { by: ZoneSource::Own }),
            ],
            reference: Reference { conversation_id: Some("a:ana".to_owned()), ..Reference::default() },
            stops: vec![Stopped { topic: Topic::new("lunch"), since: now - TimeDelta::days(2) }],
            told_at: Some(now - TimeDelta::days(3)),
            heard_at: Some(now - TimeDelta::days(3)),
            unreachable_since: Some(now - TimeDelta::days(1)),
        }
    }

    #[test]
    fn a_file_says_what_counts_and_what_does_not() {
        insta::assert_snapshot!(told(&file(), &ZoneData::newest()));
    }

    #[test]
    fn who_cannot_be_reached_has_a_cure() {
        use Unreachable as U;
        for why in [U::Blocked, U::Uninstalled, U::DisabledByAdmin, U::NotAMember, U::OtherTenant, U::Gone] {
            assert!(cure(Reach::Unreachable(why)).is_some(), "{why:?}");
        }
        assert_eq!((cure(Reach::Conversation), cure(Reach::CanBeCreated)), (None, None));
        assert!(cure(Reach::NoReference).is_some());
    }
}
