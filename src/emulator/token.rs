//! The token service: client credentials for an opaque token (dossier §1.1).

use std::collections::HashMap;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;
use uuid::Uuid;

use super::reply::{Reply, error_body, json};
use super::state::Shared;

/// The tenant under which bots of the type "multi-tenant" get their tokens.
const BOT_FRAMEWORK: &str = "botframework.com";
/// What a token for the Connector must be asked for with.
const SCOPE: &str = "https://api.botframework.com/.default";

/// The tokens that were issued, and the moment of the monotonic clock from which each is no longer good.
#[derive(Default)]
pub(super) struct Tokens(HashMap<String, Duration>);

/// Why a call of the Connector is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// There is no token, or it was never issued here.
    Unknown,
    /// It was good once.
    Expired,
}

impl Tokens {
    fn issue(&mut self, now: Duration, lifetime: Duration) -> String {
        // Those that ended a lifetime ago are forgotten, so that the table does not grow without end.
        self.0.retain(|_, expires| expires.saturating_add(lifetime) > now);
        let token = format!("emulated.{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        self.0.insert(token.clone(), now.saturating_add(lifetime));
        token
    }

    /// Judges an `Authorization` header.
    pub(super) fn check(&self, authorization: Option<&str>, now: Duration) -> Result<(), Denied> {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).ok_or(Denied::Unknown)?;
        match self.0.get(token) {
            Some(expires) if now < *expires => Ok(()),
            Some(_) => Err(Denied::Expired),
            None => Err(Denied::Unknown),
        }
    }
}

impl From<Denied> for Reply {
    /// Teams answers with either of two bodies (dossier §2.1 and §8); a client must know both, so each reason gets
    /// one.
    fn from(denied: Denied) -> Self {
        let body = match denied {
            Denied::Unknown => json!({ "message": "Authorization has been denied for this request." }),
            Denied::Expired => error_body("AuthorizationError", "The access token has expired"),
        };
        json(StatusCode::UNAUTHORIZED, &body)
    }
}

/// What is wrong with a request for a token, in the words of Entra.
struct Objection {
    status: StatusCode,
    error: &'static str,
    number: u32,
    text: String,
}

/// Answers a request for a token. `form` is the body, `is_form` whether it was declared as one.
pub(super) fn grant(shared: &Shared, tenant: &str, is_form: bool, form: &[u8]) -> Reply {
    if let Err(objection) = judge(shared, tenant, is_form, form) {
        let description = format!("AADSTS{}: {}", objection.number, objection.text);
        return failure(shared, objection.status, objection.error, &description, Some(objection.number));
    }
    let lifetime = shared.settings.token_lifetime;
    let token = shared.tokens().issue(shared.clock.moment().0, lifetime);
    shared.books().counts.tokens_issued += 1;
    let body = json!({
        "token_type": "Bearer",
        "expires_in": lifetime.as_secs(),
        "ext_expires_in": lifetime.as_secs(),
        "access_token": token,
    });
    json(StatusCode::OK, &body)
}

fn judge(shared: &Shared, tenant: &str, is_form: bool, form: &[u8]) -> Result<(), Objection> {
    let settings = &shared.settings;
    let bad = |status, error, number, text: String| Err(Objection { status, error, number, text });
    let bad_request = StatusCode::BAD_REQUEST;

    if !tenant.eq_ignore_ascii_case(&settings.tenant_id) && tenant != BOT_FRAMEWORK {
        return bad(bad_request, "invalid_request", 90002, format!("Tenant '{tenant}' not found."));
    }
    let fields: HashMap<_, _> = if is_form { url::form_urlencoded::parse(form).collect() } else { HashMap::default() };
    // Entra names the first missing field, and takes a body that is no form for one without fields.
    for name in ["grant_type", "client_id", "client_secret", "scope"] {
        if fields.get(name).is_none_or(|value| value.is_empty()) {
            let text = format!("The request body must contain the following parameter: '{name}'.");
            return bad(bad_request, "invalid_request", 900_144, text);
        }
    }
    if fields["grant_type"] != "client_credentials" {
        let text = format!("The app requested an unsupported grant type '{}'.", fields["grant_type"]);
        return bad(bad_request, "unsupported_grant_type", 70003, text);
    }
    if !fields["client_id"].eq_ignore_ascii_case(&settings.app_id) {
        let text = format!("Application with identifier '{}' was not found in the directory.", fields["client_id"]);
        return bad(bad_request, "unauthorized_client", 700_016, text);
    }
    if fields["client_secret"] != settings.app_secret {
        let text = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                    value, not the client secret ID.";
        return bad(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_215, text.to_owned());
    }
    if fields["scope"] != SCOPE {
        let text = format!("The resource principal named '{}' was not found in the tenant.", fields["scope"]);
        return bad(bad_request, "invalid_resource", 500_011, text);
    }
    Ok(())
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
