//! From the configuration to the messaging endpoint, and to what listens behind it.

use std::sync::Arc;

use super::StartError;
use crate::adapter::control::AdminServer;
use crate::adapter::endpoint::{EndpointSettings, MessagingEndpoint};
use crate::adapter::teams::{SetupError, TrustedHosts};
use crate::config::{Bot, BotKind, Config, Endpoint, Tenants};
use crate::port::clock::Clock;
use crate::port::ear::ServiceUrls;

/// The endpoint, if there is to be one. It has its port and does not answer yet.
pub(super) async fn endpoint(config: &Config, clock: &Arc<dyn Clock>) -> Result<Option<MessagingEndpoint>, StartError> {
    let Some(endpoint) = &config.endpoint else { return Ok(None) };
    Ok(Some(MessagingEndpoint::bind(settings(endpoint, &config.bot), Arc::clone(clock)).await?))
}

fn settings(endpoint: &Endpoint, bot: &Bot) -> EndpointSettings {
    let of_cloud = bot.cloud.addresses();
    EndpointSettings {
        listen: endpoint.listen,
        path: endpoint.path.clone(),
        openid_url: endpoint.openid_url.as_ref().map_or_else(|| of_cloud.openid_url.to_owned(), ToString::to_string),
        issuer: of_cloud.issuer.to_owned(),
        app_id: bot.app_id.clone(),
        tenants: match (&endpoint.tenants, bot.kind) {
            (Tenants::These(ids), _) => Some(ids.clone()),
            (Tenants::OfTheBot, BotKind::SingleTenant) => Some(vec![bot.tenant_id.clone()]),
            (Tenants::OfTheBot, BotKind::MultiTenant) | (Tenants::Any, _) => None,
        },
    }
}

/// The admin API, if there is to be one. It has its port and does not answer yet.
pub(super) async fn admin(config: &Config) -> Result<Option<AdminServer>, StartError> {
    let Some(admin) = &config.admin else { return Ok(None) };
    Ok(Some(AdminServer::bind(admin.listen, &admin.token_file).await?))
}

/// The service URLs that a forwarded activity may name.
pub(super) fn service_urls(bot: &Bot) -> Result<Arc<dyn ServiceUrls>, StartError> {
    let hosts = TrustedHosts::new(bot.cloud, &bot.trusted_hosts).map_err(SetupError::TrustedHost)?;
    Ok(Arc::new(hosts))
}
