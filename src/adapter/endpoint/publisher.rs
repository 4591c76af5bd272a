//! Fetching the published keys: the `OpenID` document, then the set of keys that it names.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, ClientBuilder, StatusCode, redirect};
use url::Url;

use super::discovery;
use super::keyring::Source;
use super::keys::KeySet;

/// Bytes of a document at most. The Bot Framework's set of keys has some hundred thousand, most of them certificates.
const MOST_BYTES: usize = 1024 * 1024;

/// For each of the two documents. Somebody may be waiting for both, and Teams waits for some fifteen seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the keys of a cloud are published.
pub(super) struct Publisher {
    openid_url: Url,
    issuer: String,
    /// Or why https can't be spoken here: a machine without root certificates can still use a stand-in on the loopback.
    tls: Result<Client, String>,
    plain: Client,
}

impl Publisher {
    /// `openid_url` is https, or http on the loopback: the configuration has seen to it.
    pub(super) fn new(openid_url: Url, issuer: String) -> Result<Self, reqwest::Error> {
        // "localhost" is the loopback always, whatever a resolver answers. The port of the URL is used, not this one.
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let loopback = loopback.map(|address| SocketAddr::new(address, 0));
        let plain = builder().tls_certs_only([]).no_proxy().resolve_to_addrs("localhost", &loopback).build()?;
        let tls = builder().https_only(true).build().map_err(|error| in_words(&error));
        Ok(Self { openid_url, issuer, tls, plain })
    }

    async fn get(&self, url: &Url) -> Result<Vec<u8>, String> {
        let client = if url.scheme() == "https" { self.tls.as_ref().map_err(Clone::clone)? } else { &self.plain };
        let failed = |error: reqwest::Error| format!("{url} could not be fetched: {}", in_words(&error.without_url()));
        let mut response = client.get(url.clone()).send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(format!("{url} answered {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(format!("{url} is larger than {} KiB", MOST_BYTES / 1024));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

#[async_trait]
impl Source for Publisher {
    async fn fetch(&self) -> Result<KeySet, String> {
        let document = self.get(&self.openid_url).await?;
        let keys_url = discovery::keys_url(&document, &self.openid_url, &self.issuer)
            .map_err(|why| format!("{} can't be used: {why}", self.openid_url))?;
        let keys = self.get(&keys_url).await?;
        KeySet::read(&keys).map_err(|why| format!("{keys_url} can't be used: {why}"))
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("nudged/", env!("CARGO_PKG_VERSION")))
        // Where a redirect leads, nobody has checked.
        .redirect(redirect::Policy::none())
        .referer(false)
        .http1_only()
        .connect_timeout(PATIENCE / 2)
        .timeout(PATIENCE)
        // It is used twice a day.
        .pool_max_idle_per_host(0)
}

/// An error and its causes, in one line.
fn in_words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
