//! Where conversations are asked for, when their own place does not serve them.
//!
//! All conversations of a tenant are served from one place, which changes rarely and without notice. So what worked last
//! is the best guess for a conversation whose own place fails, or of which none is known. All of this is kept in memory:
//! a place is stored with a recipient only once it has served them, so a way that leads nowhere spoils no reference.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::id::RecipientId;
use crate::domain::recipient::Reference;
use crate::domain::verdict::Verdict;

/// The last good place of each tenant, and the ways that are being tried.
#[derive(Default)]
pub struct Places(Mutex<Known>);

#[derive(Default)]
struct Known {
    last_good: HashMap<Arc<str>, String>,
    detours: HashMap<RecipientId, Detour>,
}

struct Detour {
    ask: String,
    /// `None` is the general place, which a reference without one means.
    tried: Vec<Option<String>>,
}

impl Places {
    /// `reference` with the place to ask: that of a detour, else its own, else that of its tenant.
    #[must_use]
    pub fn complete(&self, recipient: RecipientId, tenant: &str, reference: &Reference) -> Reference {
        let known = self.known();
        let detour = known.detours.get(&recipient).map(|detour| detour.ask.clone());
        let service_url =
            detour.or_else(|| reference.service_url.clone()).or_else(|| known.last_good.get(tenant).cloned());
        Reference { service_url, ..reference.clone() }
    }

    /// What `verdict` comes to, of a request at `asked`: where a conversation is served elsewhere and there is a place left
    /// to ask, the request can be made again; where there is none it can't.
    #[must_use]
    pub fn settle(&self, recipient: RecipientId, tenant: &str, asked: Option<&str>, verdict: Verdict) -> Verdict {
        let Verdict::Elsewhere { reason, instead } = verdict else { return verdict };
        if self.goes_on(recipient, tenant, asked, instead) {
            Verdict::Retry { reason, after: None }
        } else {
            Verdict::Permanent { reason }
        }
    }

    /// Whether there is another place to ask for a conversation that is not served at `asked`: where its tenant was served
    /// last, and `instead`. None is asked twice.
    fn goes_on(&self, recipient: RecipientId, tenant: &str, asked: Option<&str>, instead: Option<String>) -> bool {
        let mut known = self.known();
        let last_good = known.last_good.get(tenant).cloned();
        let mut tried = known.detours.remove(&recipient).map(|detour| detour.tried).unwrap_or_default();
        tried.push(asked.map(str::to_owned));
        let next = [last_good, instead].into_iter().flatten().find(|place| !tried.contains(&Some(place.clone())));
        if let Some(ask) = next {
            tracing::info!(%recipient, place = ask, "served elsewhere; asking there");
            known.detours.insert(recipient, Detour { ask, tried });
            return true;
        }
        false
    }

    /// A message to `recipient` was taken at `place`. Returns whether that was on a detour, so that it is worth storing.
    pub fn served(&self, recipient: RecipientId, tenant: &Arc<str>, place: &str) -> bool {
        let mut known = self.known();
        if known.last_good.get(tenant).is_none_or(|known| known != place) {
            known.last_good.insert(Arc::clone(tenant), place.to_owned());
        }
        known.detours.remove(&recipient).is_some()
    }

    /// Nothing more is tried for `recipient`.
    pub fn ended(&self, recipient: RecipientId) {
        self.known().detours.remove(&recipient);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: RecipientId = RecipientId(1);

    fn of(place: Option<&str>) -> Reference {
        Reference { service_url: place.map(str::to_owned), ..Reference::default() }
    }

    #[test]
    fn every_place_is_asked_once() {
        let places = Places::default();
        places.served(RecipientId(2), &"t".into(), "emea");
        places.served(RecipientId(3), &"other".into(), "in");
        let asks = |place| places.complete(ANA, "t", &of(place)).service_url;
        assert_eq!(asks(Some("amer")).as_deref(), Some("amer"));
        assert!(places.goes_on(ANA, "t", Some("amer"), Some("global".into())));
        assert_eq!(asks(Some("amer")).as_deref(), Some("emea"), "the tenant's last good one");
        assert!(places.goes_on(ANA, "t", Some("emea"), Some("global".into())));
        assert_eq!(asks(Some("amer")).as_deref(), Some("global"));
        assert!(!places.goes_on(ANA, "t", Some("global"), None));
        assert_eq!(asks(Some("amer")).as_deref(), Some("amer"), "the next occurrence begins at its own place");

        // Who begins at the general place gets to know the tenant's.
        assert!(places.goes_on(ANA, "t", Some("global"), None));
        assert_eq!(asks(Some("global")).as_deref(), Some("emea"));
        assert!(places.served(ANA, &"t".into(), "emea"), "worth storing");
        assert!(!places.served(ANA, &"t".into(), "emea"));
    }

    #[test]
    fn a_reference_without_a_place_takes_that_of_its_tenant() {
        let places = Places::default();
        let complete = |place| places.complete(ANA, "t", &of(place)).service_url;
        assert_eq!(complete(None), None);
        places.served(RecipientId(2), &"t".into(), "emea");
        assert_eq!(complete(None).as_deref(), Some("emea"));
        assert_eq!(complete(Some("amer")).as_deref(), Some("amer"));
    }
}
