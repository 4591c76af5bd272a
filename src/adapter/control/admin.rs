//! The same questions over the loopback, for programs that can't open a socket file: a bot in a container, a script in
//! another language. A token decides who may ask, since everybody on the machine can reach the port.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderMap, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper_util::service::TowerToHyperService;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::LAST_WORDS;
use super::routes::routes;
use super::token_file::{self, TokenFileError};
use super::vitals;
use crate::adapter::serving::{self, Closing};
use crate::port::clock::Clock;
use crate::port::desk::{Desk, DeskError};
use crate::port::vitals::Vitals;

/// Why the admin API is not there.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("the admin API can't listen on {address}: {source}; change `listen` below [admin]")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the admin API listens on the loopback only, and {0} is not on it; change `listen` below [admin]")]
    NotLoopback(SocketAddr),
    #[error(transparent)]
    Token(#[from] TokenFileError),
}

/// A port on the loopback that answers those who have the token.
#[derive(Debug)]
pub struct AdminServer {
    listener: TcpListener,
    guard: Guard,
    /// For `/metrics`.
    monitors: Guard,
}

/// Who is let in: whoever shows the token of one of these files.
#[derive(Debug, Clone)]
struct Guard {
    address: SocketAddr,
    token_files: Arc<[PathBuf]>,
}

impl AdminServer {
    /// Listens. The tokens must be there already; they are read again for each request, so that replacing a file is enough.
    /// That of `metrics_token_file` opens `/metrics` and nothing else.
    pub async fn bind(
        address: SocketAddr,
        token_file: &Path,
        metrics_token_file: Option<&Path>,
    ) -> Result<Self, AdminError> {
        if !address.ip().is_loopback() {
            return Err(AdminError::NotLoopback(address));
        }
        let all: Vec<PathBuf> = std::iter::once(token_file).chain(metrics_token_file).map(Path::to_owned).collect();
        for file in &all {
            token_file::read(file)?;
        }
        let failed = |source| AdminError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let guard = Guard { address, token_files: Arc::from(&all[..1]) };
        Ok(Self { listener, monitors: Guard { token_files: all.into(), ..guard.clone() }, guard })
    }

    /// Where it listens, with the true port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.guard.address
    }

    /// Answers until `stop`.
    pub async fn run(
        self,
        desk: Arc<dyn Desk>,
        vitals: Arc<dyn Vitals>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) {
        let guarded = routes(desk)
            .merge(vitals::routes(Arc::clone(&vitals)))
            .layer(middleware::from_fn_with_state(self.guard.clone(), check))
            .merge(
                vitals::metrics_routes(Arc::clone(&vitals)).layer(middleware::from_fn_with_state(self.monitors, check)),
            )
            .merge(vitals::open_routes(vitals).layer(middleware::from_fn_with_state(self.guard, check_name)));
        let closing = Closing { clock, stop, last_words: LAST_WORDS };
        serving::serve(self.listener, TowerToHyperService::new(guarded), closing).await;
    }
}

async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.objection(request.headers()) {
        None => next.run(request).await,
        Some(objection) => objection,
    }
}

/// For what everybody on this machine may ask.
async fn check_name(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.objection_to_name(request.headers()) {
        None => next.run(request).await,
        Some(objection) => objection,
    }
}

impl Guard {
    /// Why a request is not let in, as the answer to it.
    fn objection(&self, headers: &HeaderMap) -> Option<Response> {
        if let Some(objection) = self.objection_to_name(headers) {
            return Some(objection);
        }
        let mut is_comparable = true;
        for file in self.token_files.iter() {
            match token_file::read(file) {
                Ok(expected) if bearer(headers).is_some_and(|token| is_same(token.as_bytes(), &expected)) => {
                    return None;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "nobody can use this token of the admin API");
                    is_comparable = false;
                }
            }
        }
        if !is_comparable {
            return Some(refuse(StatusCode::SERVICE_UNAVAILABLE, "the token can't be compared; see the log".into()));
        }
        let mut answer =
            refuse(StatusCode::UNAUTHORIZED, "send `Authorization: Bearer` and the token of the file".into());
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Some(answer)
    }

    /// A page in a browser on this machine can have a name of its own resolve to the loopback and then read what comes
    /// from here as its own. Its requests name that host.
    fn objection_to_name(&self, headers: &HeaderMap) -> Option<Response> {
        (!self.is_named_by(headers)).then(|| {
            let words = format!("ask for http://{}, not for another name of it", self.address);
            refuse(StatusCode::FORBIDDEN, words)
        })
    }

    fn is_named_by(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
        let port = self.address.port();
        [self.address.to_string(), format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")]
            .iter()
            .any(|own| host.eq_ignore_ascii_case(own))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

/// Takes as long wherever they differ. The hashes are of one length, so that not even that of the token shows.
fn is_same(shown: &[u8], expected: &[u8]) -> bool {
    verify_slices_are_equal(&Sha256::digest(shown), &Sha256::digest(expected)).is_ok()
}

fn refuse(status: StatusCode, words: String) -> Response {
    (status, Json(DeskError::BadRequest(words))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn written(content: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("admin-token");
        std::fs::write(&path, content).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("ours");
        (directory, path)
    }

    fn guard(path: &Path) -> Guard {
        Guard { address: SocketAddr::from(([127, 0, 0, 1], 8470)), token_files: Arc::from([path.to_owned()]) }
    }

    #[track_caller]
    fn check(guard: &Guard, host: &str, authorization: &str, expect: Option<StatusCode>) {
        let mut headers = HeaderMap::new();
        for (name, value) in [(HOST, host), (AUTHORIZATION, authorization)] {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_str(value).expect("a header"));
            }
        }
        let found = guard.objection(&headers).map(|answer| answer.status());
        assert_eq!(found, expect, "{host} {authorization}");
    }

    #[test]
    fn the_token_opens_and_nothing_else_does() {
        let (_directory, path) = written(&format!("{TOKEN}\n"));
        let guard = guard(&path);
        let good = format!("Bearer {TOKEN}");
        check(&guard, "127.0.0.1:8470", &good, None);
        check(&guard, "127.0.0.1:8470", &format!("bearer {TOKEN}"), None);
        for wrong in ["", "Bearer", "Bearer ", "Bearer 0123456789abcdef0123456789abcdee", TOKEN, "Basic eDp5"] {
            check(&guard, "127.0.0.1:8470", wrong, Some(StatusCode::UNAUTHORIZED));
        }
        check(&guard, "127.0.0.1:8470", &format!("{good}0"), Some(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn a_name_that_was_made_to_resolve_to_this_machine_does_not_open() {
        let (_directory, path) = written(TOKEN);
        let (guard, good) = (guard(&path), format!("Bearer {TOKEN}"));
        for own in ["localhost:8470", "LOCALHOST:8470", "[::1]:8470"] {
            check(&guard, own, &good, None);
        }
        for other in ["", "evil.example:8470", "127.0.0.1", "localhost", "127.0.0.1:80", "127.0.0.1:8470.evil.example"]
        {
            check(&guard, other, &good, Some(StatusCode::FORBIDDEN));
        }
    }

    #[test]
    fn a_replaced_token_is_good_at_once_and_a_lost_one_lets_nobody_in() {
        let (_directory, path) = written(TOKEN);
        let guard = guard(&path);
        let next = TOKEN.replace('0', "f");
        std::fs::write(&path, &next).expect("written");
        check(&guard, "localhost:8470", &format!("Bearer {TOKEN}"), Some(StatusCode::UNAUTHORIZED));
        check(&guard, "localhost:8470", &format!("Bearer {next}"), None);
        std::fs::write(&path, "").expect("written");
        check(&guard, "localhost:8470", "Bearer ", Some(StatusCode::SERVICE_UNAVAILABLE));
        std::fs::remove_file(&path).expect("removed");
        check(&guard, "localhost:8470", &format!("Bearer {next}"), Some(StatusCode::SERVICE_UNAVAILABLE));
    }

    /// A monitor that is broken into can't send.
    #[tokio::test]
    async fn the_token_of_a_monitor_opens_the_metrics_alone() {
        let (_directory, path) = written(TOKEN);
        let (_monitors, of_monitors) = written(&TOKEN.replace('0', "f"));
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = AdminServer::bind(here, &path, Some(&of_monitors)).await.expect("it binds");
        let host = server.address().to_string();
        let (admin, monitor) = (format!("Bearer {TOKEN}"), format!("Bearer {}", TOKEN.replace('0', "f")));
        check(&server.guard, &host, &admin, None);
        check(&server.guard, &host, &monitor, Some(StatusCode::UNAUTHORIZED));
        check(&server.monitors, &host, &admin, None);
        check(&server.monitors, &host, &monitor, None);
        check(&server.monitors, &host, "Bearer x", Some(StatusCode::UNAUTHORIZED));
        std::fs::remove_file(&path).expect("removed");
        check(&server.monitors, &host, &monitor, None);
        check(&server.guard, &host, &monitor, Some(StatusCode::SERVICE_UNAVAILABLE));
    }

    #[tokio::test]
    async fn it_does_not_begin_without_a_token_or_off_the_loopback() {
        let (_directory, path) = written("short");
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        let error = AdminServer::bind(here, &path, None).await.expect_err("no token");
        assert!(matches!(error, AdminError::Token(TokenFileError::NoToken(_))), "{error}");
        std::fs::write(&path, TOKEN).expect("written");
        let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let error = AdminServer::bind(everywhere, &path, None).await.expect_err("not here");
        assert!(matches!(error, AdminError::NotLoopback(_)), "{error}");
        assert!(AdminServer::bind(here, &path, None).await.expect("it binds").address().port() > 0);
    }
}
