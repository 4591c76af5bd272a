//! The token service: proof of being the bot, for an opaque token (Microsoft, "Connector authentication", read in
//! November 2026).

use std::collections::HashMap;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;
use uuid::Uuid;

use super::Settings;
use super::assertion::{self, Expected};
use super::conditions::Condition;
use super::credentials::{Accepted, Credentials, CredentialsError};
use super::log::TokenSeen;
use super::reply::{Refusal, Reply, json};
use super::state::Shared;

/// For what a managed identity gets the token that then stands as a client assertion.
pub(super) const EXCHANGE: &str = "api://AzureADTokenExchange";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    Connector,
    /// As a client assertion at the token service.
    Exchange,
}

struct Issued {
    audience: Audience,
    /// The moment of the monotonic clock from which it is no longer good.
    expires: Duration,
}

/// What the token service accepts, and the tokens that it gave out.
pub(super) struct Vault {
    pub accepted: Accepted,
    issued: HashMap<String, Issued>,
}

impl Vault {
    pub(super) fn new(settings: &Settings) -> Self {
        let credentials = Credentials {
            secrets: vec![settings.app_secret.clone()],
            identity_header: settings.identity_header.clone(),
            ..Credentials::default()
        };
        let accepted = Accepted { credentials, certificates: Vec::new() };
        Self { accepted, issued: HashMap::new() }
    }

    pub(super) fn accept(&mut self, credentials: Credentials) -> Result<(), CredentialsError> {
        self.accepted = Accepted::new(credentials)?;
        Ok(())
    }

    pub(super) fn issue(&mut self, audience: Audience, now: Duration, lifetime: Duration) -> String {
        // Those that ended a lifetime ago are forgotten, so that the table does not grow without end.
        self.issued.retain(|_, issued| issued.expires.saturating_add(lifetime) > now);
        let token = format!("emulated.{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        self.issued.insert(token.clone(), Issued { audience, expires: now.saturating_add(lifetime) });
        token
    }

    /// All tokens that were given out end now.
    pub(super) fn revoke(&mut self, now: Duration) {
        for issued in self.issued.values_mut() {
            issued.expires = issued.expires.min(now);
        }
    }

    /// Judges an `Authorization` header of a call of the Connector.
    pub(super) fn judge(&self, authorization: Option<&str>, now: Duration) -> TokenSeen {
        let Some(authorization) = authorization else { return TokenSeen::None };
        let token = authorization.strip_prefix("Bearer ").and_then(|token| self.issued.get(token));
        match token {
            Some(Issued { audience: Audience::Connector, expires }) if now < *expires => TokenSeen::Good,
            Some(Issued { audience: Audience::Connector, .. }) => TokenSeen::Expired,
            Some(Issued { audience: Audience::Exchange, .. }) | None => TokenSeen::Unknown,
        }
    }

    fn takes_assertion(&self, assertion: &str, now: Duration) -> bool {
        let exchanged = self.issued.get(assertion);
        exchanged.is_some_and(|issued| issued.audience == Audience::Exchange && now < issued.expires)
            || self.accepted.credentials.assertions.iter().any(|accepted| accepted == assertion)
    }
}

/// What the Connector says to a token like this. Teams answers with either of two bodies; a client must know both, so
/// each reason gets one.
pub(super) fn denied(token: TokenSeen) -> Option<Refusal> {
    match token {
        TokenSeen::None | TokenSeen::Unknown => Some(Condition::TokenDenied.into()),
        TokenSeen::Expired => Some(Condition::TokenRefused.into()),
        TokenSeen::Good => None,
    }
}

/// What is wrong with a request for a token, in the words of Entra.
pub(super) struct Objection {
    status: StatusCode,
    error: &'static str,
    number: u32,
    text: String,
}

impl Objection {
    fn request(error: &'static str, number: u32, text: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, number, text }
    }

    /// The client is not who it says, as far as can be seen.
    pub(super) fn client(number: u32, text: String) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, error: "invalid_client", number, text }
    }
}

/// A request for a token.
pub(super) struct Asked<'request> {
    pub tenant: &'request str,
    /// The `Host` header.
    pub host: &'request str,
    pub path: &'request str,
    /// Whether the body was declared as a form.
    pub is_form: bool,
    pub body: &'request [u8],
}

/// Answers a request for a token.
pub(super) fn grant(shared: &Shared, asked: &Asked<'_>) -> Reply {
    if let Err(objection) = judge(shared, asked) {
        let description = format!("AADSTS{}: {}", objection.number, objection.text);
        return failure(shared, objection.status, objection.error, &description, Some(objection.number));
    }
    let lifetime = shared.settings.token_lifetime;
    let token = shared.vault().issue(Audience::Connector, shared.clock.moment().0, lifetime);
    shared.books().counts.tokens_issued += 1;
    let body = json!({
        "token_type": "Bearer",
        "expires_in": lifetime.as_secs(),
        "ext_expires_in": lifetime.as_secs(),
        "access_token": token,
    });
    json(StatusCode::OK, &body)
}

fn judge(shared: &Shared, asked: &Asked<'_>) -> Result<(), Objection> {
    let settings = &shared.settings;
    let tenant = asked.tenant;
    let known =
        [&settings.tenant_id, settings.cloud.shared_tenant()].iter().any(|own| tenant.eq_ignore_ascii_case(own));
    if !known {
        return Err(Objection::request("invalid_request", 90_002, format!("Tenant '{tenant}' not found.")));
    }
    let fields: HashMap<_, _> =
        if asked.is_form { url::form_urlencoded::parse(asked.body).collect() } else { HashMap::default() };
    let field = |name: &str| fields.get(name).filter(|value| !value.is_empty()).map(AsRef::as_ref);
    // Entra names the first missing field, and takes a body that is no form for one without fields.
    let must = |name: &str| {
        field(name).ok_or_else(|| {
            let text = format!("The request body must contain the following parameter: '{name}'.");
            Objection::request("invalid_request", 900_144, text)
        })
    };
    let (grant_type, client_id, scope) = (must("grant_type")?, must("client_id")?, must("scope")?);
    if grant_type != "client_credentials" {
        let text = format!("The app requested an unsupported grant type '{grant_type}'.");
        return Err(Objection::request("unsupported_grant_type", 70_003, text));
    }
    if !client_id.eq_ignore_ascii_case(&settings.app_id) {
        let text = format!("Application with identifier '{client_id}' was not found in the directory.");
        return Err(Objection::request("unauthorized_client", 700_016, text));
    }
    match (field("client_secret"), field("client_assertion")) {
        (Some(secret), None) => judge_secret(shared, secret)?,
        (None, Some(assertion)) if field("client_assertion_type") == Some(JWT_BEARER) => {
            judge_assertion(shared, asked, client_id, assertion)?;
        }
        (None, Some(_)) => {
            let text = format!("The 'client_assertion_type' must be '{JWT_BEARER}'.");
            return Err(Objection::request("invalid_request", 900_144, text));
        }
        (Some(_), Some(_)) | (None, None) => {
            let text = "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' \
                        grant type, and only one of them.";
            return Err(Objection::client(7_000_216, text.to_owned()));
        }
    }
    if scope.strip_suffix("/.default") != Some(settings.cloud.resource()) {
        let text = format!("The resource principal named '{scope}' was not found in the tenant.");
        return Err(Objection::request("invalid_resource", 500_011, text));
    }
    Ok(())
}

fn judge_secret(shared: &Shared, secret: &str) -> Result<(), Objection> {
    if shared.vault().accepted.credentials.secrets.iter().any(|accepted| accepted == secret) {
        return Ok(());
    }
    let text = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                value, not the client secret ID.";
    Err(Objection::client(7_000_215, text.to_owned()))
}

fn judge_assertion(shared: &Shared, asked: &Asked<'_>, client_id: &str, assertion: &str) -> Result<(), Objection> {
    let vault = shared.vault();
    if vault.takes_assertion(assertion, shared.clock.moment().0) {
        return Ok(());
    }
    let endpoint = format!("//{}{}", asked.host, asked.path);
    let expected = Expected { client_id, endpoint: &endpoint, now: shared.clock.now().timestamp() };
    assertion::judge(assertion, &expected, &vault.accepted.certificates)
}

/// An error of the token service. `number` is the one after "AADSTS".
pub(super) fn failure(
    shared: &Shared,
    status: StatusCode,
    error: &str,
    description: &str,
    number: Option<u32>,
) -> Reply {
    let body = json!({
        "error": error,
        "error_description": description,
        "error_codes": number.into_iter().collect::<Vec<_>>(),
        "timestamp": shared.clock.now().format("%Y-%m-%d %H:%M:%SZ").to_string(),
        "trace_id": Uuid::new_v4().to_string(),
        "correlation_id": Uuid::new_v4().to_string(),
    });
    json(status, &body)
}
