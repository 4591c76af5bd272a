//! The connector that the engine uses: trust, token, request, verdict, in this order.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use super::http::{Doors, Limits, Reply};
use super::identity::{Identity, Issuer};
use super::token::Tokens;
use super::trust::{TrustedHosts, TrustedUrl, Untrusted};
use super::verdict;
use super::wire::{
    Account, ChannelData, Content, ConversationAccount, CreatedConversation, Message, NewConversation, Person, Tenant,
};
use crate::domain::cloud::Cloud;
use crate::domain::delivery::Reason;
use crate::domain::recipient::Reference;
use crate::domain::verdict::{Answer, Evidence, Verdict};
use crate::port::clock::Clock;
use crate::port::connector::{Connector, Conversation, OutgoingActivity};

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
    default_service: Option<TrustedUrl>,
    doors: Arc<Doors>,
    tokens: Tokens,
    clock: Arc<dyn Clock>,
}

impl TeamsConnector {
    /// Checks the settings; it reads no file and makes no request. Without root certificates on this machine it succeeds only when
    /// both URLs are plain http to the loopback, that is, for an emulator.
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
    fn service(&self, reference: &Reference) -> Result<TrustedUrl, Answer> {
        let Some(text) = reference.service_url.as_deref() else {
            return self
                .default_service
                .clone()
                .ok_or_else(|| no_reference("no service URL is known, and none is set"));
        };
        self.trusted.check(text).map_err(|why| {
            let verdict = Verdict::Permanent { reason: Reason::UntrustedHost };
            Answer::without_request(verdict, format!("nothing was sent to the service URL: {why}"))
        })
    }

    /// Posts `body`, and once more with a new token when the first was refused. That repetition is safe: a 401 is
    /// given before the request is looked at.
    async fn post<B: Serialize>(&self, url: &TrustedUrl, body: &B) -> Result<Reply, Answer> {
        let token = self.tokens.get().await?;
        let reply = self.doors.post_json(url, token.secret(), body).await.map_err(verdict::of_silence)?;
        if reply.status != 401 {
            return Ok(reply);
        }
        self.tokens.invalidate(&token);
        let token = self.tokens.get().await?;
        self.doors.post_json(url, token.secret(), body).await.map_err(verdict::of_silence)
    }

    fn tenant<'a>(&'a self, reference: &'a Reference) -> &'a str {
        reference.tenant_id.as_deref().unwrap_or(&self.home_tenant)
    }

    fn bot<'a>(&'a self, reference: &'a Reference) -> Account<'a> {
        Account { id: reference.bot_id.as_deref().unwrap_or(&self.bot_id) }
    }

    async fn send(&self, reference: &Reference, activity: &OutgoingActivity) -> Result<Answer, Answer> {
        let conversation_id = reference.conversation_id.as_deref().ok_or_else(|| no_reference("no conversation id"))?;
        let url = self
            .service(reference)?
            .below(&["v3", "conversations", conversation_id, "activities"])
            .ok_or_else(|| no_reference("the conversation id is empty or only dots"))?;
        let tenant = self.tenant(reference);
        let person = Person { id: reference.user_id.as_deref(), aad_object_id: reference.entra_object_id.as_deref() };
        let message = Message {
            kind: "message",
            content: Content::of(&activity.said),
            locale: activity.locale.as_deref(),
            from: self.bot(reference),
            recipient: (person.id.is_some() || person.aad_object_id.is_some()).then_some(person),
            conversation: ConversationAccount { id: conversation_id, tenant_id: tenant },
            channel_data: ChannelData { tenant: Tenant { id: tenant } },
        };
        let reply = self.post(&url, &message).await?;
        Ok(verdict::of_reply(&reply, self.clock.now()))
    }

    /// Like [`Connector::create_conversation`], with answers still as if something had been said.
    async fn create(&self, reference: &Reference) -> Result<Conversation, Answer> {
        let service = self.service(reference)?;
        let member = reference.user_id.as_deref().or(reference.entra_object_id.as_deref());
        let member = member.ok_or_else(|| no_reference("neither a Teams nor an Entra id"))?;
        let url = service.below(&["v3", "conversations"]).ok_or_else(|| no_reference("no path"))?;
        let tenant = self.tenant(reference);
        let body = NewConversation {
            is_group: false,
            bot: self.bot(reference),
            members: [Account { id: member }],
            tenant_id: tenant,
            channel_data: ChannelData { tenant: Tenant { id: tenant } },
        };
        let reply = self.post(&url, &body).await?;
        let answer = verdict::of_reply(&reply, self.clock.now());
        if !matches!(answer.verdict, Verdict::Delivered { .. }) {
            return Err(answer);
        }
        match serde_json::from_slice::<CreatedConversation>(&reply.body) {
            Ok(created) if !created.id.is_empty() => Ok(Conversation {
                conversation_id: created.id,
                service_url: created.service_url.filter(|named| self.is_elsewhere(named, &service)),
            }),
            _ => {
                let detail = Some("the conversation was created, but the answer does not say which".to_owned());
                Err(Answer {
                    verdict: Verdict::Unknown { reason: Reason::ServerError },
                    evidence: Evidence { detail, ..answer.evidence },
                })
            }
        }
    }

    /// Whether Teams named another place than the one asked, and one that may be used: an untrusted one would spoil
    /// the reference, while the place that just answered is good.
    fn is_elsewhere(&self, named: &str, asked: &TrustedUrl) -> bool {
        match self.trusted.check(named) {
            Ok(place) => place.below(&[]) != asked.below(&[]),
            Err(why) => {
                tracing::warn!(%why, "Teams named a service URL for a new conversation that is not used");
                false
            }
        }
    }
}

fn no_reference(detail: &str) -> Answer {
    Answer::without_request(Verdict::Permanent { reason: Reason::NoReference }, detail)
}

#[async_trait]
impl Connector for TeamsConnector {
    async fn continue_conversation(&self, reference: &Reference, activity: &OutgoingActivity) -> Answer {
        self.send(reference, activity).await.unwrap_or_else(|answer| answer)
    }

    /// Creating says nothing and finds the same conversation again, so no outcome of it is unknown: where a message
    /// would be in doubt, this may simply be tried again.
    async fn create_conversation(&self, reference: &Reference) -> Result<Conversation, Answer> {
        self.create(reference).await.map_err(|answer| match answer.verdict {
            Verdict::Unknown { reason } => {
                Answer { verdict: Verdict::Retry { reason, after: None }, evidence: answer.evidence }
            }
            _ => answer,
        })
    }
}
