//! The bot's token: one for everybody, asked for once.
//!
//! Whoever needs a token takes the held one while it is fresh. Otherwise the first to come sets out to fetch a new
//! one, and all others wait for that one flight and share what it brings, a failure too. After a failure nobody sets
//! out again for a while, so that thousands of waiting deliveries do not become thousands of refused requests. A
//! token that is past its freshness but not yet expired serves on while its successor is fetched, or cannot be had.
//!
//! From Microsoft's page on Connector authentication and the sources of its SDKs (both read in November 2026): the
//! client-credentials request, the five minutes, and that a refusal is remembered for a minute.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use super::http::{Doors, NoReply, Reply};
use super::trust::TrustedUrl;
use super::verdict::{DETAIL_CHARS_MAX, Seen, cut};
use super::wire::GrantedToken;
use crate::domain::delivery::Reason;
use crate::domain::time::Moment;
use crate::domain::verdict::{Answer, Evidence, Verdict};
use crate::port::clock::Clock;

/// What the token is for: the Connector of the public cloud.
const SCOPE: &str = "https://api.botframework.com/.default";

/// A token is renewed this long before it expires, or at half its life if that is shorter.
const EARLY: Duration = Duration::from_mins(5);

/// How long nobody asks again after the credentials were refused.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_mins(1);

/// How long nobody asks again after the token service failed or was out of reach, unless it said how long.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The bounds of what the token service may ask for with `Retry-After`: a slip there must not silence us for a day.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// A token request is safe to give up on, so it need not be waited for as long as a message.
const TIMEOUT_MAX: Duration = Duration::from_secs(15);

/// A bearer token. It can be told apart from others without being shown.
#[derive(Debug, Clone)]
pub(super) struct Token {
    secret: Arc<SecretString>,
    serial: u64,
}

impl Token {
    pub(super) fn secret(&self) -> &SecretString {
        &self.secret
    }
}

/// Who asks, and where.
#[derive(Debug)]
pub(super) struct Credentials {
    /// `…/oauth2/v2.0/token` of the authority.
    pub(super) endpoint: TrustedUrl,
    pub(super) app_id: String,
    pub(super) secret: SecretString,
    /// For one whole token request. At most 15 s are used.
    pub(super) timeout: Duration,
}

/// The source of tokens.
pub(super) struct Tokens {
    credentials: Credentials,
    doors: Arc<Doors>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    failure: Option<Failure>,
    /// The fetch under way. A closed channel is one whose leader was dropped before it landed.
    flight: Option<watch::Receiver<Option<Outcome>>>,
    issued: u64,
}

struct Held {
    token: Token,
    refresh_at: Moment,
    expires_at: Moment,
}

#[derive(Clone)]
struct Failure {
    answer: Box<Answer>,
    /// Nobody asks again before.
    until: Moment,
}

type Outcome = Result<Token, Answer>;

/// What a caller does next, decided in one go under the lock.
enum Step {
    Take(Outcome),
    Wait(watch::Receiver<Option<Outcome>>),
    Fetch(watch::Sender<Option<Outcome>>),
}

/// A token as it came from the service.
struct Granted {
    secret: SecretString,
    life: Duration,
}

impl Tokens {
    pub(super) fn new(credentials: Credentials, doors: Arc<Doors>, clock: Arc<dyn Clock>) -> Self {
        Self { credentials, doors, clock, state: Mutex::default() }
    }

    /// A token that has not expired, or the answer that its lack stands for. Cancel-safe: when the caller that set
    /// out is dropped, one of those who wait sets out in its place.
    pub(super) async fn get(&self) -> Outcome {
        loop {
            match self.next_step() {
                Step::Take(outcome) => return outcome,
                Step::Fetch(landing) => {
                    let asked_at = self.clock.moment();
                    let fetched = self.fetch().await;
                    return self.land(asked_at, fetched, &landing);
                }
                Step::Wait(mut flight) => {
                    let landed = flight.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
                    if let Some(outcome) = landed {
                        return outcome;
                    }
                }
            }
        }
    }

    /// Throws the held token away if it is still the one that failed. Many callers may see the same token fail;
    /// only the first of them makes a difference.
    pub(super) fn invalidate(&self, failed: &Token) {
        let mut state = self.state();
        if state.held.as_ref().is_some_and(|held| held.token.serial == failed.serial) {
            state.held = None;
        }
    }

    fn next_step(&self) -> Step {
        let now = self.clock.moment();
        let mut state = self.state();
        let usable = state.usable(now);
        if let (Some(token), Some(held)) = (&usable, &state.held)
            && now < held.refresh_at
        {
            return Step::Take(Ok(token.clone()));
        }
        // `has_changed` is an error exactly when the sender is gone.
        if let Some(flight) = state.flight.as_ref().filter(|flight| flight.has_changed().is_ok()) {
            return usable.map_or_else(|| Step::Wait(flight.clone()), |token| Step::Take(Ok(token)));
        }
        if let Some(failure) = state.failure.as_ref().filter(|failure| now < failure.until) {
            return Step::Take(usable.ok_or_else(|| Answer::clone(&failure.answer)));
        }
        let (landing, flight) = watch::channel(None);
        state.flight = Some(flight);
        Step::Fetch(landing)
    }

    /// Writes down what a fetch brought and hands it to those who wait.
    fn land(
        &self,
        asked_at: Moment,
        fetched: Result<Granted, Failure>,
        landing: &watch::Sender<Option<Outcome>>,
    ) -> Outcome {
        let mut state = self.state();
        let outcome = match fetched {
            Ok(Granted { secret, life }) => {
                state.issued += 1;
                let token = Token { secret: Arc::new(secret), serial: state.issued };
                // Counted from the asking, so that a slow answer makes the token older, never younger.
                state.held = Some(Held {
                    token: token.clone(),
                    refresh_at: asked_at.after(life.saturating_sub(EARLY).max(life / 2)),
                    expires_at: asked_at.after(life),
                });
                state.failure = None;
                Ok(token)
            }
            Err(failure) => {
                let answer = Answer::clone(&failure.answer);
                state.failure = Some(failure);
                state.usable(self.clock.moment()).ok_or(answer)
            }
        };
        // Still under the lock: whoever looks from now on finds the result and not the flight.
        state.flight = None;
        landing.send_replace(Some(outcome.clone()));
        outcome
    }

    async fn fetch(&self) -> Result<Granted, Failure> {
        let Credentials { endpoint, app_id, secret, timeout } = &self.credentials;
        let fields = [("grant_type", "client_credentials"), ("client_id", app_id.as_str()), ("scope", SCOPE)];
        let timeout = TIMEOUT_MAX.min(*timeout);
        match self.doors.post_form(endpoint, &fields, ("client_secret", secret), timeout).await {
            Ok(reply) => self.read(reply),
            Err(NoReply::NotConnected(text) | NoReply::Lost(text) | NoReply::NoTls(text)) => {
                let detail = Some(format!("the token service: {}", cut(&text, DETAIL_CHARS_MAX)));
                Err(self.failure(Reason::TokenUnavailable, Evidence { detail, ..Evidence::default() }, None))
            }
        }
    }

    fn read(&self, mut reply: Reply) -> Result<Granted, Failure> {
        if (200..=299).contains(&reply.status)
            && let Some(granted) = granted(&reply.body)
        {
            return Ok(granted);
        }
        // Entra does not repeat the secret; a proxy or a wrong login URL may. It goes before anything is cut, lest
        // half of it stays.
        let text = String::from_utf8_lossy(&reply.body).replace(self.credentials.secret.expose_secret(), "[secret]");
        reply.body = text.into_bytes();
        let seen = Seen::of(&reply, self.clock.now());
        let (reason, text) = match seen.status {
            // The body is not quoted: it may hold a token.
            200..=299 => (Reason::TokenUnavailable, "the answer holds no token with a lifetime"),
            400 | 401 => (Reason::TokenRefused, seen.message.as_deref().unwrap_or("no reason given")),
            _ => (Reason::TokenUnavailable, seen.message.as_deref().unwrap_or("no reason given")),
        };
        let evidence = Evidence {
            status: Some(seen.status),
            error_code: seen.code,
            correlation_id: seen.correlation_id,
            detail: Some(format!("the token service: {text}")),
        };
        Err(self.failure(reason, evidence, seen.retry_after))
    }

    fn failure(&self, reason: Reason, evidence: Evidence, retry_after: Option<Duration>) -> Failure {
        let asked = retry_after.map(|after| after.clamp(PAUSE_MIN, PAUSE_MAX));
        let pause = if reason == Reason::TokenRefused {
            asked.unwrap_or_default().max(PAUSE_AFTER_REFUSAL)
        } else {
            asked.unwrap_or(PAUSE_AFTER_FAILURE)
        };
        let answer = Answer { verdict: Verdict::OurFault { reason }, evidence };
        Failure { answer: Box::new(answer), until: self.clock.moment().after(pause) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can leave the state half-changed, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn usable(&self, now: Moment) -> Option<Token> {
        self.held.as_ref().filter(|held| now < held.expires_at).map(|held| held.token.clone())
    }
}

/// The token of a success, if it can stand in a header.
fn granted(body: &[u8]) -> Option<Granted> {
    let GrantedToken { access_token, expires_in } = serde_json::from_slice(body).ok()?;
    let fits = !access_token.is_empty() && access_token.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| Granted { secret: access_token.into(), life: Duration::from_secs(expires_in.0) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::task::JoinSet;

    use super::super::http::Limits;
    use super::super::stand_in::{APP, HOME, SECRET, StandIn, StillClock, reply, reply_with};
    use super::super::trust::TrustedHosts;
    use super::*;

    struct Bench {
        login: StandIn,
        clock: Arc<StillClock>,
        tokens: Arc<Tokens>,
    }

    impl Bench {
        async fn new() -> Self {
            let login = StandIn::start().await;
            let clock = Arc::new(StillClock::default());
            let limits = Limits {
                request_timeout: Duration::from_secs(20),
                connect_timeout: Duration::from_secs(5),
                connections: 4,
            };
            let url = TrustedHosts::check_configured(&login.url()).expect("a loopback URL");
            let credentials = Credentials {
                endpoint: url.below(&[HOME, "oauth2", "v2.0", "token"]).expect("a path"),
                app_id: APP.to_owned(),
                secret: SECRET.into(),
                timeout: Duration::from_secs(20),
            };
            let doors = Arc::new(Doors::new(limits).expect("a client"));
            let tokens = Arc::new(Tokens::new(credentials, doors, Arc::clone(&clock) as Arc<dyn Clock>));
            Self { login, clock, tokens }
        }

        async fn get(&self) -> String {
            self.tokens.get().await.expect("a token").secret().expose_secret().to_owned()
        }

        async fn fail(&self) -> Answer {
            self.tokens.get().await.expect_err("no token")
        }

        /// Waits, without a clock, until this many token requests arrived.
        async fn arrived(&self, count: usize) {
            while self.login.logins().len() < count {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn a_hundred_callers_make_one_request() {
        let bench = Bench::new().await;
        let held = bench.login.hold_logins().await;
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            let tokens = Arc::clone(&bench.tokens);
            callers.spawn(async move { tokens.get().await.map(|token| token.secret().expose_secret().to_owned()) });
        }
        bench.arrived(1).await;
        drop(held);
        let got = callers.join_all().await;
        assert!(got.iter().all(|token| token.as_deref() == Ok("token-1")), "{got:?}");
        assert_eq!(bench.login.logins().len(), 1);
    }

    #[tokio::test]
    async fn a_hundred_callers_share_one_failure() {
        let bench = Bench::new().await;
        bench.login.script_login(reply(400, &json!({ "error": "invalid_client" })));
        let held = bench.login.hold_logins().await;
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            let tokens = Arc::clone(&bench.tokens);
            callers.spawn(async move { tokens.get().await.map(|_| ()).map_err(|answer| answer.verdict) });
        }
        bench.arrived(1).await;
        drop(held);
        let refused = Err(Verdict::OurFault { reason: Reason::TokenRefused });
        assert!(callers.join_all().await.iter().all(|got| *got == refused));
        assert_eq!(bench.login.logins().len(), 1);
    }

    #[tokio::test]
    async fn a_dropped_leader_is_replaced() {
        let bench = Bench::new().await;
        let held = bench.login.hold_logins().await;
        let mut leader = JoinSet::new();
        let tokens = Arc::clone(&bench.tokens);
        leader.spawn(async move { tokens.get().await.map(|_| ()) });
        bench.arrived(1).await;
        let tokens = Arc::clone(&bench.tokens);
        let mut follower = JoinSet::new();
        follower.spawn(async move { tokens.get().await.map(|_| ()) });
        tokio::task::yield_now().await;
        leader.shutdown().await;
        bench.arrived(2).await;
        drop(held);
        assert_eq!(follower.join_all().await, [Ok(())]);
        assert_eq!(bench.get().await, "token-2");
    }

    #[tokio::test]
    async fn a_token_is_renewed_five_minutes_early() {
        let bench = Bench::new().await;
        assert_eq!(bench.get().await, "token-1");
        bench.clock.advance(3600 - 301);
        assert_eq!(bench.get().await, "token-1");
        bench.clock.advance(1);
        assert_eq!(bench.get().await, "token-2");
        assert_eq!(bench.get().await, "token-2");
    }

    #[tokio::test]
    async fn a_short_lived_token_is_renewed_at_half_its_life() {
        let bench = Bench::new().await;
        bench.login.script_login(reply(200, &json!({ "access_token": "short", "expires_in": 60 })));
        assert_eq!(bench.get().await, "short");
        bench.clock.advance(29);
        assert_eq!(bench.get().await, "short");
        bench.clock.advance(1);
        assert_eq!(bench.get().await, "token-2");
    }

    #[tokio::test]
    async fn an_old_token_serves_while_its_successor_cannot_be_had() {
        let bench = Bench::new().await;
        bench.get().await;
        bench.clock.advance(3300);
        bench.login.script_login(reply(503, &json!({})));
        assert_eq!(bench.get().await, "token-1");
        assert_eq!(bench.get().await, "token-1");
        assert_eq!(bench.login.logins().len(), 2, "the failure is remembered");
        bench.clock.advance(300);
        bench.login.script_login(reply(503, &json!({})));
        assert_eq!(bench.fail().await.verdict, Verdict::OurFault { reason: Reason::TokenUnavailable });
        bench.clock.advance(5);
        assert_eq!(bench.get().await, "token-4");
    }

    #[tokio::test]
    async fn a_refusal_is_remembered_for_a_minute() {
        let bench = Bench::new().await;
        let refusal = json!({
            "error": "invalid_client",
            "error_description": format!("AADSTS7000215: Invalid client secret. {SECRET}\r\nTrace ID: 1"),
            "error_codes": [7_000_215]
        });
        bench.login.script_login(reply(401, &refusal));
        let answer = bench.fail().await;
        assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::TokenRefused });
        assert_eq!(answer.evidence.status, Some(401));
        assert_eq!(answer.evidence.error_code.as_deref(), Some("invalid_client"));
        assert_eq!(
            answer.evidence.detail.as_deref(),
            Some("the token service: AADSTS7000215: Invalid client secret. [secret] Trace ID: 1")
        );
        bench.clock.advance(59);
        assert_eq!(bench.fail().await, answer);
        assert_eq!(bench.login.logins().len(), 1);
        bench.clock.advance(1);
        assert_eq!(bench.get().await, "token-2");
    }

    #[tokio::test]
    async fn the_wait_that_the_service_asks_for_is_honoured_within_reason() {
        let bench = Bench::new().await;
        let check = async |status: u16, after: &str, seconds: u64| {
            bench.login.script_login(reply_with(status, "retry-after", after, "{}"));
            let count = bench.login.logins().len();
            bench.fail().await;
            bench.clock.advance(seconds - 1);
            bench.fail().await;
            assert_eq!(bench.login.logins().len(), count + 1, "{status} {after}");
            bench.clock.advance(1);
            let token = bench.tokens.get().await.expect("a token");
            bench.tokens.invalidate(&token);
        };
        check(429, "17", 17).await;
        check(429, "soon", 5).await;
        check(503, "0", 1).await;
        check(400, "90", 90).await;
        check(400, "10", 60).await;
        check(429, "999999", 3600).await;
    }

    #[tokio::test]
    async fn answers_without_a_usable_token_are_no_tokens() {
        let bench = Bench::new().await;
        for body in [
            json!({}),
            json!({ "access_token": "x" }),
            json!({ "access_token": "", "expires_in": 60 }),
            json!({ "access_token": "a\r\nb", "expires_in": 60 }),
            json!({ "access_token": "x", "expires_in": -1 }),
            json!([]),
        ] {
            bench.login.script_login(reply(200, &body));
            let answer = bench.fail().await;
            assert_eq!(answer.verdict, Verdict::OurFault { reason: Reason::TokenUnavailable }, "{body}");
            bench.clock.advance(5);
        }
    }

    #[tokio::test]
    async fn only_the_token_that_failed_is_thrown_away() {
        let bench = Bench::new().await;
        let first = bench.tokens.get().await.expect("a token");
        bench.tokens.invalidate(&first);
        assert_eq!(bench.get().await, "token-2");
        bench.tokens.invalidate(&first);
        assert_eq!(bench.get().await, "token-2");
        assert!(!format!("{first:?}").contains("token-1"), "{first:?}");
    }
}
