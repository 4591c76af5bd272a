//! A claim for tests: due at 2027-03-01 08:00 UTC, one hour of lateness, a conversation known.

use chrono::NaiveDate;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::*;
use crate::domain::conversation::Standing;
use crate::domain::id::{DeliveryId, RecipientId, ScheduleName, Term};
use crate::domain::recipient::{Recipient, RecipientKind, Reference, ZoneSource};
use crate::domain::schedule::model::{CatchUp, Overlap, Priority};

pub(crate) fn claim() -> Claim {
    let day = NaiveDate::from_ymd_opt(2027, 3, 1).expect("a day");
    let occurrence = day.and_hms_opt(9, 0, 0).expect("a time");
    let due_at = day.and_hms_opt(8, 0, 0).expect("a time").and_utc();
    Claim {
        id: DeliveryId(1),
        term: Term(1),
        priority: Priority::Normal,
        schedule: ScheduleName::new("standup").expect("a name"),
        occurrence,
        zone: Tz::Europe__Paris,
        due_at,
        expire_at: due_at + TimeDelta::hours(1),
        planned_at: due_at - TimeDelta::hours(20),
        on_unknown: OnUnknown::Resend,
        overlap: Overlap::Supersede,
        catch_up: CatchUp::Latest,
        attempts: 0,
        doubts: 0,
        waited_for: None,
        tried_in: None,
        possible_duplicate: false,
        recipient: Recipient {
            id: RecipientId(1),
            kind: RecipientKind::Person,
            name: "Ana Ruiz".into(),
            email: Some("ana@contoso.example".into()),
            zone: Tz::Europe__Paris,
            zone_source: ZoneSource::Operator,
            language: None,
            details: crate::domain::recipient::Details::default(),
        },
        groups: Vec::new(),
        is_known: true,
        reference: Reference { conversation_id: Some("a:1".into()), ..Reference::default() },
        unreachable: None,
        standing: Standing::Member,
        roster: RosterState::Read,
        earlier: Earlier::Nothing,
        original: None,
        opted_out: false,
        later_is_due: false,
        is_test: false,
        may_be_left_out: false,
        event: None,
    }
}
