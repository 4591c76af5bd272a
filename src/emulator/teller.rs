//! Telling a bot: the activity, the token for it, the request, and what came back.

use std::time::Duration;

use hyper::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, redirect};
use serde_json::{Value, json};
use uuid::Uuid;

use super::conversations::personal_id;
use super::inbound::{BotAnswer, Inbound, Telling};
use super::reply::{Refusal, Reply, json as json_reply};
use super::state::Shared;

/// Teams gives up after some fifteen seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// The most that is told in one call.
const MOST_TIMES: u32 = 1_000;

/// Seconds that a token is good for.
const LIFETIME: i64 = 3600;

/// The client that calls bots. It knows no certificates: bots in rehearsals listen on plain http.
pub(super) fn client() -> reqwest::Result<Client> {
    Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .redirect(redirect::Policy::none())
        .user_agent("Microsoft-SkypeBotApi (Microsoft-BotFramework/3.0)")
        .timeout(PATIENCE)
        .build()
}

/// Answers a call of the control interface: tells it, and says what came back.
pub(super) async fn answer(shared: &Shared, base_url: &str, body: &[u8]) -> Reply {
    let refuse = |problem: String| Reply::from(Refusal::new(StatusCode::BAD_REQUEST, "BadRequest", problem));
    let inbound: Inbound = match serde_json::from_slice(body) {
        Ok(inbound) => inbound,
        Err(problem) => return refuse(problem.to_string()),
    };
    if inbound.times > MOST_TIMES {
        return refuse(format!("times must not be above {MOST_TIMES}"));
    }
    let answers = tell(shared, base_url, &inbound).await;
    json_reply(StatusCode::OK, &json!({ "answers": answers }))
}

/// Tells it as often as it says, one after the other.
pub(super) async fn tell(shared: &Shared, base_url: &str, inbound: &Inbound) -> Vec<BotAnswer> {
    let (body, service_url) = write(shared, base_url, inbound);
    let mut answers = Vec::new();
    for _ in 0..inbound.times {
        let authorization = authorization(shared, inbound, &service_url);
        answers.push(call(shared, inbound, authorization, body.clone()).await);
    }
    answers
}

async fn call(shared: &Shared, inbound: &Inbound, authorization: String, body: String) -> BotAnswer {
    let failed = |error: reqwest::Error| BotAnswer {
        status: None,
        body: String::new(),
        error: Some(error.without_url().to_string()),
    };
    let client = match shared.bots() {
        Ok(client) => client,
        Err(error) => return failed(error),
    };
    let mut request = client.post(&inbound.to).header(CONTENT_TYPE, "application/json; charset=utf-8").body(body);
    if !authorization.is_empty() {
        request = request.header(AUTHORIZATION, authorization);
    }
    match request.send().await {
        Ok(response) => {
            let status = Some(response.status().as_u16());
            BotAnswer { status, body: response.text().await.unwrap_or_default(), error: None }
        }
        Err(error) => failed(error),
    }
}

/// The value of the `Authorization` header; empty for none.
pub(super) fn authorization(shared: &Shared, inbound: &Inbound, service_url: &str) -> String {
    let forge = &inbound.forge;
    if let Some(authorization) = &forge.authorization {
        return authorization.clone();
    }
    let now = shared.clock.now().timestamp();
    let mut claims = json!({
        "serviceurl": forge.serviceurl.as_deref().unwrap_or(service_url),
        "nbf": now + forge.starts_in.unwrap_or(0),
        "exp": now + forge.expires_in.unwrap_or(LIFETIME),
        "iss": forge.iss.as_deref().unwrap_or(shared.settings.cloud.resource()),
        "aud": forge.aud.as_deref().unwrap_or(&shared.settings.app_id),
    });
    if claims["serviceurl"] == json!("")
        && let Some(claims) = claims.as_object_mut()
    {
        claims.remove("serviceurl");
    }
    format!("Bearer {}", shared.with_signer(|signer| signer.token(&claims, forge.key, forge.alg, forge.kid.as_deref())))
}

/// The body, and the service URL that is in it.
pub(super) fn write(shared: &Shared, base_url: &str, inbound: &Inbound) -> (String, String) {
    let own = format!("{base_url}/teams/");
    match &inbound.tell {
        Telling::Body(body) => (body.clone(), own),
        Telling::Activity(activity) => {
            let named = activity["serviceUrl"].as_str().map_or(own, str::to_owned);
            (activity.to_string(), named)
        }
        Telling::Install | Telling::Uninstall | Telling::Message(_) | Telling::Invoke { .. } => {
            (activity(shared, &own, inbound).to_string(), own)
        }
    }
}

/// An activity of the 1:1 chat, as Teams writes it (Microsoft, "Conversation events in your Teams bot", read in November 2026).
fn activity(shared: &Shared, service_url: &str, inbound: &Inbound) -> Value {
    let settings = &shared.settings;
    let person = shared.books().register.person(&inbound.from).cloned();
    let user = person.as_ref().map_or(&inbound.from, |person| &person.id);
    let tenant = person.as_ref().and_then(|person| person.tenant_id.as_ref()).unwrap_or(&settings.tenant_id);
    let conversation = inbound.conversation.clone().unwrap_or_else(|| personal_id(&settings.app_id, tenant, user));
    let mut from = json!({ "id": user });
    if let Some(person) = &person {
        from["name"] = json!(person.name);
        from["aadObjectId"] = json!(person.aad_object_id);
    }
    let now = shared.clock.now();
    let mut activity = json!({
        "id": format!("f:{}", Uuid::new_v4()),
        "timestamp": now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "channelId": "msteams",
        "serviceUrl": service_url,
        "from": from,
        "recipient": { "id": format!("28:{}", settings.app_id) },
        "conversation": { "id": conversation, "conversationType": "personal", "tenantId": tenant },
        "channelData": { "tenant": { "id": tenant } },
    });
    let said = match &inbound.tell {
        Telling::Install => json!({ "type": "installationUpdate", "action": "add" }),
        Telling::Uninstall => json!({ "type": "installationUpdate", "action": "remove" }),
        Telling::Message(text) => json!({ "type": "message", "text": text, "textFormat": "plain" }),
        Telling::Invoke { name, value } => json!({ "type": "invoke", "name": name, "value": value }),
        // These are told as they are.
        Telling::Activity(_) | Telling::Body(_) => Value::Null,
    };
    for (name, value) in said.as_object().into_iter().flatten() {
        activity[name] = value.clone();
    }
    activity
}
