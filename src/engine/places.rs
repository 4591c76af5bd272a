//! Where each tenant was last served well.
//!
//! All conversations of a tenant are served from one place, which changes rarely and without notice. So what worked last
//! is the best guess for a conversation whose own place does not work, or of whom none is known. It is kept in memory:
//! the first message that arrives after a start brings it back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::recipient::Reference;

/// The last good service URL of each tenant.
#[derive(Default)]
pub struct Places(Mutex<HashMap<Arc<str>, String>>);

impl Places {
    /// A message into a conversation of `tenant` was taken at `service_url`.
    pub fn served(&self, tenant: &Arc<str>, service_url: &str) {
        let mut places = self.places();
        if places.get(tenant).is_none_or(|known| known != service_url) {
            places.insert(Arc::clone(tenant), service_url.to_owned());
        }
    }

    /// `reference`, with the place of its tenant where it has none of its own.
    #[must_use]
    pub fn complete(&self, tenant: &str, reference: &Reference) -> Reference {
        let service_url = reference.service_url.clone().or_else(|| self.places().get(tenant).cloned());
        Reference { service_url, ..reference.clone() }
    }

    /// Where to ask next for a conversation of `tenant` that is not served at `asked`: where the tenant was served last,
    /// and then at `instead`, which is the end of the way: it is absent once it has been asked.
    #[must_use]
    pub fn next(&self, tenant: &str, asked: Option<&str>, instead: Option<String>) -> Option<String> {
        let instead = instead?;
        let last_good = self.places().get(tenant).cloned();
        Some(last_good.filter(|place| Some(place.as_str()) != asked).unwrap_or(instead))
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Arc<str>, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_ends_at_the_general_place() {
        let places = Places::default();
        let next = |asked: &str, instead: Option<&str>| places.next("t", Some(asked), instead.map(str::to_owned));
        assert_eq!(next("amer", Some("global")), Some("global".into()), "nothing is known of the tenant");
        places.served(&"t".into(), "emea");
        places.served(&"other".into(), "in");
        assert_eq!(next("amer", Some("global")), Some("emea".into()));
        assert_eq!(next("emea", Some("global")), Some("global".into()));
        assert_eq!(next("global", None), None);
    }

    #[test]
    fn a_reference_without_a_place_takes_that_of_its_tenant() {
        let places = Places::default();
        let complete = |reference| places.complete("t", &reference).service_url;
        let own = Reference { service_url: Some("amer".into()), ..Reference::default() };
        assert_eq!(complete(Reference::default()), None);
        places.served(&"t".into(), "emea");
        assert_eq!(complete(Reference::default()), Some("emea".into()));
        assert_eq!(complete(own), Some("amer".into()));
    }
}
