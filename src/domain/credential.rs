//! What the bot proves itself with, as far as it may be told: of which kind it is, and until when it is good.
//!
//! A credential that ends unnoticed silences everybody at once, on a day that was known for a year. So its end is
//! announced when 30 days, 7 days and one day are left.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// How the bot proves to the identity provider that it is itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// A client secret.
    Secret,
    /// A certificate and its key.
    Certificate,
    /// The machine in Azure on which this runs vouches for it.
    ManagedIdentity,
    /// Another issuer, such as a Kubernetes cluster, vouches for it.
    WorkloadIdentity,
}

impl CredentialKind {
    /// As it is said in a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CredentialKind::Secret => "secret",
            CredentialKind::Certificate => "certificate",
            CredentialKind::ManagedIdentity => "managed identity",
            CredentialKind::WorkloadIdentity => "workload identity",
        }
    }
}

/// What is known of a credential, with nothing of it in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    pub kind: CredentialKind,
    /// From when on it is no longer good. `None` where it has no end, or nobody knows it.
    pub ends_at: Option<DateTime<Utc>>,
    /// In words, why it can't be used as it stands.
    pub unusable: Option<String>,
    /// In words, who else could take it, if somebody could.
    pub exposed: Option<String>,
}

/// How near the end of a credential is. Each step is announced once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// More than 30 days off, or unknown.
    Far,
    /// 30 days or less.
    Month,
    /// 7 days or less.
    Week,
    /// One day or less.
    Day,
    /// It is over.
    Over,
}

impl Credential {
    #[must_use]
    pub fn nearness(&self, now: DateTime<Utc>) -> Nearness {
        let Some(ends_at) = self.ends_at else { return Nearness::Far };
        let left = ends_at - now;
        if left <= TimeDelta::zero() {
            Nearness::Over
        } else if left <= TimeDelta::days(1) {
            Nearness::Day
        } else if left <= TimeDelta::days(7) {
            Nearness::Week
        } else if left <= TimeDelta::days(30) {
            Nearness::Month
        } else {
            Nearness::Far
        }
    }

    /// What a person should know about it, in one line; `None` while there is nothing to do.
    #[must_use]
    pub fn note(&self, now: DateTime<Utc>) -> Option<String> {
        let own = self.unusable.clone().or_else(|| self.end_note(now));
        // That others can take it is the worse of the two.
        let notes: Vec<String> = [self.exposed.clone(), own].into_iter().flatten().collect();
        (!notes.is_empty()).then(|| notes.join("; and "))
    }

    /// What a person should know about its end.
    fn end_note(&self, now: DateTime<Utc>) -> Option<String> {
        let Some(ends_at) = self.ends_at else {
            // Entra tells the end of a secret to nobody who only holds the secret.
            return (self.kind == CredentialKind::Secret)
                .then(|| "nobody knows when the secret expires: write secret_expires_on below [bot]".to_owned());
        };
        let (name, on) = (self.kind.name(), ends_at.format("%Y-%m-%d"));
        match self.nearness(now) {
            Nearness::Far => None,
            Nearness::Month | Nearness::Week => {
                let days = (ends_at - now).num_days();
                let plural = if days == 1 { "" } else { "s" };
                Some(format!("the {name} expires in {days} day{plural}, on {on}; {}", self.cure()))
            }
            Nearness::Day => Some(format!("the {name} expires within a day, on {on}; {}", self.cure())),
            Nearness::Over => Some(format!("the {name} expired on {on}; {}", self.cure())),
        }
    }

    fn cure(&self) -> &'static str {
        match self.kind {
            CredentialKind::Secret => "put a new one into its file, and its date into secret_expires_on",
            CredentialKind::Certificate => "put a new one into its file",
            CredentialKind::ManagedIdentity | CredentialKind::WorkloadIdentity => "renew it where it is issued",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(kind: CredentialKind, at: Option<&str>) -> Credential {
        let ends_at = at.map(|at| at.parse().expect("an instant"));
        Credential { kind, ends_at, unusable: None, exposed: None }
    }

    #[test]
    fn the_end_is_announced_at_thirty_days_seven_days_and_one_day() {
        let secret = ending(CredentialKind::Secret, Some("2027-05-01T00:00:00Z"));
        let check = |now: &str, nearness: Nearness, note: Option<&str>| {
            let now = now.parse().expect("an instant");
            assert_eq!(secret.nearness(now), nearness, "{now}");
            let cure = "; put a new one into its file, and its date into secret_expires_on";
            assert_eq!(secret.note(now), note.map(|note| format!("{note}{cure}")), "{now}");
        };
        check("2027-03-31T23:59:59Z", Nearness::Far, None);
        check("2027-04-01T00:00:00Z", Nearness::Month, Some("the secret expires in 30 days, on 2027-05-01"));
        check("2027-04-23T23:59:59Z", Nearness::Month, Some("the secret expires in 7 days, on 2027-05-01"));
        check("2027-04-24T00:00:00Z", Nearness::Week, Some("the secret expires in 7 days, on 2027-05-01"));
        check("2027-04-29T23:59:59Z", Nearness::Week, Some("the secret expires in 1 day, on 2027-05-01"));
        check("2027-04-30T00:00:00Z", Nearness::Day, Some("the secret expires within a day, on 2027-05-01"));
        check("2027-05-01T00:00:00Z", Nearness::Over, Some("the secret expired on 2027-05-01"));
    }

    #[test]
    fn an_unknown_end_is_a_secrets_trouble_only() {
        let now = "2026-11-20T08:00:00Z".parse().expect("an instant");
        let note = |kind| ending(kind, None).note(now);
        assert!(note(CredentialKind::Secret).expect("a note").contains("secret_expires_on"));
        assert_eq!(note(CredentialKind::ManagedIdentity), None);
        assert_eq!(note(CredentialKind::WorkloadIdentity), None);
        let unusable = Some("the bot's certificate in /x is empty".to_owned());
        let broken = Credential { unusable: unusable.clone(), ..ending(CredentialKind::Certificate, None) };
        assert_eq!(broken.note(now), unusable);
    }

    #[test]
    fn who_else_could_take_it_is_said_besides() {
        let now = "2027-04-30T00:00:00Z".parse().expect("an instant");
        let exposed = Some("everybody can read it".to_owned());
        let open = |credential| Credential { exposed: exposed.clone(), ..credential };
        assert_eq!(open(ending(CredentialKind::Certificate, Some("2029-01-01T00:00:00Z"))).note(now), exposed);
        let note = open(ending(CredentialKind::Secret, Some("2027-05-01T00:00:00Z"))).note(now).expect("a note");
        assert!(note.starts_with("everybody can read it; and the secret expires"), "{note}");
    }
}
