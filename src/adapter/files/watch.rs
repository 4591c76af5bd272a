//! Changes of the schedule files, told by the kernel (inotify).
//!
//! A file counts as changed when whoever wrote it closes it, or when it comes under its name; not while it is written.
//! Directories of another machine and mounts tell nothing: for them there are SIGHUP and `nudged reload`.

use std::collections::BTreeSet;
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

/// More links than this on one way the kernel does not follow either.
const MOST_LINKS: usize = 40;

/// Watches a directory and those below it.
#[derive(Debug)]
pub struct DirectoryWatch {
    directory: PathBuf,
    fd: AsyncFd<OwnedFd>,
    watched: Mutex<Watched>,
}

/// What is watched, as the kernel numbers it.
#[derive(Debug, Clone, Default)]
struct Watched {
    /// Directories of files.
    files: BTreeSet<i32>,
    /// Directories around them, each with the name in it that leads to ours.
    around: Vec<(i32, OsString)>,
}

impl Watched {
    fn all(&self) -> BTreeSet<i32> {
        self.around.iter().map(|(watch, _)| *watch).chain(self.files.iter().copied()).collect()
    }

    /// Whether something of this name, in what is watched under this number, may change what is read.
    fn is_about(&self, watch: i32, name: &[u8]) -> bool {
        let leads_to_ours = |(around, ours): &(i32, OsString)| *around == watch && ours.as_bytes() == name;
        self.around.iter().any(leads_to_ours) || (self.files.contains(&watch) && is_read(name))
    }
}

impl DirectoryWatch {
    /// Watches from now on. The directory need not be there yet.
    #[expect(
        deprecated,
        reason = "its successor is unsafe because a type might give up its descriptor; an OwnedFd keeps it, and unsafe is forbidden here"
    )]
    pub fn new(directory: PathBuf) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let watch = Self { directory, fd: AsyncFd::new(fd)?, watched: Mutex::default() };
        watch.arm();
        Ok(watch)
    }

    /// Watches what is there by now, and no longer what nothing leads to.
    fn arm(&self) {
        let mut armed = Watched::default();
        self.arm_around(&self.directory, MOST_LINKS, &mut armed);
        self.arm_below(&self.directory, &mut armed);
        let left = armed.all();
        let before = std::mem::replace(&mut *self.watched.lock().unwrap_or_else(PoisonError::into_inner), armed);
        for gone in before.all().difference(&left) {
            // It may have gone with its directory.
            let _ = inotify::remove_watch(self.fd.get_ref(), *gone);
        }
    }

    /// Watches the nearest directory around `path` that is there, and wherever a link stands that leads to it.
    fn arm_around(&self, path: &Path, links: usize, armed: &mut Watched) {
        let mut is_near = false;
        for below in path.ancestors() {
            let (Some(parent), Some(name)) = (below.parent(), below.file_name()) else { return };
            let target = std::fs::read_link(below).ok().filter(|_| links > 0);
            if is_near && target.is_none() {
                continue;
            }
            // Where we are has no name.
            let place = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            if let Ok(watch) = inotify::add_watch(self.fd.get_ref(), place, AROUND) {
                armed.around.push((watch, name.to_owned()));
                is_near = true;
            }
            // The links on the way to this one are found further up.
            if let (Some(target), Ok(place)) = (target, place.canonicalize()) {
                self.arm_around(&place.join(target), links - 1, armed);
            }
        }
    }

    fn arm_below(&self, directory: &Path, armed: &mut Watched) {
        match inotify::add_watch(self.fd.get_ref(), directory, OF_FILES) {
            Ok(watch) => drop(armed.files.insert(watch)),
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
                self.arm_below(&entry.path(), armed);
            }
        }
    }

    /// Takes what the kernel has told, and says whether anything of it is about files that are read. Fails with
    /// `WouldBlock` when there is nothing.
    fn take(&self) -> io::Result<bool> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(self.fd.get_ref(), &mut buffer);
        let mut matters = false;
        loop {
            let event = reader.next()?;
            let name = event.file_name().map(CStr::to_bytes).unwrap_or_default();
            // More happened than the kernel could note.
            let is_lost = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            let is_over = event.events().contains(ReadFlags::IGNORED);
            matters |= is_lost || (watched.is_about(event.wd(), name) && !is_over);
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
    use std::os::unix::fs::symlink;

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

    #[tokio::test]
    async fn a_link_on_the_way_may_be_led_elsewhere() {
        let place = tempfile::tempdir().expect("a directory");
        let at = |path: &str| place.path().join(path);
        let lead = |to: &str| {
            symlink(to, at("new")).expect("a link");
            fs::rename(at("new"), at("current")).expect("renamed");
        };
        for version in ["v1", "v2"] {
            fs::create_dir_all(at(version).join("schedules")).expect("made");
        }
        lead("v1");
        symlink("current/schedules", at("ours")).expect("a link");
        for ours in ["current/schedules", "ours"] {
            lead("v1");
            let watch = DirectoryWatch::new(at(ours)).expect("a watch");
            fs::write(at("other"), "x").expect("written");
            assert!(!is_told(&watch).await, "what is beside a link is nothing to us");
            lead("v2");
            assert!(is_told(&watch).await, "{ours} is another directory now");
            fs::write(at("v2/schedules/a.toml"), "x").expect("written");
            assert!(is_told(&watch).await, "{ours}");
            fs::write(at("v1/schedules/a.toml"), "x").expect("written");
            assert!(!is_told(&watch).await, "nothing leads there any more");
            // To where nothing is yet.
            lead("v3");
            assert!(is_told(&watch).await);
            fs::create_dir_all(at("v3/schedules")).expect("made");
            assert!(is_told(&watch).await);
            fs::write(at("v3/schedules/a.toml"), "x").expect("written");
            assert!(is_told(&watch).await);
            fs::remove_dir_all(at("v3")).expect("removed");
        }
    }
}
