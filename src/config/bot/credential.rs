//! What the bot proves itself with: the keys of each type, and which of them go together.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use url::{Host, Url};

use super::is_loopback;
use crate::domain::document::Table;
use crate::domain::document::civil::Civil;
use crate::domain::problem::{Code, Problem};

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
pub(super) enum Type {
    SingleTenant,
    MultiTenant,
    ManagedIdentity,
    WorkloadIdentity,
}

pub(super) const TYPES: [(&str, Type); 4] = [
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

/// Reports every key that goes with another type than this; none where the type is not understood, and so says nothing
/// about the others.
pub(super) fn refuse_keys_of_others(table: &mut Table<'_>, of_type: Type, is_understood: bool) {
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

pub(super) fn refuse_secrets(table: &mut Table<'_>) {
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

pub(super) fn read(
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

fn is_local(url: &Url) -> bool {
    is_loopback(url) || matches!(url.host(), Some(Host::Ipv4(address)) if address.is_link_local())
}
