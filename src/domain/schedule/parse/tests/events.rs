//! Schedules that wait for an event: when, whom it brings along, and whom its data may name.

use super::*;
use crate::domain::event::{DataPath, EventTarget};
use crate::domain::schedule::when::{EventTrigger, OncePer};

/// A schedule of these lines, of which the first is line 2.
fn lines(lines: &str) -> String {
    format!("[schedule.x]\n{lines}\ntext = \"hi\"\n")
}

fn check(text: &str, expect: &[&str]) {
    assert_eq!(problems(&lines(text)), expect, "{text}");
}

#[test]
fn a_welcome_needs_no_more_than_its_event() {
    for event in ["install", "member-added"] {
        let schedule = one(&lines(&format!("event = \"{event}\"\nafter = \"10m\"")));
        assert_eq!(schedule.audience.to, [Target::Event(EventTarget::Person)]);
        let Trigger::Event(trigger) = &schedule.when.trigger else { panic!("{:?}", schedule.when.trigger) };
        let after = Duration::from_mins(10);
        assert_eq!(*trigger, EventTrigger { name: event.into(), after, once_per: OncePer::Person });
        assert_eq!(schedule.policies.late, Duration::from_hours(12));
    }
    let each = one(&lines("event = \"install\"\nonce_per = \"event\"\nto = \"event:conversation\""));
    assert_eq!(each.audience.to, [Target::Event(EventTarget::Conversation)]);
    let Trigger::Event(trigger) = &each.when.trigger else { panic!("{:?}", each.when.trigger) };
    assert_eq!(trigger.once_per, OncePer::Event);
}

#[test]
fn data_names_people_among_the_allowed() {
    let schedule = one(&lines(
        "event = \"build-failed\"\nto = [\"group:ops\", \"event:data.commits.author\"]\namong = [\"group:platform\", \"team:Ops\"]",
    ));
    let path = DataPath::new("commits.author").expect("a path");
    assert_eq!(schedule.audience.to[1], Target::Event(EventTarget::Data(path)));
    assert_eq!(schedule.audience.among, [Target::Group("platform".into()), Target::Team("ops".into())]);
    let Trigger::Event(trigger) = &schedule.when.trigger else { panic!("{:?}", schedule.when.trigger) };
    assert_eq!(trigger.once_per, OncePer::Event);
}

#[test]
fn who_is_brought_along_fits_the_event() {
    check(
        "event = \"build-failed\"\nto = \"event:data.authors\"",
        &["3:6: N124 with \"event:data.authors\" alone, whoever tells of the event would choose who gets this; write \
           those whom it may name, such as among = \"group:platform\"; \"everyone\" means everybody who is known"],
    );
    check(
        "event = \"build-failed\"\nto = \"group:ops\"\namong = \"everyone\"",
        &[
            "4:9: N006 `among` is for people whom the data of an event names, and `to` has no such; remove it, or write \
           for example to = \"event:data.authors\"",
        ],
    );
    check(
        "event = \"build-failed\"\nto = \"event:person\"",
        &["3:6: N122 \"build-failed\" happens to nobody and nowhere that Teams knows; write where its data has \
           addresses, such as \"event:data.authors\""],
    );
    check(
        "event = \"install\"\nto = \"event:data.authors\"\namong = \"everyone\"",
        &["3:6: N122 the data of \"install\" has no addresses; write \"event:person\" or \"event:conversation\""],
    );
    check(
        "every = \"day\"\nat = \"09:00\"\nto = \"event:person\"",
        &[
            "4:6: N122 \"event:person\" is for a schedule with `event`; add event = \"NAME\" in the place of a time, or \
           write an address",
        ],
    );
    check(
        "event = \"build-failed\"\nto = \"event:authors\"\namong = \"everyone\"",
        &["3:6: N122 \"event:authors\" is nobody whom an event brings along; did you mean \"event:data.authors\"?"],
    );
    check(
        "event = \"build-failed\"\nto = \"event:data.authors\"\namong = \"event:data.owners\"",
        &["4:9: N122 \"event:data.owners\" can't say who is allowed; write those whom it may name, such as among = \
           \"group:platform\"; \"everyone\" means everybody who is known"],
    );
    check(
        "event = \"build-failed\"",
        &["1:1: N004 it does not say to whom; add `to`; write \"everyone\", \"group:NAME\", \
        \"team:NAME\", \"channel:TEAM/CHANNEL\" or an address such as \"ana@contoso.example\""],
    );
}

#[test]
fn only_who_waits_for_an_event_speaks_of_it() {
    let text = |when: &str| {
        format!("[schedule.x]\nto = \"everyone\"\n{when}\ntext = \"Build {{{{ event.data.build.id }}}}\"\n")
    };
    assert_eq!(problems(&text("event = \"build-failed\"")), [""; 0]);
    assert_eq!(
        problems(&text("every = \"day\"\nat = \"09:00\"")),
        [
            "5:8: N131 this speaks of an event, and the schedule does not wait for one; add event = \"NAME\" in the place \
          of a time, or take `event.…` out"
        ]
    );
    let near = "[schedule.x]\nevent = \"install\"\ntext = \"{{ event.nam }}\"\n";
    assert_eq!(problems(near), ["3:12: N131 unknown name `event.nam` in the text; did you mean `event.name`?"]);
}
