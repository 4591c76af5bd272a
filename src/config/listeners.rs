//! `[endpoint]` and `[admin]`: where nudged is called. Neither is there unless it is written.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use url::Url;

use super::bot;
use crate::domain::document::Table;
use crate::domain::problem::{Code, Problem};

/// Where Teams calls the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub listen: SocketAddr,
    /// Begins with a slash.
    pub path: String,
    /// The document that says where the keys of Teams are; `None` for that of the bot's cloud.
    pub openid_url: Option<Url>,
    pub tenants: Tenants,
}

/// Whose activities are heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenants {
    /// Those of the bot's own tenant, also where the bot is registered for many.
    OfTheBot,
    Any,
    /// Ids in lower case.
    These(Vec<String>),
}

/// Where programs on this machine may ask and tell what the commands do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// On the loopback.
    pub listen: SocketAddr,
    /// The file that holds the token which whoever calls must show.
    pub token_file: PathBuf,
    /// The file that holds a token which opens `/metrics` and nothing else, for monitors.
    pub metrics_token_file: Option<PathBuf>,
}

pub(super) fn read_endpoint(table: &mut Table<'_>) -> Option<Endpoint> {
    let listen = listen(table, "127.0.0.1:3978");
    let path = path(table);
    let (has_openid_url, openid_url) =
        (table.has("openid_url"), bot::url(table, "openid_url", "https://login.example/"));
    let tenants = tenants(table);
    Some(Endpoint {
        listen: listen?,
        path: path?,
        openid_url: if has_openid_url { Some(openid_url?) } else { None },
        tenants,
    })
}

pub(super) fn read_admin(table: &mut Table<'_>, directory: &Path) -> Option<Admin> {
    let listen = listen(table, "127.0.0.1:8470").filter(|listen| listen.ip().is_loopback() || refuse_far(table));
    let token_file = table.text("token_file").map(|file| directory.join(file.value));
    table.missing(
        "token_file",
        "`token_file` is missing",
        "add a file of which only nudged and those who may call it can read the content: a long random word",
    );
    let metrics_token_file = metrics_token_file(table, directory, token_file.as_deref());
    Some(Admin { listen: listen?, token_file: token_file?, metrics_token_file })
}

/// The file of those who only look, which is not that of those who may send.
fn metrics_token_file(table: &mut Table<'_>, directory: &Path, token_file: Option<&Path>) -> Option<PathBuf> {
    let text = table.text("metrics_token_file")?;
    let file = directory.join(text.value);
    if Some(file.as_path()) != token_file {
        return Some(file);
    }
    table.report(
        Problem::new(Code::BadSetting, text.span, "`metrics_token_file` is the file of the token that may also send")
            .with_help("name another file, with a token of its own"),
    );
    None
}

/// An address with a port.
fn listen(table: &mut Table<'_>, example: &str) -> Option<SocketAddr> {
    let text = table.text("listen");
    table.missing(
        "listen",
        "`listen` is missing",
        format!("add an address and a port, such as listen = \"{example}\""),
    );
    let text = text?;
    let address = text.value.parse();
    if address.is_err() {
        table.report(
            Problem::new(Code::BadSetting, text.span, "`listen` is no address with a port")
                .with_help(format!("write one like \"{example}\"")),
        );
    }
    address.ok()
}

/// Says that an address is not of this machine only. Never true.
fn refuse_far(table: &mut Table<'_>) -> bool {
    if let Some(text) = table.text("listen") {
        table.report(
            Problem::new(Code::BadSetting, text.span, "`listen` below [admin] must be on the loopback").with_help(
                format!(
                    "write {}:8470, and let a tunnel or a proxy that knows its callers lead there",
                    Ipv4Addr::LOCALHOST
                ),
            ),
        );
    }
    false
}

fn path(table: &mut Table<'_>) -> Option<String> {
    let Some(text) = table.text("path") else { return Some("/api/messages".to_owned()) };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
    if text.value.starts_with('/') && text.value.chars().all(is_plain) {
        return Some(text.value.to_owned());
    }
    table.report(
        Problem::new(Code::BadSetting, text.span, "`path` is no plain path")
            .with_help("write one like \"/api/messages\""),
    );
    None
}

fn tenants(table: &mut Table<'_>) -> Tenants {
    let Some(value) = table.value("allowed_tenants") else { return Tenants::OfTheBot };
    if value.text() == Some("any") {
        return Tenants::Any;
    }
    let mut tenants = Vec::new();
    for item in value.items() {
        match item.text().filter(|text| bot::is_guid(text)) {
            Some(id) => tenants.push(id.to_ascii_lowercase()),
            None => table.report(
                Problem::new(Code::BadSetting, item.span(), "this is no tenant id")
                    .with_help("write [\"11111111-2222-4333-8444-555555555555\"], or \"any\""),
            ),
        }
    }
    Tenants::These(tenants)
}

#[cfg(test)]
mod tests;
