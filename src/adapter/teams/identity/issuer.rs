//! Where tokens come from: one request to the identity provider, or to the identity service of the machine.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::file::Print;
use super::grant::{Granted, granted};
use super::managed::PAUSES;
use super::{Identity, ManagedIdentity, Proof, Way};
use crate::domain::delivery::Reason;
use crate::domain::verdict::{Answer, Evidence, Verdict};
use crate::port::clock::Clock;

use super::super::http::{Doors, NoReply, Reply};
use super::super::trust::TrustedUrl;
use super::super::verdict::{DETAIL_CHARS_MAX, Seen, cut};

/// How long nobody asks again after the credentials were refused, unless their files change.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_mins(1);

/// How long nobody asks again after the token service failed or was out of reach, unless it said how long.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The bounds of what the token service may ask for with `Retry-After`: a slip there must not silence us for a day.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// A token request is safe to give up on, so it need not be waited for as long as a message.
const TIMEOUT_MAX: Duration = Duration::from_secs(15);

/// The error code of a refusal that says nothing about the credentials. Microsoft's SDK for .NET asks again after it.
const PASSING: &str = "temporarily_unavailable";

/// The issuer of tokens for one client id and one scope at one authority.
pub(in super::super) struct Issuer {
    pub(in super::super) identity: Arc<Identity>,
    /// `…/oauth2/v2.0/token` of the authority. A managed identity has no use for it.
    pub(in super::super) endpoint: TrustedUrl,
    pub(in super::super) app_id: String,
    pub(in super::super) scope: String,
    /// For one whole token request. At most 15 s are used.
    pub(in super::super) timeout: Duration,
    pub(in super::super) doors: Arc<Doors>,
    pub(in super::super) clock: Arc<dyn Clock>,
}

/// Why there is no token, and for how long there is no use in asking again.
#[derive(Debug, Clone)]
pub(in super::super) struct Denial {
    pub(in super::super) answer: Box<Answer>,
    /// From now on.
    pub(in super::super) pause: Duration,
    /// The files as they were. Once they are others, asking is of use at once. `None` where the fault is not theirs.
    prints: Option<Vec<Print>>,
}

impl Issuer {
    /// Asks for a token, once; the identity service of the machine some seconds long, while it is being updated.
    pub(in super::super) async fn ask(&self) -> Result<Granted, Denial> {
        // Taken before the files are read: what changes while they are is a change.
        let prints = self.identity.prints();
        let audience = self.endpoint.as_url().as_str();
        let asked = match self.identity.way(audience, &self.app_id, self.clock.now()) {
            Ok(Way::Show(proof)) => self.ask_provider(&proof).await,
            Ok(Way::Ask(machine)) => self.ask_machine(machine).await,
            Err(why) => Err(no_token(Reason::CredentialUnusable, why.to_string())),
        };
        asked.map_err(|(answer, retry_after)| {
            let asked = retry_after.map(|after| after.clamp(PAUSE_MIN, PAUSE_MAX));
            let (pause, prints) = match answer.verdict {
                Verdict::OurFault { reason: Reason::TokenRefused } => {
                    (asked.unwrap_or_default().max(PAUSE_AFTER_REFUSAL), Some(prints))
                }
                Verdict::OurFault { reason: Reason::CredentialUnusable } => (PAUSE_AFTER_FAILURE, Some(prints)),
                _ => (asked.unwrap_or(PAUSE_AFTER_FAILURE), None),
            };
            Denial { answer, pause, prints }
        })
    }

    /// Whether the files are others than when `denial` was given.
    pub(in super::super) fn changed_since(&self, denial: &Denial) -> bool {
        denial.prints.as_ref().is_some_and(|prints| *prints != self.identity.prints())
    }

    async fn ask_provider(&self, proof: &Proof) -> Result<Granted, Denied> {
        let mut fields = vec![
            ("grant_type", "client_credentials"),
            ("client_id", self.app_id.as_str()),
            ("scope", self.scope.as_str()),
        ];
        fields.extend(proof.fields());
        let reply = self.doors.post_form(&self.endpoint, &fields, proof.secret(), self.timeout()).await;
        self.judge(reply, Some(proof.secret().1))
    }

    async fn ask_machine(&self, machine: &ManagedIdentity) -> Result<Granted, Denied> {
        let question = machine.question(&self.app_id, &self.scope);
        let question = question.map_err(|why| no_token(Reason::CredentialUnusable, why.to_string()))?;
        let mut pauses = PAUSES.into_iter();
        loop {
            let reply = self.doors.get(&question.url, question.header, self.timeout()).await;
            // A service that says when it wants to be asked again is not asked before.
            let is_brief = |reply: &Reply| machine.passes(reply.status) && reply.retry_after.is_none();
            if reply.as_ref().is_ok_and(is_brief)
                && let Some(pause) = pauses.next()
            {
                self.clock.sleep(pause).await;
                continue;
            }
            return self.judge(reply, machine.secret());
        }
    }

    /// What came back, as a token or as an answer. `secret` is what was shown.
    fn judge(&self, reply: Result<Reply, NoReply>, secret: Option<&SecretString>) -> Result<Granted, Denied> {
        let mut reply = match reply {
            Ok(reply) => reply,
            Err(NoReply::NotConnected(text) | NoReply::Lost(text) | NoReply::NoTls(text)) => {
                let detail = format!("the token service: {}", cut(&text, DETAIL_CHARS_MAX));
                return Err(no_token(Reason::TokenUnavailable, detail));
            }
        };
        let is_good = (200..=299).contains(&reply.status);
        if is_good && let Some(granted) = granted(&reply.body, self.clock.now()) {
            return Ok(granted);
        }
        // Entra does not repeat the secret; a proxy or a wrong login URL may. It goes before anything is cut, lest
        // half of it stays.
        if let Some(secret) = secret {
            reply.body = without(&String::from_utf8_lossy(&reply.body), secret.expose_secret()).into_bytes();
        }
        let seen = Seen::of(&reply, self.clock.now());
        let (reason, text) = match seen.status {
            // The body is not quoted: it may hold a token.
            200..=299 => (Reason::TokenUnavailable, "the answer holds no token with a lifetime"),
            400 | 401 if seen.code.as_deref() != Some(PASSING) => {
                (Reason::TokenRefused, seen.message.as_deref().unwrap_or("no reason given"))
            }
            _ => (Reason::TokenUnavailable, seen.message.as_deref().unwrap_or("no reason given")),
        };
        let evidence = Evidence {
            status: Some(seen.status),
            error_code: seen.code,
            correlation_id: seen.correlation_id,
            detail: Some(format!("the token service: {text}")),
        };
        Err((Box::new(Answer { verdict: Verdict::OurFault { reason }, evidence }), seen.retry_after))
    }

    fn timeout(&self) -> Duration {
        TIMEOUT_MAX.min(self.timeout)
    }
}

/// An answer, and the wait that the service asked for.
type Denied = (Box<Answer>, Option<Duration>);

/// The text without the secret, as it is and as a form and JSON write it.
fn without(text: &str, secret: &str) -> String {
    let in_form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let in_json = serde_json::Value::from(secret).to_string();
    let in_json = in_json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(secret);
    text.replace(in_json, "[secret]").replace(secret, "[secret]").replace(&in_form, "[secret]")
}

fn no_token(reason: Reason, detail: String) -> Denied {
    (Box::new(Answer::without_request(Verdict::OurFault { reason }, detail)), None)
}
