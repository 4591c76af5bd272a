//! Changes of the schedule files, told by the kernel (inotify).
//!
//! A file counts as changed when whoever wrote it closes it, or when it comes under its name; not while it is written.
//! Directories of another machine and mounts tell nothing: for them there are SIGHUP and `nudged reload`.

use std::ffi::{CStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use tokio::io::unix::AsyncFd;

use crate::port::library::FileWatch;

/// What is told of a directory of files.
const OF_FILES: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// What is told of the directory around it: that it comes, goes, or that another one takes its place.
const AROUND: WatchFlags = WatchFlags::MOVED_FROM
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ONLYDIR);

/// Watches a directory and those below it.
#[derive(Debug)]
pub struct DirectoryWatch {
    directory: PathBuf,
    fd: AsyncFd<OwnedFd>,
    /// The watch on the nearest directory around it that is there, and the name in it that leads to ours.
    around: Mutex<Option<(i32, OsString)>>,
}

impl DirectoryWatch {
    /// Watches from now on. The directory need not be there yet.
    #[expect(
        deprecated,
        reason = "its successor is unsafe because a type might give up its descriptor; an OwnedFd keeps it, and unsafe is forbidden here"
    )]
    pub fn new(directory: PathBuf) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let watch = Self { directory, fd: AsyncFd::new(fd)?, around: Mutex::default() };
        watch.arm();
        Ok(watch)
    }

    /// Watches what is there by now. A directory that is watched already is not watched twice.
    fn arm(&self) {
        let mut below = self.directory.as_path();
        let mut around = None;
        while let (Some(parent), Some(name)) = (below.parent(), below.file_name()) {
            // Where we are has no name.
            let place = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            if let Ok(watch) = inotify::add_watch(self.fd.get_ref(), place, AROUND) {
                around = Some((watch, name.to_owned()));
                break;
            }
            below = parent;
        }
        let before =
            std::mem::replace(&mut *self.around.lock().unwrap_or_else(PoisonError::into_inner), around.clone());
        if let Some((before, _)) = before.filter(|before| around.as_ref().is_none_or(|around| around.0 != before.0)) {
            // It may have gone with its directory.
            let _ = inotify::remove_watch(self.fd.get_ref(), before);
        }
        self.arm_below(&self.directory);
    }

    fn arm_below(&self, directory: &Path) {
        match inotify::add_watch(self.fd.get_ref(), directory, OF_FILES) {
            Ok(_) => {}
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return,
            Err(error) => {
                tracing::warn!(
                    directory = %directory.display(), %error,
                    "changes here will not be noticed; after an edit say `nudged reload`"
                );
                return;
            }
        }
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let is_hidden = entry.file_name().as_bytes().starts_with(b".");
            // As a link to a directory is not followed when files are read.
            if !is_hidden && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.arm_below(&entry.path());
            }
        }
    }

    /// Takes what the kernel has told, and says whether anything of it is about files that are read. Fails with
    /// `WouldBlock` when there is nothing.
    fn take(&self) -> io::Result<bool> {
        let around = self.around.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(self.fd.get_ref(), &mut buffer);
        let mut matters = false;
        loop {
            let event = reader.next()?;
            let name = event.file_name().map(CStr::to_bytes).unwrap_or_default();
            // More happened than the kernel could note.
            let is_lost = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            matters |= is_lost
                || match &around {
                    Some((watch, ours)) if *watch == event.wd() => ours.as_bytes() == name,
                    _ => is_read(name) && !event.events().contains(ReadFlags::IGNORED),
                };
            if reader.is_buffer_empty() {
                return Ok(matters);
            }
        }
    }
}

/// Whether something of this name is read: not what editors put beside their files. Two dots begin the names by which
/// Kubernetes exchanges all files at once.
fn is_read(name: &[u8]) -> bool {
    name.starts_with(b"..") || !(name.starts_with(b".") || name.ends_with(b"~"))
}

#[async_trait]
impl FileWatch for DirectoryWatch {
    async fn changed(&self) {
        loop {
            let Ok(mut ready) = self.fd.readable().await else {
                // There is no more to be told; whoever waits is not told a falsehood.
                return std::future::pending().await;
            };
            match ready.try_io(|_| self.take()) {
                Ok(Ok(true)) => {
                    // Directories may have come that nobody watches yet. What was put into them before this is read now.
                    self.arm();
                    return;
                }
                Ok(Ok(false)) | Err(_) => {}
                Ok(Err(error)) => {
                    tracing::error!(%error, "schedule files are no longer watched; after an edit say `nudged reload`");
                    return std::future::pending().await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Whether a change has been told by now. The kernel tells at once, so nobody has to wait.
    async fn is_told(watch: &DirectoryWatch) -> bool {
        // The readiness of a file descriptor arrives with a turn of the runtime.
        let turns = async {
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = watch.changed() => true,
            () = turns => false,
        }
    }

    #[tokio::test]
    async fn a_file_that_is_written_tells_when_it_is_closed() {
        let directory = tempfile::tempdir().expect("a directory");
        let watch = DirectoryWatch::new(directory.path().to_owned()).expect("a watch");
        assert!(!is_told(&watch).await, "nothing has changed");
        fs::write(directory.path().join("a.toml"), "one").expect("written");
        assert!(is_told(&watch).await);
        assert!(!is_told(&watch).await, "it is told once");
        let mut file = fs::File::options().append(true).open(directory.path().join("a.toml")).expect("opened");
        io::Write::write_all(&mut file, b"half of it").expect("written");
        assert!(!is_told(&watch).await, "whoever writes it is not done");
        drop(file);
        assert!(is_told(&watch).await);
        fs::remove_file(directory.path().join("a.toml")).expect("removed");
        assert!(is_told(&watch).await);
    }

    #[tokio::test]
    async fn what_editors_put_beside_a_file_is_not_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let watch = DirectoryWatch::new(directory.path().to_owned()).expect("a watch");
        for name in [".a.toml.swp", "a.toml~"] {
            fs::write(directory.path().join(name), "x").expect("written");
        }
        assert!(!is_told(&watch).await);
        fs::rename(directory.path().join("a.toml~"), directory.path().join("a.toml")).expect("renamed");
        assert!(is_told(&watch).await, "it has come under its name");
    }

    #[tokio::test]
    async fn directories_that_come_later_are_watched_too() {
        let around = tempfile::tempdir().expect("a directory");
        let directory = around.path().join("schedules");
        let watch = DirectoryWatch::new(directory.clone()).expect("a watch");
        fs::write(around.path().join("other"), "x").expect("written");
        assert!(!is_told(&watch).await, "what is beside it is nothing to us");
        fs::create_dir(&directory).expect("made");
        assert!(is_told(&watch).await);
        fs::create_dir(directory.join("team")).expect("made");
        assert!(is_told(&watch).await);
        fs::write(directory.join("team/a.toml"), "x").expect("written");
        assert!(is_told(&watch).await);
        // All files exchanged at once, by another directory of the name.
        fs::rename(&directory, around.path().join("old")).expect("renamed");
        assert!(is_told(&watch).await);
        fs::create_dir(&directory).expect("made");
        assert!(is_told(&watch).await);
        fs::write(directory.join("b.toml"), "x").expect("written");
        assert!(is_told(&watch).await);
    }
}
