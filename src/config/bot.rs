//! `[bot]`: who the bot is, where Teams is, and what the bot proves itself with.

mod credential;

use std::path::Path;

use url::{Host, Url};

use credential::{TYPES, Type, refuse_keys_of_others, refuse_secrets};

use crate::domain::cloud::Cloud;
use crate::domain::document::Table;
use crate::domain::host;
use crate::domain::problem::{Code, Problem};

pub use credential::{BotCredential, IdentityService};

/// Who the bot is, and where Teams is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    pub app_id: String,
    /// The bot's own tenant.
    pub tenant_id: String,
    pub kind: BotKind,
    pub cloud: Cloud,
    pub credential: BotCredential,
    pub login_url: Url,
    /// What a token for the Connector is asked for with.
    pub scope: String,
    /// The Connector for recipients of whom no service URL is known; `None` in a cloud that publishes none.
    pub service_url: Option<Url>,
    /// Hosts that may be given a token besides that of the cloud: `host` or `host:port`.
    pub trusted_hosts: Vec<String>,
}

/// Where the bot is registered, which decides who issues its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BotKind {
    SingleTenant,
    MultiTenant,
}

pub(super) fn read(table: &mut Table<'_>, directory: &Path, env: &dyn Fn(&str) -> Option<String>) -> Option<Bot> {
    let app_id = guid(table, "app_id");
    table.missing("app_id", "`app_id` is missing", "add the application (client) id of the bot's registration");
    let tenant_id = guid(table, "tenant_id");
    table.missing(
        "tenant_id",
        "`tenant_id` is missing",
        "add the directory (tenant) id in which the bot is registered",
    );
    let named_type = table.word("type", &TYPES);
    let is_understood = named_type.is_some() || !table.has("type");
    let of_type = named_type.map_or(Type::SingleTenant, |named| named.value);
    refuse_keys_of_others(table, of_type, is_understood);
    refuse_secrets(table);
    let credential = credential::read(table, of_type, directory, env);

    let named_cloud = table.word("cloud", &Cloud::ALL);
    let cloud = named_cloud.as_ref().map_or(Cloud::Public, |named| named.value);
    let of_cloud = cloud.addresses();
    let login_url = url(table, "login_url", of_cloud.login_url);
    let scope = scope(table, of_cloud.scope);
    let service_url = if table.has("service_url") || of_cloud.service_url.is_some() {
        Some(url(table, "service_url", of_cloud.service_url.unwrap_or("https://teams.example/")))
    } else {
        None
    };
    let has_hosts = table.has("trusted_hosts");
    let trusted_hosts = trusted_hosts(table);
    if let (Some(named), None, false) = (named_cloud, of_cloud.connector_host, has_hosts) {
        table.report(
            Problem::new(Code::BadSetting, named.span, "nothing could be sent: for this cloud no host is published")
                .with_help(
                    "add trusted_hosts = [\"…\"] with the host of the service URLs that Teams gives to the bot; \
                     service_url is needed only for people of whom none is known",
                ),
        );
    }
    Some(Bot {
        app_id: app_id?,
        tenant_id: tenant_id?,
        kind: if of_type == Type::MultiTenant { BotKind::MultiTenant } else { BotKind::SingleTenant },
        cloud,
        credential: credential?,
        login_url: login_url?,
        scope: scope?,
        // Absent is right in some clouds; wrong is wrong in all.
        service_url: match service_url {
            Some(read) => Some(read?),
            None => None,
        },
        trusted_hosts,
    })
}

fn guid(table: &mut Table<'_>, key: &'static str) -> Option<String> {
    let text = table.text(key)?;
    if is_guid(text.value) {
        return Some(text.value.to_ascii_lowercase());
    }
    let message = format!("`{key}` is no id");
    let help = "write it as in the portal, for example \"11111111-2222-4333-8444-555555555555\"";
    table.report(Problem::new(Code::BadSetting, text.span, message).with_help(help));
    None
}

/// Whether a text is an id as the portal shows it.
pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

fn scope(table: &mut Table<'_>, default: &str) -> Option<String> {
    let Some(text) = table.text("scope") else { return Some(default.to_owned()) };
    if text.value.strip_suffix("/.default").is_some_and(|resource| Url::parse(resource).is_ok()) {
        return Some(text.value.to_owned());
    }
    let message = "`scope` is no resource with /.default behind it";
    table.report(Problem::new(Code::BadSetting, text.span, message).with_help(format!("write one like {default}")));
    None
}

/// An address to which secrets or tokens go, or from which keys come: encrypted, or on this machine.
pub(super) fn url(table: &mut Table<'_>, key: &'static str, default: &str) -> Option<Url> {
    let Some(text) = table.text(key) else { return Url::parse(default).ok() };
    match Url::parse(text.value) {
        Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)) => Some(url),
        Ok(_) => {
            let message = format!("`{key}` must begin with https://");
            let help = "plain http is only for a stand-in on this machine, such as http://127.0.0.1:3978";
            table.report(Problem::new(Code::BadSetting, text.span, message).with_help(help));
            None
        }
        Err(error) => {
            let message = format!("`{key}` is no address: {error}");
            table.report(
                Problem::new(Code::BadSetting, text.span, message).with_help(format!("write one like {default}")),
            );
            None
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn trusted_hosts(table: &mut Table<'_>) -> Vec<String> {
    let Some(value) = table.value("trusted_hosts") else { return Vec::new() };
    let mut hosts = Vec::new();
    for item in value.items() {
        match item.text() {
            Some(host) if host::read(host).is_some() => hosts.push(host.to_ascii_lowercase()),
            Some(_) | None => table.report(
                Problem::new(Code::BadSetting, item.span(), "this is no host")
                    .with_help("write a host, or a host and a port, such as \"127.0.0.1:3978\""),
            ),
        }
    }
    hosts
}

#[cfg(test)]
mod tests;
