//! What Teams tells, or another bot forwards: reading it never panics, what is believed is plain, and of nobody half a
//! reference is believed.

use chrono::{DateTime, Utc};
use nudged::domain::activity::{self, Activity};
use nudged::domain::conversation;
use nudged::domain::event;
use nudged::domain::news::{self, Fact, News};
use nudged::domain::press;
use nudged::domain::recipient::{RecipientKind, ServiceOrigin};

/// When it is told.
pub fn now() -> DateTime<Utc> {
    "2026-08-03T10:00:00Z".parse().expect("an instant")
}

/// What an activity comes to, if it is one.
pub fn told(body: &[u8]) -> Option<News> {
    let activity = activity::read(body).ok()?;
    assert_plain(&activity);
    let _ = (press::read(&activity, now()), event::told(&activity, now()));
    let news = news::of(&activity, ServiceOrigin::Heard, now());
    assert_whole(&activity, &news);
    Some(news)
}

fn assert_plain(told: &Activity) {
    let Activity { id, service_url, bot_id, tenant_id, from, conversation, .. } = told;
    let ids = [id, service_url, bot_id, tenant_id, &from.id, &from.entra_object_id, &from.principal_name];
    for id in ids.into_iter().flatten().chain([&conversation.id]) {
        assert!(!id.is_empty() && id.len() <= 2_048 && !id.contains(char::is_whitespace), "{id:?}");
    }
    for name in [&from.name, &conversation.name].into_iter().flatten() {
        assert!(name.len() <= 512 && !name.contains(char::is_control), "{name:?}");
    }
}

fn assert_whole(told: &Activity, news: &News) {
    for fact in &news.facts {
        let Fact::Met(met) = fact else { continue };
        assert!(met.kind != RecipientKind::Person || !met.addresses.is_empty(), "{met:?}");
        let Some(id) = &met.reference.conversation_id else {
            assert!(!met.is_present, "{met:?}");
            continue;
        };
        assert!(told.is_of_teams() && met.reference.service_url.is_some(), "half a reference: {met:?}");
        assert!(!conversation::is_thread(id), "{met:?}");
        assert!(conversation::kind_of(id).is_none_or(|kind| kind == met.kind), "{met:?}");
    }
}
