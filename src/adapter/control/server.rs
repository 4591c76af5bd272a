//! The daemon's end of the socket. File permissions decide who may ask.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::routes::routes;
use crate::port::desk::Desk;

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
    pub async fn run(self, desk: Arc<dyn Desk>, stop: CancellationToken) -> io::Result<()> {
        let served = axum::serve(self.listener, routes(desk)).with_graceful_shutdown(stop.cancelled_owned()).await;
        // It may have been removed by hand already.
        let _ = std::fs::remove_file(&self.path);
        served
    }
}
