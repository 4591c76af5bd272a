//! Managed identities: a machine or App Service vouches for the program, and no secret is shown (Microsoft, "How to
//! use managed identities to get an access token" and "…for App Service", read in November 2026).

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde_json::{Value, json};

use super::reply::{Reply, json};
use super::route::Host;
use super::state::Shared;
use super::token::{Audience, EXCHANGE};

/// Answers a request for the token of a managed identity.
pub(super) fn grant(shared: &Shared, host: Host, headers: &HeaderMap, query: Option<&str>) -> Reply {
    let answer = match host {
        Host::Machine => on_machine(shared, headers, query.unwrap_or_default()),
        Host::AppService => on_app_service(shared, headers, query.unwrap_or_default()),
    };
    match answer {
        Ok(body) => json(StatusCode::OK, &body),
        Err(Objection { status, body }) => json(status, &body),
    }
}

struct Objection {
    status: StatusCode,
    body: Value,
}

fn on_machine(shared: &Shared, headers: &HeaderMap, query: &str) -> Result<Value, Objection> {
    let refuse = |error: &str, text: &str| Objection {
        status: StatusCode::BAD_REQUEST,
        body: json!({ "error": error, "error_description": text }),
    };
    let metadata = headers.get("metadata").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    if !metadata {
        return Err(refuse("invalid_request", "Required metadata header not specified"));
    }
    // A request that went through a proxy is refused: it might be somebody else's.
    if headers.contains_key("x-forwarded-for") {
        return Err(refuse("invalid_request", "Required metadata header not specified: X-Forwarded-For is present"));
    }
    if field(query, "api-version").as_deref() != Some("2018-02-01") {
        return Err(refuse("bad_request_102", "The api-version must be 2018-02-01"));
    }
    let Some((resource, audience)) = resource(shared, query) else {
        return Err(refuse("invalid_resource", "AADSTS500011: The resource principal was not found in the tenant"));
    };
    if !is_own_identity(shared, query) {
        return Err(refuse("invalid_request", "Identity not found"));
    }
    let issued = issue(shared, audience);
    Ok(json!({
        "access_token": issued.token,
        "client_id": shared.settings.app_id,
        "expires_in": issued.lifetime.as_secs().to_string(),
        "expires_on": issued.ends_at.to_string(),
        "ext_expires_in": issued.lifetime.as_secs().to_string(),
        "not_before": issued.begins_at.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
}

fn on_app_service(shared: &Shared, headers: &HeaderMap, query: &str) -> Result<Value, Objection> {
    let refuse = |status: StatusCode, text: &str| Objection {
        status,
        body: json!({ "statusCode": status.as_u16(), "message": text }),
    };
    let shown = headers.get("x-identity-header").map(|value| value.as_bytes().to_owned());
    if shown.as_deref() != Some(shared.vault().accepted.credentials.identity_header.as_bytes()) {
        return Err(refuse(StatusCode::UNAUTHORIZED, "The X-IDENTITY-HEADER is missing or wrong."));
    }
    if field(query, "api-version").as_deref() != Some("2019-08-01") {
        return Err(refuse(StatusCode::BAD_REQUEST, "The api-version must be 2019-08-01."));
    }
    let Some((resource, audience)) = resource(shared, query) else {
        return Err(refuse(StatusCode::BAD_REQUEST, "The resource is not known."));
    };
    if !is_own_identity(shared, query) {
        return Err(refuse(StatusCode::BAD_REQUEST, "No User Assigned or Delegated Managed Identity found."));
    }
    let issued = issue(shared, audience);
    Ok(json!({
        "access_token": issued.token,
        "client_id": shared.settings.app_id,
        "expires_on": issued.ends_at.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
}

struct Issued {
    token: String,
    lifetime: Duration,
    /// Seconds since 1970.
    begins_at: i64,
    ends_at: i64,
}

fn issue(shared: &Shared, audience: Audience) -> Issued {
    let lifetime = shared.settings.token_lifetime;
    let token = shared.vault().issue(audience, shared.clock.moment().0, lifetime);
    shared.books().counts.tokens_issued += 1;
    let begins_at = shared.clock.now().timestamp();
    Issued {
        token,
        lifetime,
        begins_at,
        ends_at: begins_at.saturating_add(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX)),
    }
}

fn field(query: &str, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The resource that is asked for, and what a token for it is good for. A resource is a scope without `/.default`.
fn resource(shared: &Shared, query: &str) -> Option<(String, Audience)> {
    let resource = field(query, "resource")?;
    let audience = match resource.trim_end_matches('/') {
        EXCHANGE => Audience::Exchange,
        known if known == shared.settings.cloud.resource() => Audience::Connector,
        _ => return None,
    };
    Some((resource, audience))
}

/// A machine with one identity gives out its token also to whoever does not say which one is meant.
fn is_own_identity(shared: &Shared, query: &str) -> bool {
    field(query, "client_id").is_none_or(|id| id.eq_ignore_ascii_case(&shared.settings.app_id))
}
