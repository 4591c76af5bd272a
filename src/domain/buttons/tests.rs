use std::sync::Arc;

use chrono::{FixedOffset, NaiveDateTime, TimeZone};

use super::*;
use crate::domain::time::LocalTime;

/// A zone whose clock jumps from +1 to +2 at 01:00 UTC on 2027-03-28.
struct Spring;

impl Spring {
    fn offset(hours: i32) -> FixedOffset {
        FixedOffset::east_opt(hours * 3600).expect("an offset")
    }

    fn transition() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2027, 3, 28, 1, 0, 0).single().expect("an instant")
    }
}

impl ZoneRules for Spring {
    fn local_time(&self, civil: NaiveDateTime, _: Tz) -> LocalTime {
        let jump = Self::transition().naive_utc() + TimeDelta::hours(1);
        let (before, after) = (Self::offset(1), Self::offset(2));
        if civil < jump {
            LocalTime::Unique(before)
        } else if civil < jump + TimeDelta::hours(1) {
            LocalTime::Gap { before, after, transition: Self::transition() }
        } else {
            LocalTime::Unique(after)
        }
    }

    fn offset_at(&self, at: DateTime<Utc>, _: Tz) -> FixedOffset {
        Self::offset(if at < Self::transition() { 1 } else { 2 })
    }

    fn version(&self) -> Arc<str> {
        "test".into()
    }
}

fn minutes(minutes: u64) -> Later {
    Later::After(Duration::from_mins(minutes))
}

#[test]
fn snoozes_are_spans_or_a_time_tomorrow() {
    let check = |text: &str, expect: Option<Later>| {
        assert_eq!(Later::read(text), expect, "{text}");
        if let Some(later) = expect {
            assert_eq!(Later::read(&later.to_string()), Some(later), "{text} as it stands in a button");
            assert_eq!(Press::parse(&Press::Snooze(later).to_string()), Some(Press::Snooze(later)));
        }
    };
    check("1h", Some(minutes(60)));
    check("90m", Some(minutes(90)));
    check("2 days", Some(minutes(2 * 24 * 60)));
    check("tomorrow 09:00", Some(Later::Tomorrow(NaiveTime::from_hms_opt(9, 0, 0).expect("a time"))));
    for bad in ["", "30s", "90s", "0m", "31 days", "tomorrow", "tomorrow 25:00", "yesterday 09:00", "later"] {
        check(bad, None);
    }
}

#[test]
fn a_snooze_is_meant_on_the_wall_clock_of_its_reader() {
    let zone = Tz::Europe__Berlin;
    let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
    let check = |text: &str, now: &str, expect: &str| {
        let later = Later::read(text).expect("a snooze");
        assert_eq!(later.from(at(now), zone, &Spring), Some(at(expect)), "{text} at {now}");
    };
    check("1h", "2027-03-27T12:00:00Z", "2027-03-27T13:00:00Z");
    check("tomorrow 09:00", "2027-03-26T12:00:00Z", "2027-03-27T08:00:00Z");
    // Half past midnight there is tomorrow already.
    check("tomorrow 09:00", "2027-03-26T23:30:00Z", "2027-03-28T07:00:00Z");
    check("tomorrow 02:30", "2027-03-27T12:00:00Z", "2027-03-28T01:30:00Z");
}

fn stamp() -> Stamp {
    let occurrence = "2027-03-01T09:00:00.000001".parse().expect("a time");
    Stamp { delivery: DeliveryId(7), occurrence, topic: Topic::new("news").expect("a topic") }
}

#[test]
fn a_text_with_buttons_is_a_card() {
    let buttons = Buttons(vec![Press::Done, Press::Stop]);
    let said = buttons.put_below(Said::Text("Hello **you**\n\nBye".to_owned()), &stamp(), Some("de"));
    let Said::Card { summary, card } = said else { panic!("a card") };
    assert_eq!(summary, "Hello you");
    let data = |choice: &str| {
        let occurrence = "2027-03-01T09:00:00.000001";
        json!({ "nudged": { "delivery": 7, "occurrence": occurrence, "topic": "news", "choice": choice } })
    };
    assert_eq!(
        card,
        json!({
            "type": "AdaptiveCard", "version": "1.5",
            "body": [
                { "type": "TextBlock", "text": "Hello **you**", "wrap": true },
                { "type": "TextBlock", "text": "Bye", "wrap": true },
                { "type": "ActionSet", "actions": [
                    { "type": "Action.Execute", "title": "Erledigt", "verb": "nudged.done", "data": data("done"),
                      "fallback": { "type": "Action.Submit", "title": "Erledigt", "data": data("done") } },
                    { "type": "Action.Execute", "title": "Stopp", "verb": "nudged.stop", "data": data("stop"),
                      "fallback": { "type": "Action.Submit", "title": "Stopp", "data": data("stop") } },
                ] },
            ],
        })
    );
}

#[test]
fn an_own_card_keeps_what_it_has() {
    let own = json!({ "type": "AdaptiveCard", "version": "1.2", "body": [{ "type": "TextBlock", "text": "Hi" }] });
    let said = Said::Card { summary: "News".to_owned(), card: own };
    let Said::Card { summary, card } = Buttons(vec![Press::Done]).put_below(said, &stamp(), None) else {
        panic!("a card")
    };
    assert_eq!((summary.as_str(), &card["version"]), ("News", &json!("1.5")));
    assert_eq!((&card["body"][0]["text"], &card["body"][1]["type"]), (&json!("Hi"), &json!("ActionSet")));
    let plain = Said::Text("Hi".to_owned());
    assert_eq!(Buttons::default().put_below(plain.clone(), &stamp(), None), plain);
}
