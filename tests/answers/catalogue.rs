//! Every row of the catalogue of errors: what becomes of the delivery, for what reason, after how many requests, and what
//! becomes of the reference.

use std::fmt::Write as _;

use nudged::domain::delivery::{Reason, State};
use nudged::emulator::{Condition, Operation, Placement, Settings};
use nudged::port::desk::Reach;

use crate::rig::{Rig, all_final, count, deliveries};

/// Where the condition is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    /// On the conversation, for ever.
    Sends,
    /// On the conversation, so often.
    SendsFor(u32),
    /// On the creation of the conversation, for ever.
    Creations,
}

/// What is expected.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    on: On,
    state: State,
    reason: Option<Reason>,
    /// Of all kinds, to the Connector.
    requests: usize,
    reach: Reach,
}

fn row(on: On, state: State, reason: Option<Reason>, requests: usize, reach: Reach) -> Row {
    Row { on, state, reason, requests, reach }
}

/// THE TABLE. There is no default arm: a condition that is added must be thought about.
fn expected(condition: Condition) -> Option<Row> {
    use Condition as C;
    use On::{Creations, Sends, SendsFor};

    let known = Reach::Conversation;
    let failed = |on, reason, requests| {
        let reach = if on == Creations { Reach::CanBeCreated } else { known };
        row(on, State::Failed, Some(reason), requests, reach)
    };
    let passes = |times| row(SendsFor(times), State::Sent, None, times as usize + 1, known);
    let in_doubt = || row(Sends, State::Unknown, Some(Reason::ServerError), 1, known);
    let marks = |on, reason: Reason| {
        let why = reason.unreachable().expect("it says that nobody is reached");
        row(on, State::Skipped, Some(reason), 1, Reach::Unreachable(why))
    };

    Some(match condition {
        // Wrong in the message, or in how it is addressed: the reference is as good as before.
        C::BadArgument | C::BadArgumentSpaced | C::BadConversationId | C::MissingProperty => {
            failed(Sends, Reason::Malformed, 1)
        }
        C::NoTenant | C::BadCreation => failed(Creations, Reason::Malformed, 1),
        C::MethodNotAllowed | C::NotAcceptable | C::UnsupportedMediaType => failed(Sends, Reason::Malformed, 1),
        C::TooBig => failed(Sends, Reason::TooLarge, 1),
        C::ActivityNotFound => failed(Sends, Reason::ActivityNotFound, 1),
        C::NotEnoughPermissions => failed(Sends, Reason::NotAllowed, 1),
        C::ForbiddenEmpty => failed(Sends, Reason::Refused, 1),

        // The other place is asked, once.
        C::BadPayload => failed(Sends, Reason::Malformed, 2),
        C::MovedRegion => passes(1),
        C::Gcc => failed(Sends, Reason::WrongRegion, 2),
        C::DifferentRegion => failed(Creations, Reason::WrongRegion, 2),

        // The same id again, then the conversation is asked for, once; the emulator makes a new one.
        C::ConversationNotFound => row(Sends, State::Sent, None, 4, known),
        C::Flaky404 => row(SendsFor(1), State::Sent, None, 2, known),
        C::UndecryptableConversation | C::UndecryptableConversation403 => row(Sends, State::Sent, None, 3, known),
        C::FlakyDecrypt => row(SendsFor(1), State::Sent, None, 3, known),
        C::UndecryptableUser => failed(Creations, Reason::ForeignConversation, 2),

        // Nobody is reached there any more.
        C::Blocked | C::Blocked400 | C::WritesBlocked => marks(Sends, Reason::Blocked),
        C::AdminDisabled => marks(Sends, Reason::DisabledByAdmin),
        C::NotInRoster | C::NotInRoster404 => marks(Sends, Reason::Uninstalled),
        C::NotInstalled => marks(Creations, Reason::Uninstalled),
        C::MemberNotFound => marks(Sends, Reason::NotAMember),
        C::Guest => marks(Creations, Reason::OtherTenant),

        // A new token, once; then it waits.
        C::TokenRefused => passes(1),
        C::TokenDenied => passes(2),
        // About the bot, see below.
        C::NotRegistered => return None,

        // Surely not delivered, and worth another try.
        C::PreconditionFailed | C::Throttled | C::ThrottledSilently | C::UnavailableFor => passes(1),

        // It may have been delivered.
        C::UnknownServiceError | C::NotFoundEmpty | C::NotFoundHtml | C::RequestTimeout => in_doubt(),
        C::ServerError | C::BadGateway | C::BadGatewayHtml | C::Unavailable | C::GatewayTimeout => in_doubt(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_catalogue() {
    let rig = Rig::new(60, Settings::default()).await;
    let rows: Vec<(Condition, Row)> =
        Condition::ALL.iter().filter_map(|condition| Some((*condition, expected(*condition)?))).collect();
    let base = rig.emulator.base_url();
    let mut people = String::from("teams_id,name,zone,conversation_id,tenant_id,service_url\n");
    for (number, (condition, row)) in rows.iter().enumerate() {
        let name = condition.name().replace('_', "-");
        let conversation = if row.on == On::Creations { String::new() } else { format!("a:{name}") };
        // Each in a tenant and at a place of its own, so that none slows another down and requests can be told apart.
        let tenant = format!("11111111-0000-4000-8000-{number:012}");
        let _ = writeln!(people, "29:{name},{name},UTC,{conversation},{tenant},{base}/{name}/");
        rig.write(
            &format!("schedules/{name}.toml"),
            &format!(
                "[schedule.{name}]\nto = \"29:{name}\"\nat = 2027-03-01T08:00:00Z\nzone = \"UTC\"\nlate = \"2h\"\n\
                 on_unknown = \"hold\"\ntext = \"hello\"\n"
            ),
        );
        let placement = Placement::new(*condition);
        rig.emulator.put_condition(match row.on {
            On::Sends => placement.in_conversation(&conversation),
            On::SendsFor(times) => placement.in_conversation(&conversation).times(times),
            On::Creations => placement.for_user(&format!("29:{name}")).on(Operation::Create),
        });
    }
    let daemon = rig.start(&people).await;
    let desk = daemon.desk();
    let all = u64::try_from(rows.len()).expect("a few dozen");
    rig.until("all have ended", &*desk, |status| all_final(status, all)).await;

    let requests = rig.emulator.requests();
    let everybody = desk.people().await.expect("people").people;
    let mut wrong = Vec::new();
    for (condition, expect) in rows {
        let name = condition.name().replace('_', "-");
        let delivery = deliveries(&*desk, &name).await.remove(0);
        let person = everybody.iter().find(|person| person.name == name).expect("a person");
        // At the place of its own, and where it was sent from there.
        let is_own = |path: &str| path.starts_with(&format!("/{name}/")) || path.contains(&format!("/a%3A{name}/"));
        let mut own = requests.iter().filter(|request| is_own(&request.path)).count();
        if condition == Condition::DifferentRegion {
            own += requests.iter().filter(|request| request.path == "/teams/v3/conversations").count();
        }
        let got = row(expect.on, delivery.state, delivery.reason, own, person.reach);
        if got != expect {
            wrong.push(format!("{condition}: got {got:?}, detail {:?}\n  expected {expect:?}", delivery.detail));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    daemon.stop().await;
    rig.emulator.stop().await;
}

/// Nobody is to blame but the bot's registration: one finds out, the others wait, and go on when it is mended.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_not_registered_waits() {
    const PEOPLE: u64 = 300;
    let rig = Rig::new(60, Settings::default()).await;
    let mut people = String::from("teams_id,name,zone,conversation_id\n");
    for n in 0..PEOPLE {
        let _ = writeln!(people, "29:{n},Person {n},UTC,a:{n}");
    }
    for (name, late) in [("a-short", "2m"), ("b-long", "2h")] {
        rig.write(
            &format!("schedules/{name}.toml"),
            &format!(
                "[schedule.{name}]\nto = \"everyone\"\nat = 2027-03-01T08:00:10Z\nzone = \"UTC\"\nlate = \"{late}\"\n\
                 text = \"hello\"\n"
            ),
        );
    }
    rig.emulator.put_condition(Placement::new(Condition::NotRegistered));
    let daemon = rig.start(&people).await;
    let desk = daemon.desk();
    let trouble = |status: &nudged::port::desk::Status| status.daemon.as_ref().and_then(|it| it.trouble.clone());
    let status = rig.until("the bot is in trouble", &*desk, |status| trouble(status).is_some()).await;
    assert_eq!(trouble(&status).as_deref(), Some("No registration found for this bot"));

    // A while later it has been tried now and then, not by everybody.
    let since = rig.clock_now();
    rig.until("five minutes have passed", &*desk, |_| rig.clock_now() > since + chrono::TimeDelta::minutes(5)).await;
    let requests = rig.emulator.requests().len();
    assert!(requests <= 2 * (64 + 10), "{requests}: those in flight, and a try a minute");
    let reach = desk.people().await.expect("people").people;
    assert!(reach.iter().all(|person| person.reach == Reach::Conversation));

    // What was too late meanwhile is told so, and does not use up the turns of those who are not.
    rig.emulator.lift_conditions(|_| true);
    let status = rig.until("all have ended", &*desk, |status| all_final(status, 2 * PEOPLE)).await;
    assert_eq!((count(&status, State::Expired), count(&status, State::Sent)), (PEOPLE, PEOPLE));
    assert_eq!(trouble(&status), None);
    daemon.stop().await;
    rig.emulator.stop().await;
}
