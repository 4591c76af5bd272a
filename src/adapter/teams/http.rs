//! One request, one reply or one way of getting none. The only file that puts a token or the secret on a request.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::trust::TrustedUrl;

/// How much of an answer is read. Answers are ids and short error objects; more is an error page.
pub(super) const WORD_BYTES_MAX: usize = 64 * 1024;

/// How much is read of an answer that is a list. The longest page of a roster has 500 members of some 300 bytes each.
pub(super) const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long an unused connection is kept. It is shorter than the two minutes after which Microsoft's HTTP servers
/// commonly hang up, so that a message seldom meets a connection that is just being closed: such a message would end
/// as unknown.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// How long a knock is waited for. Nothing hangs on it, and somebody is looking.
const KNOCK_WITHIN: Duration = Duration::from_secs(10);

/// The correlation vector, for which Microsoft's support asks.
const MS_CV: HeaderName = HeaderName::from_static("ms-cv");

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// `Retry-After` as it was written.
    pub(super) retry_after: Option<String>,
    pub(super) correlation_id: Option<String>,
    /// As much as was read. Once a status is there, a body that breaks off changes nothing about it.
    pub(super) body: Vec<u8>,
}

/// Why nothing came back. The texts hold neither URL nor headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoReply {
    /// No connection could be made, so nothing left.
    NotConnected(String),
    /// The request left, or part of it.
    Lost(String),
    /// The connection needs TLS, and this machine has nothing to check certificates with.
    NoTls(String),
}

/// The HTTP clients.
///
/// There are two, because a client that can do TLS cannot be built on a machine without root certificates, and an
/// emulator on the loopback must work there as well. The first checks certificates against the platform's roots, and
/// honours `HTTPS_PROXY`: a proxy sees only the tunnel. The second speaks plain http to this machine, that is, to the
/// loopback and to the identity service of a machine in Azure, and knows no proxy, which would read the token.
#[derive(Debug)]
pub(super) struct Doors {
    tls: Result<Client, String>,
    plain: Client,
}

/// How the clients are to behave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// From the start of a request to the end of its answer.
    pub(super) request_timeout: Duration,
    /// Name resolution, TCP and TLS together.
    pub(super) connect_timeout: Duration,
    /// How many requests run at once, and so how many connections are worth keeping.
    pub(super) connections: usize,
}

impl Doors {
    /// Fails only when not even the plain client can be built; whether TLS works is asked with
    /// [`Doors::tls_problem`].
    pub(super) fn new(limits: Limits) -> Result<Self, reqwest::Error> {
        // `localhost` is what it says, whatever a resolver answers. The port of the URL is used, not this one.
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let loopback = loopback.map(|address| SocketAddr::new(address, 0));
        let plain = builder(limits)
            // No roots at all: without this line building fails where the platform has none.
            .tls_certs_only([])
            .no_proxy()
            .resolve_to_addrs("localhost", &loopback)
            .build()?;
        Ok(Self { tls: builder(limits).https_only(true).build().map_err(|error| chain(&error)), plain })
    }

    /// Why https cannot be spoken here, if it cannot.
    pub(super) fn tls_problem(&self) -> Option<&str> {
        self.tls.as_ref().err().map(String::as_str)
    }

    /// Makes a request with a token, and with a body in JSON where there is one. That `url` is a [`TrustedUrl`] is what
    /// keeps tokens from everybody else. At most `room` bytes of the answer are read.
    pub(super) async fn with_token<B: Serialize>(
        &self,
        method: Method,
        url: &TrustedUrl,
        token: &SecretString,
        body: Option<&B>,
        room: usize,
    ) -> Result<Reply, NoReply> {
        let mut request = self.request(method, url)?.bearer_auth(token.expose_secret());
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json; charset=utf-8").json(body);
        }
        exchange(request, room).await
    }

    /// Posts a form, one field of which is the secret.
    pub(super) async fn post_form(
        &self,
        url: &TrustedUrl,
        fields: &[(&str, &str)],
        secret: (&str, &SecretString),
        timeout: Duration,
    ) -> Result<Reply, NoReply> {
        let mut fields = fields.to_vec();
        fields.push((secret.0, secret.1.expose_secret()));
        exchange(self.request(Method::POST, url)?.timeout(timeout).form(&fields), WORD_BYTES_MAX).await
    }

    /// Asks the identity service of the machine, which answers only to those who set `header`.
    pub(super) async fn get(
        &self,
        url: &TrustedUrl,
        (name, value): (&'static str, &str),
        timeout: Duration,
    ) -> Result<Reply, NoReply> {
        exchange(self.request(Method::GET, url)?.timeout(timeout).header(name, value), WORD_BYTES_MAX).await
    }

    /// Asks for the place itself, with nothing that says who asks.
    pub(super) async fn knock(&self, url: &TrustedUrl) -> Result<Reply, NoReply> {
        exchange(self.request(Method::GET, url)?.timeout(KNOCK_WITHIN), WORD_BYTES_MAX).await
    }

    fn request(&self, method: Method, url: &TrustedUrl) -> Result<RequestBuilder, NoReply> {
        let client = if url.is_tls() {
            self.tls.as_ref().map_err(|problem| NoReply::NoTls(problem.clone()))?
        } else {
            &self.plain
        };
        Ok(client.request(method, url.as_url().clone()).header(ACCEPT, "application/json"))
    }
}

/// What both clients have in common.
///
/// About repetitions, as found in the sources of reqwest 0.13.5 and hyper-util 0.1.21. reqwest by itself repeats a
/// request, up to twice, after an HTTP/2 refusal that it takes for harmless; `retry::never` turns that off. Below it,
/// hyper-util takes another connection when a *reused* one turns out closed, but only when the connection hands the
/// request back unstarted, that is, before its first byte was written: that cannot double a message, and it is what
/// keeps idle connections that the server closed from showing at all. A request of which anything was written is
/// never repeated by either.
fn builder(limits: Limits) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("nudged/", env!("CARGO_PKG_VERSION")))
        // A redirect would carry the token to a host that nobody checked.
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        // One request for each connection: when it breaks, the fate of one message is unknown, not of all under way.
        .http1_only()
        // It must run out first. The time-out of the whole request does not say whether anything left, so a host
        // that never answers the door would otherwise leave messages in doubt.
        .connect_timeout(limits.connect_timeout.min(limits.request_timeout / 2))
        .timeout(limits.request_timeout)
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(limits.connections)
}

async fn exchange(request: RequestBuilder, room: usize) -> Result<Reply, NoReply> {
    let mut response = request.send().await.map_err(no_reply)?;
    let headers = response.headers();
    let mut reply = Reply {
        status: response.status().as_u16(),
        retry_after: text_of(headers, &RETRY_AFTER),
        correlation_id: text_of(headers, &MS_CV),
        body: Vec::new(),
    };
    // An error ends the body like its end does: the status has been said.
    while let Ok(Some(chunk)) = response.chunk().await {
        let left = room - reply.body.len();
        reply.body.extend_from_slice(&chunk[..chunk.len().min(left)]);
        if reply.body.len() == room {
            break;
        }
    }
    Ok(reply)
}

/// A request that could not even be built, and one that found no connection, left nothing behind. Everything else
/// may have left: the time-out of the whole request too, since it runs on while bytes are written.
fn no_reply(error: reqwest::Error) -> NoReply {
    let nothing_left = error.is_connect() || error.is_builder();
    let text = chain(&error.without_url());
    if nothing_left { NoReply::NotConnected(text) } else { NoReply::Lost(text) }
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// An error and its causes, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.ends_with(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
}
