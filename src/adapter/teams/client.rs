//! The connector as it is set up, and what all its operations share: trust, token, request, verdict, in this order.
//! The operations themselves stand in `operations`.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde::Serialize;

use super::http::{Doors, Limits, Reply};
use super::identity::{Identity, Issuer};
use super::token::Tokens;
use super::trust::{TrustedHosts, TrustedUrl, Untrusted};
use super::verdict;
use super::wire::Account;
use crate::domain::cloud::Cloud;
use crate::domain::delivery::Reason;
use crate::domain::recipient::Reference;
use crate::domain::verdict::{Answer, Verdict};
use crate::port::clock::Clock;

/// How the bot is registered. It decides who issues its tokens: a single-tenant bot that asks the other's authority
/// gets AADSTS700016, or a token that Teams refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppKind {
    SingleTenant,
    MultiTenant,
}

/// What the connector needs to know.
#[derive(Debug, Clone)]
pub struct TeamsSettings {
    /// The bot's app id, a GUID, without the `28:` of its Teams id.
    pub app_id: String,
    /// The bot's own tenant. It also stands in for the tenant of a reference that has none.
    pub tenant_id: String,
    pub kind: AppKind,
    /// It decides whose host is trusted, and who issues the tokens of multi-tenant bots.
    pub cloud: Cloud,
    pub identity: Arc<Identity>,
    /// For example `https://login.microsoftonline.com`. Plain http only to the loopback.
    pub login_url: String,
    /// What a token is asked for with, such as `https://api.botframework.com/.default`.
    pub scope: String,
    /// Where a conversation is looked for whose reference names no place. Its host must be a trusted one.
    pub default_service_url: Option<String>,
    /// `host` or `host:port`, besides the host of the cloud's Connector, which is always trusted.
    pub trusted_hosts: Vec<String>,
    /// From the start of a request to the end of its answer. A minute or more: what takes longer ends as unknown.
    pub request_timeout: Duration,
    /// For name resolution, TCP and TLS together. 5 s are usual; never more than half of `request_timeout`.
    pub connect_timeout: Duration,
    /// How many messages are sent at once, and so how many connections are worth keeping.
    pub senders: usize,
}

/// Why there is no connector.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("the trusted host {0:?} is neither a host nor a host and a port")]
    TrustedHost(String),
    #[error("the login URL cannot be used: {0}")]
    LoginUrl(#[source] Untrusted),
    #[error("the default service URL cannot be used: {0}")]
    ServiceUrl(#[source] Untrusted),
    #[error("the tenant id is empty")]
    TenantId,
    #[error("the app id is empty")]
    AppId,
    #[error("the identity service cannot be used: {0}")]
    IdentityUrl(#[source] Untrusted),
    #[error("no https is possible here: {0}; install the platform's root certificates (package ca-certificates)")]
    NoTls(String),
    #[error("the HTTP client could not be built")]
    Client(#[source] reqwest::Error),
}

/// The Bot Connector of Teams.
pub struct TeamsConnector {
    /// `28:` and the app id: the bot as Teams names it.
    bot_id: String,
    home_tenant: String,
    trusted: TrustedHosts,
    pub(super) default_service: Option<TrustedUrl>,
    pub(super) doors: Arc<Doors>,
    pub(super) tokens: Tokens,
    pub(super) clock: Arc<dyn Clock>,
}

impl TeamsConnector {
    /// Checks the settings; it reads no file and makes no request. Without root certificates on this machine it
    /// succeeds only when both URLs are plain http to the loopback, that is, for an emulator.
    pub fn new(settings: TeamsSettings, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let trusted = TrustedHosts::new(settings.cloud, &settings.trusted_hosts).map_err(SetupError::TrustedHost)?;
        let login = TrustedHosts::check_configured(&settings.login_url).map_err(SetupError::LoginUrl)?;
        let default_service = settings.default_service_url.as_deref().map(|text| trusted.check(text)).transpose();
        let default_service = default_service.map_err(SetupError::ServiceUrl)?;
        if settings.app_id.is_empty() {
            return Err(SetupError::AppId);
        }
        if let Identity::ManagedIdentity(machine) = settings.identity.as_ref() {
            machine.question(&settings.app_id, &settings.scope).map_err(SetupError::IdentityUrl)?;
        }
        let authority = match settings.kind {
            AppKind::SingleTenant => settings.tenant_id.as_str(),
            AppKind::MultiTenant => settings.cloud.addresses().multi_tenant_authority,
        };
        let endpoint = login.below(&[authority, "oauth2", "v2.0", "token"]).ok_or(SetupError::TenantId)?;

        let doors = Doors::new(Limits {
            request_timeout: settings.request_timeout,
            connect_timeout: settings.connect_timeout,
            connections: settings.senders,
        })
        .map_err(SetupError::Client)?;
        if (login.is_tls() || default_service.as_ref().is_some_and(TrustedUrl::is_tls))
            && let Some(problem) = doors.tls_problem()
        {
            return Err(SetupError::NoTls(problem.to_owned()));
        }
        let doors = Arc::new(doors);
        let issuer = Issuer {
            identity: settings.identity,
            endpoint,
            app_id: settings.app_id.clone(),
            scope: settings.scope,
            timeout: settings.request_timeout,
            doors: Arc::clone(&doors),
            clock: Arc::clone(&clock),
        };
        Ok(Self {
            bot_id: format!("28:{}", settings.app_id),
            home_tenant: settings.tenant_id,
            trusted,
            default_service,
            tokens: Tokens::new(issuer),
            doors,
            clock,
        })
    }

    /// Where the conversation of `reference` is served. It is checked before every use, since a stored reference
    /// may have been edited, and the list of trusted hosts too.
    pub(super) fn service(&self, reference: &Reference) -> Result<TrustedUrl, Answer> {
        let Some(text) = reference.service_url.as_deref() else {
            return self.default_service.clone().ok_or_else(|| {
                let verdict = Verdict::Permanent { reason: Reason::NoReference };
                Answer::without_request(verdict, "no service URL is known, and none is set")
            });
        };
        self.trusted.check(text).map_err(|why| {
            let verdict = Verdict::Permanent { reason: Reason::UntrustedHost };
            Answer::without_request(verdict, format!("nothing was sent to the service URL: {why}"))
        })
    }

    /// Makes a request, and once more with a new token when the first was refused. That repetition is safe: a 401 is
    /// given before the request is looked at.
    pub(super) async fn exchange<B: Serialize>(
        &self,
        method: Method,
        url: &TrustedUrl,
        body: Option<&B>,
        room: usize,
    ) -> Result<Reply, Answer> {
        let token = self.tokens.get().await?;
        let reply = self.doors.with_token(method.clone(), url, token.secret(), body, room).await;
        let reply = reply.map_err(verdict::of_silence)?;
        if reply.status != 401 {
            return Ok(reply);
        }
        self.tokens.invalidate(&token);
        let token = self.tokens.get().await?;
        self.doors.with_token(method, url, token.secret(), body, room).await.map_err(verdict::of_silence)
    }

    /// What a reply to a request at `asked` means.
    pub(super) fn answer(&self, reply: &Reply, asked: &TrustedUrl) -> Answer {
        let mut answer = verdict::of_reply(reply, self.clock.now());
        if let Verdict::Elsewhere { instead, .. } = &mut answer.verdict {
            // Tenants of the US government's community cloud are refused on the public host by this name.
            let is_gcc = answer.evidence.error_code.as_deref() == Some("InvalidBotApiHost");
            let of_gcc = Cloud::Gcc.addresses().service_url.filter(|_| is_gcc);
            let of_gcc = of_gcc.and_then(|place| self.trusted.check(place).ok());
            let known = of_gcc.as_ref().or(self.default_service.as_ref());
            let known = known.filter(|place| place.below(&[]) != asked.below(&[]));
            *instead = known.map(|place| place.as_url().to_string());
        }
        answer
    }

    pub(super) fn tenant<'a>(&'a self, reference: &'a Reference) -> &'a str {
        reference.tenant_id.as_deref().unwrap_or(&self.home_tenant)
    }

    pub(super) fn bot<'a>(&'a self, reference: &'a Reference) -> Account<'a> {
        Account { id: reference.bot_id.as_deref().unwrap_or(&self.bot_id) }
    }

    /// Whether Teams named another place than the one asked, and one that may be used: an untrusted one would spoil
    /// the reference, while the place that just answered is good.
    pub(super) fn is_elsewhere(&self, named: &str, asked: &TrustedUrl) -> bool {
        match self.trusted.check(named) {
            Ok(place) => place.below(&[]) != asked.below(&[]),
            Err(why) => {
                tracing::warn!(%why, "Teams named a service URL for a new conversation that is not used");
                false
            }
        }
    }
}
