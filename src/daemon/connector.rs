//! From the configuration to the connector, and to what it proves itself with.

use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use crate::adapter::teams::{AppKind, Identity, ManagedIdentity, TeamsConnector, TeamsSettings};
use crate::config::{Bot, BotCredential, BotKind, Config, IdentityService};
use crate::port::clock::Clock;
use crate::port::line::Line;

/// What the bot proves itself with, and the connector that does it.
pub(super) fn connector(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<(Arc<Identity>, Arc<TeamsConnector>), StartError> {
    let identity = Arc::new(identity(&config.bot)?);
    // While it runs, a file that can't be used lets the queue wait. At the start somebody is there to be told.
    identity.check()?;
    let settings = TeamsSettings {
        app_id: config.bot.app_id.clone(),
        tenant_id: config.bot.tenant_id.clone(),
        kind: match config.bot.kind {
            BotKind::SingleTenant => AppKind::SingleTenant,
            BotKind::MultiTenant => AppKind::MultiTenant,
        },
        cloud: config.bot.cloud,
        identity: Arc::clone(&identity),
        login_url: config.bot.login_url.to_string(),
        scope: config.bot.scope.clone(),
        default_service_url: config.bot.service_url.as_ref().map(ToString::to_string),
        trusted_hosts: config.bot.trusted_hosts.clone(),
        request_timeout: config.limits.request_timeout,
        connect_timeout: Duration::from_secs(5).min(config.limits.request_timeout),
        senders: config.limits.senders,
    };
    Ok((identity, Arc::new(TeamsConnector::new(settings, Arc::clone(clock))?)))
}

/// The line to Teams as the configuration has it, for who looks whether it is there.
pub fn line(config: &Config, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Line>, StartError> {
    Ok(connector(config, clock)?.1)
}

/// What the configuration says that the bot proves itself with. Nothing of it is read yet.
pub fn identity(bot: &Bot) -> Result<Identity, StartError> {
    Ok(match &bot.credential {
        BotCredential::Secret { file, expires_on } => Identity::Secret {
            file: file.clone().ok_or(StartError::NoCredential(
                "the bot's secret is: write secret_file below [bot], or use LoadCredential=bot-secret:…",
            ))?,
            expires_on: *expires_on,
        },
        BotCredential::Certificate { file, key_file, send_chain } => {
            Identity::Certificate { certificate: file.clone(), key: key_file.clone(), send_chain: *send_chain }
        }
        BotCredential::WorkloadIdentity { assertion_file } => Identity::WorkloadIdentity {
            assertion: assertion_file.clone().ok_or(StartError::NoCredential(
                "the assertion is: write assertion_file below [bot], or set AZURE_FEDERATED_TOKEN_FILE",
            ))?,
        },
        BotCredential::ManagedIdentity(IdentityService::Imds(url)) => {
            let url = url.as_ref().map_or_else(|| ManagedIdentity::IMDS_URL.to_owned(), ToString::to_string);
            Identity::ManagedIdentity(ManagedIdentity::Imds { url })
        }
        BotCredential::ManagedIdentity(IdentityService::AppService(endpoint)) => {
            let header = std::env::var("IDENTITY_HEADER").unwrap_or_default().into();
            Identity::ManagedIdentity(ManagedIdentity::AppService { endpoint: endpoint.clone(), header })
        }
    })
}
