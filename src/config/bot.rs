//! `[bot]`: who the bot is, where Teams is, and what the bot proves itself with.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use url::{Host, Url};

use crate::domain::cloud::Cloud;
use crate::domain::document::Table;
use crate::domain::document::civil::Civil;
use crate::domain::problem::{Code, Problem};

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

/// What the bot proves itself with. Only the daemon needs the files, and only the daemon may be able to read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BotCredential {
    Secret {
        /// `None` where neither the configuration nor the service manager names one.
        file: Option<PathBuf>,
        expires_on: Option<NaiveDate>,
    },
    Certificate {
        file: PathBuf,
        /// It may be the same file.
        key_file: PathBuf,
        /// Whether the certificates go along with each token request.
        send_chain: bool,
    },
    WorkloadIdentity {
        /// `None` where neither the configuration nor the surroundings name one.
        assertion_file: Option<PathBuf>,
    },
    ManagedIdentity(IdentityService),
}

/// The service that speaks for a machine in Azure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityService {
    /// That of virtual machines, at its own address if there is none here.
    Imds(Option<Url>),
    /// That of App Service, at the address that it gave to its programs. What it wants to be shown stands in the
    /// environment, in `IDENTITY_HEADER`.
    AppService(String),
}

/// The words of `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    SingleTenant,
    MultiTenant,
    ManagedIdentity,
    WorkloadIdentity,
}

const TYPES: [(&str, Type); 4] = [
    ("single-tenant", Type::SingleTenant),
    ("multi-tenant", Type::MultiTenant),
    ("managed-identity", Type::ManagedIdentity),
    ("workload-identity", Type::WorkloadIdentity),
];

impl Type {
    /// The keys that mean something with this type only, or with its like.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Type::SingleTenant | Type::MultiTenant => {
                &["secret_file", "secret_expires_on", "certificate_file", "certificate_key_file", "send_x5c"]
            }
            Type::ManagedIdentity => &["identity_url"],
            Type::WorkloadIdentity => &["assertion_file"],
        }
    }
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
    let credential = read_credential(table, of_type, directory, env);

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

/// Reports every key that goes with another type than this; none where the type is not understood, and so says nothing
/// about the others.
fn refuse_keys_of_others(table: &mut Table<'_>, of_type: Type, is_understood: bool) {
    let name = |wanted: Type| TYPES.iter().find(|(_, it)| *it == wanted).map_or("", |(name, _)| *name);
    for other in [Type::SingleTenant, Type::ManagedIdentity, Type::WorkloadIdentity] {
        for key in other.keys() {
            if table.has(key)
                && !of_type.keys().contains(key)
                && is_understood
                && let Some(value) = table.value(key)
            {
                let message = format!("`{key}` does not go with the type \"{}\"", name(of_type));
                let help = format!("remove it, or write type = \"{}\"", name(other));
                table.report(Problem::new(Code::Conflict, value.span(), message).with_help(help));
            }
        }
    }
}

fn refuse_secrets(table: &mut Table<'_>) {
    for key in ["secret", "client_secret", "password"] {
        if table.has(key)
            && let Some(value) = table.value(key)
        {
            table.report(
                Problem::new(Code::BadSetting, value.span(), "a secret does not belong in this file")
                    .with_help("put it into a file of its own and write secret_file = \"…\", or use LoadCredential="),
            );
        }
    }
}

fn read_credential(
    table: &mut Table<'_>,
    of_type: Type,
    directory: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<BotCredential> {
    match of_type {
        Type::SingleTenant | Type::MultiTenant if table.has("certificate_file") => read_certificate(table, directory),
        Type::SingleTenant | Type::MultiTenant => {
            for key in ["certificate_key_file", "send_x5c"] {
                if table.has(key)
                    && let Some(value) = table.value(key)
                {
                    let message = format!("`{key}` is there without `certificate_file`");
                    let help = format!("add certificate_file = \"…\", or remove `{key}`");
                    table.report(Problem::new(Code::MissingKey, value.span(), message).with_help(help));
                }
            }
            let file = table.text("secret_file").map(|file| directory.join(file.value));
            let file = file.or_else(|| env("CREDENTIALS_DIRECTORY").map(|dir| Path::new(&dir).join("bot-secret")));
            Some(BotCredential::Secret { file, expires_on: date(table, "secret_expires_on") })
        }
        Type::ManagedIdentity => read_identity_service(table, env).map(BotCredential::ManagedIdentity),
        Type::WorkloadIdentity => {
            let file = table.text("assertion_file").map(|file| directory.join(file.value));
            let assertion_file = file.or_else(|| env("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from));
            Some(BotCredential::WorkloadIdentity { assertion_file })
        }
    }
}

fn read_certificate(table: &mut Table<'_>, directory: &Path) -> Option<BotCredential> {
    for (key, message, help) in [
        (
            "secret_file",
            "`secret_file` and `certificate_file` exclude each other",
            "a bot proves itself with one of them: remove the other",
        ),
        (
            "secret_expires_on",
            "`secret_expires_on` does not go with `certificate_file`",
            "remove it: when the certificate expires is read from it",
        ),
    ] {
        if table.has(key)
            && let Some(value) = table.value(key)
        {
            table.report(Problem::new(Code::Conflict, value.span(), message).with_help(help));
        }
    }
    let file = table.text("certificate_file").map(|file| directory.join(file.value));
    let key_file = table.text("certificate_key_file").map(|file| directory.join(file.value));
    let send_chain = table.boolean("send_x5c").is_some_and(|placed| placed.value);
    let file = file?;
    Some(BotCredential::Certificate { key_file: key_file.unwrap_or_else(|| file.clone()), file, send_chain })
}

fn read_identity_service(table: &mut Table<'_>, env: &dyn Fn(&str) -> Option<String>) -> Option<IdentityService> {
    if let Some(text) = table.text("identity_url") {
        return match Url::parse(text.value) {
            Ok(url) if url.scheme() == "http" && is_local(&url) => Some(IdentityService::Imds(Some(url))),
            Ok(_) | Err(_) => {
                let message = "`identity_url` must be on this machine: http on the loopback or a link-local address";
                let help =
                    "leave it out on a virtual machine in Azure; it is for stand-ins, such as http://127.0.0.1:3978";
                table.report(Problem::new(Code::BadSetting, text.span, message).with_help(help));
                None
            }
        };
    }
    // Others (Azure Arc, Service Fabric) set the endpoint too, and speak otherwise.
    match (env("IDENTITY_ENDPOINT"), env("IDENTITY_HEADER")) {
        (Some(endpoint), Some(_)) => Some(IdentityService::AppService(endpoint)),
        (Some(_) | None, None) | (None, Some(_)) => Some(IdentityService::Imds(None)),
    }
}

fn date(table: &mut Table<'_>, key: &'static str) -> Option<NaiveDate> {
    let value = table.value(key)?;
    let day = match value.text() {
        Some(text) => text.parse().ok(),
        None => match value.civil()? {
            Civil::Date(date) => Some(date),
            Civil::Time(_) | Civil::DateTime(_) | Civil::Instant(_) => None,
        },
    };
    if day.is_none() {
        let help = format!("write the day alone, as in {key} = 2027-05-01");
        let message = format!("`{key}` must be a day");
        table.report(Problem::new(Code::WrongType, value.span(), message).with_help(help));
    }
    day
}

fn guid(table: &mut Table<'_>, key: &'static str) -> Option<String> {
    let text = table.text(key)?;
    if uuid::Uuid::try_parse(text.value).is_ok_and(|_| text.value.len() == 36) {
        return Some(text.value.to_ascii_lowercase());
    }
    let message = format!("`{key}` is no id");
    let help = "write it as in the portal, for example \"11111111-2222-4333-8444-555555555555\"";
    table.report(Problem::new(Code::BadSetting, text.span, message).with_help(help));
    None
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

/// An address to which secrets or tokens go: encrypted, or on this machine.
fn url(table: &mut Table<'_>, key: &'static str, default: &str) -> Option<Url> {
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

fn is_local(url: &Url) -> bool {
    is_loopback(url) || matches!(url.host(), Some(Host::Ipv4(address)) if address.is_link_local())
}

fn trusted_hosts(table: &mut Table<'_>) -> Vec<String> {
    let Some(value) = table.value("trusted_hosts") else { return Vec::new() };
    let mut hosts = Vec::new();
    for item in value.items() {
        match item.text() {
            Some(host)
                if Url::parse(&format!("https://{host}/"))
                    .is_ok_and(|url| url.path() == "/" && url.username().is_empty()) =>
            {
                hosts.push(host.to_ascii_lowercase());
            }
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
