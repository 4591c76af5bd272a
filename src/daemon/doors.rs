//! Where the daemon can be called: the socket, the messaging endpoint and the admin API. First all of them are made, and an
//! address that is taken ends the start; they are opened last, when everything behind them runs.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{StartError, named};
use crate::adapter::control::{AdminServer, ControlServer};
use crate::adapter::endpoint::{EndpointSettings, MessagingEndpoint};
use crate::adapter::teams::{SetupError, TrustedHosts};
use crate::config::{Bot, Config, Endpoint, Tenants};
use crate::port::clock::Clock;
use crate::port::desk::Desk;
use crate::port::ear::{Ear, ServiceUrls};
use crate::port::endpoint;
use crate::port::vitals::Vitals;

/// They have their addresses, and nobody answers yet.
pub(super) struct Doors {
    socket: ControlServer,
    endpoint: Option<MessagingEndpoint>,
    admin: Option<AdminServer>,
    ear: Arc<dyn Ear>,
    clock: Arc<dyn Clock>,
}

/// Where conversations may be of which something is told.
pub(super) fn service_urls(config: &Config) -> Result<Arc<dyn ServiceUrls>, StartError> {
    let trusted = TrustedHosts::new(config.bot.cloud, &config.bot.trusted_hosts).map_err(SetupError::TrustedHost)?;
    Ok(Arc::new(trusted))
}

impl Doors {
    pub(super) async fn make(config: &Config, clock: &Arc<dyn Clock>, ear: Arc<dyn Ear>) -> Result<Self, StartError> {
        let socket = ControlServer::bind(&config.socket)
            .map_err(|source| StartError::Socket { path: config.socket.clone(), source })?;
        let endpoint = match &config.endpoint {
            Some(endpoint) => Some(MessagingEndpoint::bind(settings(endpoint, &config.bot), Arc::clone(clock)).await?),
            None => None,
        };
        let admin = match &config.admin {
            Some(admin) => {
                Some(AdminServer::bind(admin.listen, &admin.token_file, admin.metrics_token_file.as_deref()).await?)
            }
            None => None,
        };
        Ok(Self { socket, endpoint, admin, ear, clock: Arc::clone(clock) })
    }

    /// How the messaging endpoint does, if there is one.
    pub(super) fn endpoint_watch(&self) -> Option<Arc<dyn endpoint::Endpoint>> {
        self.endpoint.as_ref().map(MessagingEndpoint::watch)
    }

    /// Who hears what Teams tells, whichever way it comes.
    pub(super) fn ear(&self) -> Arc<dyn Ear> {
        Arc::clone(&self.ear)
    }

    /// Answers from now on, until `stop`.
    pub(super) fn open(
        self,
        tasks: &mut JoinSet<&'static str>,
        desk: &Arc<dyn Desk>,
        vitals: &Arc<dyn Vitals>,
        stop: &CancellationToken,
    ) {
        let of_socket = self.socket.run(Arc::clone(desk), Arc::clone(vitals), Arc::clone(&self.clock), stop.clone());
        tasks.spawn(named("socket", of_socket));
        if let Some(endpoint) = self.endpoint {
            tracing::info!(address = %endpoint.address(), "Teams may call");
            tasks.spawn(named("endpoint", endpoint.run(self.ear, stop.clone())));
        }
        if let Some(admin) = self.admin {
            tracing::info!(address = %admin.address(), "the admin API listens");
            let admin = admin.run(Arc::clone(desk), Arc::clone(vitals), self.clock, stop.clone());
            tasks.spawn(named("admin API", admin));
        }
    }
}

fn settings(endpoint: &Endpoint, bot: &Bot) -> EndpointSettings {
    let of_cloud = bot.cloud.addresses();
    EndpointSettings {
        listen: endpoint.listen,
        path: endpoint.path.clone(),
        openid_url: endpoint.openid_url.as_ref().map_or_else(|| of_cloud.openid_url.to_owned(), ToString::to_string),
        issuer: of_cloud.issuer.to_owned(),
        app_id: bot.app_id.clone(),
        tenants: match &endpoint.tenants {
            Tenants::These(ids) => Some(ids.clone()),
            Tenants::OfTheBot => Some(vec![bot.tenant_id.clone()]),
            Tenants::Any => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::domain::problem::Source;

    const HOME: &str = "11111111-2222-4333-8444-555555555555";

    #[track_caller]
    fn check(of_bot: &str, of_endpoint: &str, expect: Option<&[&str]>) {
        let text = format!(
            "fallback_zone = \"Europe/Berlin\"\n[bot]\napp_id = \"99999999-8888-4777-8666-555555555555\"\n\
             tenant_id = \"{HOME}\"\n{of_bot}\n[endpoint]\nlisten = \"127.0.0.1:3978\"\n{of_endpoint}\n"
        );
        let source = Source::new("nudged.toml", text);
        let (config, _) = Config::parse(&source, Path::new("/etc/nudged"), &|_| None).expect("good");
        let found = settings(&config.endpoint.expect("an endpoint"), &config.bot).tenants;
        let expect = expect.map(|ids| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>());
        assert_eq!(found, expect, "{of_bot} {of_endpoint}");
    }

    /// A bot that is registered for many can be installed by anybody in the world: who may, is to be written.
    #[test]
    fn strangers_from_other_tenants_are_heard_only_where_that_is_written() {
        const OTHER: &str = "aaaaaaaa-2222-4333-8444-555555555555";
        for of_bot in ["", "type = \"multi-tenant\""] {
            check(of_bot, "", Some(&[HOME]));
            check(of_bot, &format!("allowed_tenants = [\"{OTHER}\"]"), Some(&[OTHER]));
            check(of_bot, "allowed_tenants = \"any\"", None);
        }
    }
}
