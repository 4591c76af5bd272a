//! The end of the bot's credential, announced in the log while there is still time: once with 30 days left, once with
//! seven, once with one, and when it is over.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::domain::credential::{Credential, Nearness};
use crate::port::clock::Clock;
use crate::port::credentials::Credentials;

/// What was last said of the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    nearness: Nearness,
    unusable: Option<String>,
    exposed: Option<String>,
}

impl Said {
    /// Takes in how the credential stands. Returns whether that is news.
    fn is_news(&mut self, credential: &Credential, now: DateTime<Utc>) -> bool {
        let before = self.clone();
        let (unusable, exposed) = (credential.unusable.clone(), credential.exposed.clone());
        *self = Self { nearness: credential.nearness(now), unusable, exposed };
        *self != before
    }
}

impl Default for Said {
    fn default() -> Self {
        Self { nearness: Nearness::Far, unusable: None, exposed: None }
    }
}

/// Whoever looks at the credential now and then. Looking again is free: what was said is not said again.
pub struct CredentialWatch {
    credentials: Arc<dyn Credentials>,
    clock: Arc<dyn Clock>,
    said: Mutex<Said>,
}

impl CredentialWatch {
    #[must_use]
    pub fn new(credentials: Arc<dyn Credentials>, clock: Arc<dyn Clock>) -> Self {
        Self { credentials, clock, said: Mutex::default() }
    }

    /// Looks, and says what is new.
    pub fn look(&self) {
        let credential = self.credentials.look();
        let now = self.clock.now();
        // A plain value that no panic leaves half-changed.
        if !self.said.lock().unwrap_or_else(PoisonError::into_inner).is_news(&credential, now) {
            return;
        }
        let expires_at = credential.ends_at.map(tracing::field::display);
        let is_pressing = credential.unusable.is_some() || credential.nearness(now) >= Nearness::Day;
        match credential.note(now) {
            Some(note) if is_pressing => tracing::error!(expires_at, "{note}"),
            Some(note) => tracing::warn!(expires_at, "{note}"),
            None => tracing::info!(expires_at, "the bot's credential is good again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::credential::CredentialKind;

    #[test]
    fn each_step_towards_the_end_is_said_once() {
        let end: DateTime<Utc> = "2027-05-01T00:00:00Z".parse().expect("an instant");
        let secret = Credential { kind: CredentialKind::Secret, ends_at: Some(end), unusable: None, exposed: None };
        let mut said = Said::default();
        // As the hourly beat looks, from 40 days before the end to 2 days after it.
        let looks = (-40 * 24..48).filter(|hour| said.is_news(&secret, end + TimeDelta::hours(*hour)));
        assert_eq!(looks.collect::<Vec<_>>(), [-30 * 24, -7 * 24, -24, 0]);

        let renewed = Credential { ends_at: Some(end + TimeDelta::days(365)), ..secret };
        assert!(said.is_news(&renewed, end));
        assert!(!said.is_news(&renewed, end));
        let broken = Credential { unusable: Some("it is empty".into()), ..renewed };
        assert!(said.is_news(&broken, end));
        assert!(!said.is_news(&broken, end));
        let open = Credential { exposed: Some("everybody can read it".into()), ..broken };
        assert!(said.is_news(&open, end));
        assert!(!said.is_news(&open, end));
    }
}
