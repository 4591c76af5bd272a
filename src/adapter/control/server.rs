//! The daemon's end of the socket. File permissions decide who may ask.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_util::service::TowerToHyperService;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::LAST_WORDS;
use super::routes::routes;
use super::vitals;
use crate::adapter::serving::{self, Closing};
use crate::port::clock::Clock;
use crate::port::desk::Desk;
use crate::port::vitals::Vitals;

/// A socket that answers.
#[derive(Debug)]
pub struct ControlServer {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlServer {
    /// Binds the socket, for its owner and group only. A socket that a dead daemon left behind is replaced; anything
    /// else at that path is left alone. The caller holds the store's lock, so no other daemon can be listening.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::symlink_metadata(path) {
            Ok(metadata) if metadata.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_) => return Err(io::Error::other("something that is not a socket is there already")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers until `stop`.
    pub async fn run(
        self,
        desk: Arc<dyn Desk>,
        vitals: Arc<dyn Vitals>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) {
        let all = routes(desk)
            .merge(vitals::routes(Arc::clone(&vitals)))
            .merge(vitals::metrics_routes(Arc::clone(&vitals)))
            .merge(vitals::open_routes(vitals));
        let closing = Closing { clock, stop, last_words: LAST_WORDS };
        serving::serve(self.listener, TowerToHyperService::new(all), closing).await;
        // It may have been removed by hand already.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_for_its_owner_and_group() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("run/nudged.sock");
        // The second one takes the place of what a dead daemon left behind.
        for _ in 0..2 {
            let _server = ControlServer::bind(&path).expect("it binds");
            let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o660);
        }
        let file = directory.path().join("notes");
        std::fs::write(&file, "kept").expect("written");
        ControlServer::bind(&file).expect_err("it is no socket");
        assert_eq!(std::fs::read(&file).expect("it is there"), b"kept");
    }
}
