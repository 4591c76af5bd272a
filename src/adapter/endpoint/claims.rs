//! What a token must say, and what the activity must be that it comes with. From Microsoft's page on authentication with the
//! Bot Connector and the sources of its SDKs, read in November 2026. Pure.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::refusal::Refusal;
use crate::domain::activity::Activity;

/// How far the clocks may be apart, in seconds.
const SKEW: i64 = 300;

/// The claims of a token whose signature has been verified.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    /// A list, which RFC 7519 allows, is refused: Teams sends one audience.
    pub(super) aud: String,
    /// Seconds since 1970.
    pub(super) exp: i64,
    pub(super) nbf: Option<i64>,
    pub(super) serviceurl: Option<String>,
}

/// Who may speak to this bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Admission {
    pub(super) issuer: String,
    /// Our app id, which is what `aud` must be. What the SDKs take besides, such as `api://` and the app id, is not of Teams.
    pub(super) app_id: String,
    /// In lower case; `None` for any.
    pub(super) tenants: Option<Vec<String>>,
}

impl Admission {
    /// Whether a token is for us, now.
    pub(super) fn admits(&self, claims: &Claims, now: DateTime<Utc>) -> Result<(), Refusal> {
        let now = now.timestamp();
        if claims.iss != self.issuer {
            return Err(Refusal::Issuer);
        }
        if claims.aud != self.app_id {
            return Err(Refusal::Audience);
        }
        if now >= claims.exp.saturating_add(SKEW) {
            return Err(Refusal::Expired);
        }
        if claims.nbf.is_some_and(|nbf| now < nbf.saturating_sub(SKEW)) {
            return Err(Refusal::NotYet);
        }
        Ok(())
    }

    /// Whether a token that is for us goes with what it came with. `endorsements` are those of its key: without them a token
    /// that was made for another channel would be good for Teams.
    pub(super) fn fits(&self, claims: &Claims, endorsements: &[String], activity: &Activity) -> Result<(), Refusal> {
        if !endorsements.contains(&activity.surface) {
            return Err(Refusal::NotEndorsed);
        }
        let named = claims.serviceurl.as_deref().filter(|url| !url.is_empty()).ok_or(Refusal::NoServiceUrl)?;
        if activity.service_url.as_deref().map(comparable) != Some(comparable(named)) {
            return Err(Refusal::OtherServiceUrl);
        }
        // The token does not say of which tenant somebody is; the activity does, and it has just been found to be genuine.
        let is_allowed = self.tenants.as_ref().is_none_or(|allowed| {
            activity.tenant_id.as_ref().is_some_and(|tenant| allowed.contains(&tenant.to_ascii_lowercase()))
        });
        if is_allowed { Ok(()) } else { Err(Refusal::Tenant) }
    }
}

/// A service URL as it is compared: scheme and host in lower case, without one final slash. Paths count as they are.
fn comparable(url: &str) -> String {
    let url = url.strip_suffix('/').unwrap_or(url);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    format!("{}://{}{path}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::activity;

    const URL: &str = "https://smba.trafficmanager.net/emea/t/";
    const TENANT: &str = "11111111-2222-4333-8444-555555555555";

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 23, 9, 0, 0).unwrap()
    }

    fn admission() -> Admission {
        let tenants = Some(vec![TENANT.to_owned()]);
        Admission { issuer: "https://issuer.example".into(), app_id: "app".into(), tenants }
    }

    fn claims() -> Claims {
        let at = now().timestamp();
        Claims {
            iss: "https://issuer.example".into(),
            aud: "app".into(),
            exp: at + 3600,
            nbf: Some(at),
            serviceurl: Some(URL.into()),
        }
    }

    fn activity(change: impl FnOnce(&mut Value)) -> Activity {
        let mut value = json!({
            "type": "message", "channelId": "msteams", "serviceUrl": URL, "from": { "id": "29:1ana" },
            "conversation": { "id": "a:1", "tenantId": TENANT },
        });
        change(&mut value);
        activity::read(value.to_string().as_bytes()).expect("an activity")
    }

    #[track_caller]
    fn admits(change: impl FnOnce(&mut Claims), expect: Result<(), Refusal>) {
        let mut claims = claims();
        change(&mut claims);
        assert_eq!(admission().admits(&claims, now()), expect, "{claims:?}");
    }

    #[test]
    fn a_token_is_for_this_bot_from_the_bot_framework() {
        admits(|_| {}, Ok(()));
        admits(|claims| claims.iss = "https://issuer.example/".into(), Err(Refusal::Issuer));
        for aud in ["APP", "api://app", "api://botid-app", "https://api.botframework.com", ""] {
            admits(|claims| claims.aud = aud.into(), Err(Refusal::Audience));
        }
    }

    #[test]
    fn clocks_may_be_five_minutes_apart_and_no_more() {
        let at = now().timestamp();
        admits(|claims| claims.exp = at - 299, Ok(()));
        admits(|claims| claims.exp = at - 300, Err(Refusal::Expired));
        admits(|claims| claims.exp = i64::MIN, Err(Refusal::Expired));
        admits(|claims| claims.exp = i64::MAX, Ok(()));
        admits(|claims| claims.nbf = Some(at + 300), Ok(()));
        admits(|claims| claims.nbf = Some(at + 301), Err(Refusal::NotYet));
        admits(|claims| claims.nbf = Some(i64::MIN), Ok(()));
        admits(|claims| claims.nbf = None, Ok(()));
    }

    #[track_caller]
    fn fits(claims: &Claims, endorsements: &[&str], activity: &Activity, expect: Result<(), Refusal>) {
        let endorsements: Vec<_> = endorsements.iter().map(|&channel| channel.to_owned()).collect();
        assert_eq!(admission().fits(claims, &endorsements, activity), expect, "{claims:?} {activity:?}");
    }

    #[test]
    fn the_key_of_a_token_is_endorsed_for_the_channel_of_the_activity() {
        fits(&claims(), &["webchat", "msteams"], &activity(|_| {}), Ok(()));
        for endorsements in [&["webchat"][..], &[], &["msteams2", "MSTEAMS"]] {
            fits(&claims(), endorsements, &activity(|_| {}), Err(Refusal::NotEndorsed));
        }
        let of_webchat = activity(|value| value["channelId"] = json!("webchat"));
        fits(&claims(), &["msteams"], &of_webchat, Err(Refusal::NotEndorsed));
    }

    #[test]
    fn a_token_is_for_the_service_url_of_the_activity() {
        let with_url = |url: &str| activity(|value| value["serviceUrl"] = json!(url));
        for same in [URL, &URL[..URL.len() - 1], "HTTPS://SMBA.trafficmanager.net/emea/t/"] {
            fits(&claims(), &["msteams"], &with_url(same), Ok(()));
        }
        for other in [
            "https://smba.trafficmanager.net/emea/T/",
            "https://smba.trafficmanager.net/emea/t//",
            "https://smba.trafficmanager.net/emea/t/x",
            "http://smba.trafficmanager.net/emea/t/",
            "https://evil.example/emea/t/",
        ] {
            fits(&claims(), &["msteams"], &with_url(other), Err(Refusal::OtherServiceUrl));
        }
        let without = activity(|value| value["serviceUrl"] = Value::Null);
        fits(&claims(), &["msteams"], &without, Err(Refusal::OtherServiceUrl));
        for none in [None, Some(String::new())] {
            let claims = Claims { serviceurl: none, ..claims() };
            fits(&claims, &["msteams"], &activity(|_| {}), Err(Refusal::NoServiceUrl));
            fits(&claims, &["msteams"], &without, Err(Refusal::NoServiceUrl));
        }
    }

    #[test]
    fn only_allowed_tenants_are_heard() {
        let of_tenant = |tenant: Value| activity(|value| value["conversation"]["tenantId"] = tenant);
        fits(&claims(), &["msteams"], &of_tenant(json!(TENANT.to_ascii_uppercase())), Ok(()));
        let other = of_tenant(json!("22222222-2222-4333-8444-555555555555"));
        fits(&claims(), &["msteams"], &other, Err(Refusal::Tenant));
        fits(&claims(), &["msteams"], &of_tenant(Value::Null), Err(Refusal::Tenant));
        let any = Admission { tenants: None, ..admission() };
        assert_eq!(any.fits(&claims(), &["msteams".to_owned()], &other), Ok(()));
    }
}
