//! Schedule files in a directory, and the supplies beside them.
//!
//! What is found in a directory is read only if it lies in it, wherever links lead. Whoever may write schedules would
//! otherwise have the daemon read for them what they must not, such as the bot's secret as the text of a message.

mod watch;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, open, openat2};
use rustix::io::Errno;
use tokio::sync::Mutex;

use crate::domain::problem::Source;
use crate::domain::supplies::Kind;
use crate::port::library::{FoundSupply, Library, Shelf, UnreadableFile};

pub use watch::DirectoryWatch;

/// The bytes of a schedule file or a supply. Ten thousand schedules fit into it; no message is as large, and calendars of a
/// whole country's holidays have a tenth of it.
const MAX_BYTES: u64 = 4 << 20;

/// Larger than this, a file is nothing that a person wrote: a hundred thousand people fit into it.
const MAX_NAMED_BYTES: u64 = 64 << 20;

/// How files are opened. A pipe would otherwise keep us waiting for whoever writes into it.
const READING: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

/// The `*.toml` files of a directory and of those below it.
#[derive(Debug, Clone)]
pub struct DirectoryLibrary {
    directory: PathBuf,
    /// One looks at a time, so that a directory that hangs has one thread and not one for each who asks.
    looking: Arc<Mutex<()>>,
}

impl DirectoryLibrary {
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, looking: Arc::default() }
    }
}

#[async_trait]
impl Library for DirectoryLibrary {
    async fn read(&self) -> Shelf {
        let directory = self.directory.clone();
        let looking = Arc::clone(&self.looking).lock_owned().await;
        let look = move || {
            let _looking = looking;
            read_directory(&directory)
        };
        match tokio::task::spawn_blocking(look).await {
            Ok(found) => found,
            Err(error) => {
                Shelf { unreadable: vec![unreadable(&self.directory, &io::Error::other(error))], ..Shelf::default() }
            }
        }
    }
}

/// Reads the schedule files of a directory in the order of their names, and its supplies. A file that an editor is
/// still writing (a hidden name, a `~` at the end) is passed over.
///
/// Supplies stand in `cards/`, `text/` and `calendars/`; what is there is no schedule file. A file in the place of the
/// directory is no directory with nothing in it: like a missing one, it says nothing of what should be there.
#[must_use]
pub fn read_directory(directory: &Path) -> Shelf {
    read(directory, Some(directory), true)
}

/// Reads what a person named: a file, or the schedule files of a directory. The supplies are those of the nearest
/// directory, from the one named upwards, that has any; of a path among them nothing else is read.
#[must_use]
pub fn read_named(path: &Path) -> Shelf {
    read(path, home(path).as_deref(), path.is_dir())
}

/// `home` is the directory in which the supplies stand.
fn read(path: &Path, home: Option<&Path>, is_directory: bool) -> Shelf {
    let mut shelf = Shelf::default();
    // Where the files of a directory have to lie.
    let root = home.filter(|home| path.starts_with(home)).unwrap_or(path);
    let rooms: Vec<PathBuf> = home.into_iter().flat_map(rooms).map(|(_, room)| room).collect();
    let is_inside = rooms.iter().any(|room| is_below(path, room));
    if is_directory {
        let mut found = Vec::new();
        if !is_inside && let Err(error) = find(path, &["toml"], &rooms, &mut found, &mut shelf.unreadable) {
            shelf.unreadable.push(unreadable(path, &error));
        }
        found.sort();
        for path in found {
            shelve(read_below(root, &path, MAX_BYTES), &mut shelf);
        }
    } else if !is_inside {
        shelve(read_named_file(path, MAX_BYTES), &mut shelf);
    }
    if let Some(home) = home {
        read_supplies(home, &mut shelf);
    }
    shelf
}

/// The directory whose supplies belong to a path.
fn home(path: &Path) -> Option<PathBuf> {
    let has_rooms = |directory: &Path| rooms(directory).any(|(_, room)| room.is_dir());
    // A relative path ends where we are (as the empty one), and the directories above that one have other names.
    let above_us = std::fs::canonicalize(path).unwrap_or_default();
    path.ancestors().chain(above_us.ancestors()).find(|directory| has_rooms(directory)).map(Path::to_owned)
}

/// Whether `path` is `directory` or lies in it, whichever way the two are written.
#[must_use]
pub fn is_below(path: &Path, directory: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    path.starts_with(directory) || real(path).starts_with(real(directory))
}

/// Where the supplies of each kind are.
fn rooms(home: &Path) -> impl Iterator<Item = (Kind, PathBuf)> {
    Kind::ALL.into_iter().map(|kind| (kind, home.join(kind.directory())))
}

fn read_supplies(home: &Path, shelf: &mut Shelf) {
    for (kind, room) in rooms(home).filter(|(_, room)| room.is_dir()) {
        let mut found = Vec::new();
        if let Err(error) = find(&room, kind.endings(), &[], &mut found, &mut shelf.unreadable) {
            shelf.unreadable.push(unreadable(&room, &error));
        }
        for file in found {
            let Ok(below) = file.strip_prefix(home) else { continue };
            let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
            let path = parts.join("/");
            shelf.supplies.push(FoundSupply { path, text: read_below(home, &file, MAX_BYTES) });
        }
    }
    shelf.supplies.sort_by(|a, b| a.path.cmp(&b.path));
}

/// Finds the files with one of these endings, in `directory` and below, but not in `rooms`.
fn find(
    directory: &Path,
    endings: &[&str],
    rooms: &[PathBuf],
    found: &mut Vec<PathBuf>,
    unread: &mut Vec<UnreadableFile>,
) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name.ends_with('~') || rooms.contains(&path) {
            continue;
        }
        let is_wanted = path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known));
        // It could lead round in a circle. Whoever made it means what is in there.
        if path.is_dir() && path.is_symlink() {
            let why = "it is a link to a directory, and those are not followed";
            unread.push(UnreadableFile::new(path.display().to_string(), why, "put the directory itself there"));
        } else if path.is_dir() && is_wanted {
            let why = "it is a directory with the name of a file";
            unread.push(UnreadableFile::new(
                path.display().to_string(),
                why,
                "rename it, or put the file in its place",
            ));
        } else if path.is_dir() {
            if let Err(error) = find(&path, endings, rooms, found, unread) {
                unread.push(unreadable(&path, &error));
            }
        } else if is_wanted {
            found.push(path);
        }
    }
    Ok(())
}

fn shelve(read: Result<Source, UnreadableFile>, shelf: &mut Shelf) {
    match read {
        Ok(source) => shelf.files.push(source),
        Err(unreadable) => shelf.unreadable.push(unreadable),
    }
}

/// Reads one file that a person wrote and named, such as one of people.
pub fn read_text(path: &Path) -> Result<Source, UnreadableFile> {
    read_named_file(path, MAX_NAMED_BYTES)
}

fn read_named_file(path: &Path, most: u64) -> Result<Source, UnreadableFile> {
    let file = open(path, READING, Mode::empty()).map(File::from).map_err(|error| unreadable(path, &error.into()))?;
    read_bounded(path, file, most)
}

/// Reads a file that was found below `root`. A link may lead to another place in there, as those do by which Kubernetes
/// exchanges all files at once.
fn read_below(root: &Path, path: &Path, most: u64) -> Result<Source, UnreadableFile> {
    read_bounded(path, open_below(root, path)?, most)
}

fn open_below(root: &Path, path: &Path) -> Result<File, UnreadableFile> {
    let failed = |error: io::Error| unreadable(path, &error);
    let below = path.strip_prefix(root).map_err(|error| failed(io::Error::other(error)))?;
    // Where we are has no name.
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    let root = rustix::fs::openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let root = root.map_err(|error| failed(error.into()))?;
    // The kernel looks where it leads while it opens it, so that nobody can exchange it in between.
    match openat2(root, below, READING, Mode::empty(), ResolveFlags::BENEATH) {
        Ok(file) => Ok(File::from(file)),
        Err(Errno::XDEV) => {
            let why = "it is a link that leads out of the directory of the schedules";
            Err(UnreadableFile::new(path.display().to_string(), why, PUT_IT_THERE))
        }
        Err(error) => Err(failed(error.into())),
    }
}

/// What to do about a link that is not followed.
const PUT_IT_THERE: &str = "put the file itself there";

fn read_bounded(path: &Path, file: File, most: u64) -> Result<Source, UnreadableFile> {
    let failed = |error: io::Error| unreadable(path, &error);
    let name = path.display().to_string();
    let metadata = file.metadata().map_err(failed)?;
    // A pipe or a device could be read for ever.
    if !metadata.is_file() {
        return Err(UnreadableFile::new(name, "it is no ordinary file", "put a file in its place"));
    }
    if metadata.len() > most {
        let why = format!("it is larger than {} MiB", most >> 20);
        return Err(UnreadableFile::new(name, why, "make it smaller, or several of it"));
    }
    let mut bytes = Vec::new();
    // It may have grown meanwhile; what is cut off is seen as damage.
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    as_text(&name, bytes)
}

/// What was read as the text that it should be.
pub fn as_text(name: &str, bytes: Vec<u8>) -> Result<Source, UnreadableFile> {
    match String::from_utf8(bytes) {
        // Some editors begin a file with a mark that says it is Unicode. It says nothing else.
        Ok(text) => Ok(Source::new(name, text.strip_prefix('\u{feff}').unwrap_or(&text))),
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let why = format!("the byte {:02X} is not UTF-8 here", bytes.get(start).copied().unwrap_or_default());
            let shown = Source::new(name, String::from_utf8_lossy(&bytes));
            let end = start + char::REPLACEMENT_CHARACTER.len_utf8();
            let at = Some(Box::new((shown, start..end)));
            Err(UnreadableFile { at, ..UnreadableFile::new(name, why, "save the file as UTF-8") })
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> UnreadableFile {
    let is_circle = error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    let cure = if is_circle { PUT_IT_THERE } else { "check the path and its rights" };
    UnreadableFile::new(path.display().to_string(), error.to_string(), cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that is gone keeps whoever looks for ever, and `nudged reload` is asked again and again.
    #[tokio::test]
    async fn a_directory_is_looked_at_by_one_at_a_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let library = DirectoryLibrary::new(directory.path().to_owned());
        let hangs = Arc::clone(&library.looking).lock_owned().await;
        let mut read = library.read();
        tokio::select! {
            biased;
            _ = &mut read => panic!("two look at it"),
            () = tokio::task::yield_now() => {}
        }
        drop(hangs);
        assert!(read.await.unreadable.is_empty());
    }

    #[tokio::test]
    async fn toml_files_come_in_the_order_of_their_names() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &[u8]| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        write("b.toml", "\u{feff}b".as_bytes());
        write("a.toml", b"a");
        write("team/c.toml", b"c");
        write(".a.toml.swp", b"x");
        write("a.toml~", b"x");
        write("notes.txt", b"x");
        write("d.toml", &[0xff, 0xfe]);
        let shelf = DirectoryLibrary::new(directory.path().to_owned()).read().await;
        let texts: Vec<_> = shelf.files.iter().map(|file| file.text.to_string()).collect();
        assert_eq!(texts, ["a", "b", "c"]);
        assert_eq!(shelf.unreadable.len(), 1, "{:?}", shelf.unreadable);
        assert!(shelf.unreadable[0].name.ends_with("d.toml"));
    }

    #[test]
    fn supplies_stand_in_directories_of_their_own() {
        let directory = tempfile::tempdir().expect("a directory");
        for name in [
            "a.toml",
            "team/b.toml",
            "team/cards/no.json",
            "cards/x.json",
            "cards/deep/y.json",
            "cards/no.toml",
            "cards/.x.json.swp",
            "cards/x.json~",
            "text/z.md",
            "text/no.txt",
            "calendars/de.toml",
            "calendars/fr.ics",
        ] {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, name).expect("written");
        }
        let check = |shelf: Shelf, files: &[&str], supplies: &[&str]| {
            assert!(shelf.unreadable.is_empty(), "{:?}", shelf.unreadable);
            assert_eq!(shelf.files.iter().map(|file| &*file.text).collect::<Vec<_>>(), files);
            let paths: Vec<_> = shelf.supplies.iter().map(|supply| supply.path.as_str()).collect();
            assert_eq!(paths, supplies);
            for supply in &shelf.supplies {
                let text = &supply.text.as_ref().expect("it can be read").text;
                assert!(text.ends_with(&supply.path), "{text}");
            }
        };
        let all = ["calendars/de.toml", "calendars/fr.ics", "cards/deep/y.json", "cards/x.json", "text/z.md"];
        let below = |name: &str| directory.path().join(name);
        check(read_directory(directory.path()), &["a.toml", "team/b.toml"], &all);
        check(read_named(directory.path()), &["a.toml", "team/b.toml"], &all);
        check(read_named(&below("a.toml")), &["a.toml"], &all);
        // The nearest directory that has any; and for what stands among them, they alone.
        check(read_named(&below("team/b.toml")), &["team/b.toml"], &["cards/no.json"]);
        check(read_named(&below("cards/x.json")), &[], &all);
        check(read_named(&below("calendars")), &[], &all);
        check(read_directory(&below("text")), &[], &[]);
    }

    #[test]
    fn a_supply_that_cannot_be_read_says_so() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("text")).expect("made");
        std::fs::write(directory.path().join("text/x.md"), [0xff, 0xfe]).expect("written");
        let shelf = read_directory(directory.path());
        assert!(shelf.unreadable.is_empty());
        assert!(shelf.supplies[0].text.is_err());
    }

    /// Whoever writes schedules has the daemon read files, and may have less rights than it.
    #[test]
    fn a_link_leads_nowhere_else() {
        use std::os::unix::fs::symlink;

        let directory = tempfile::tempdir().expect("a directory");
        let (home, secret) = (directory.path().join("schedules"), directory.path().join("bot-secret"));
        std::fs::create_dir_all(home.join("text")).expect("made");
        std::fs::create_dir_all(home.join("..data")).expect("made");
        std::fs::write(&secret, "hunter2").expect("written");
        std::fs::write(home.join("..data/b.toml"), "b").expect("written");
        symlink(&secret, home.join("a.toml")).expect("linked");
        symlink("../bot-secret", home.join("c.toml")).expect("linked");
        symlink("../../bot-secret", home.join("text/x.md")).expect("linked");
        symlink("/proc/self/environ", home.join("text/y.md")).expect("linked");
        // Within the directory is where it belongs.
        symlink("..data/b.toml", home.join("b.toml")).expect("linked");
        symlink("../..data/b.toml", home.join("text/z.md")).expect("linked");

        for shelf in [read_directory(&home), read_named(&home)] {
            assert_eq!(shelf.files.iter().map(|file| &*file.text).collect::<Vec<_>>(), ["b"]);
            let refused: Vec<_> = shelf.unreadable.iter().map(|file| file.why.as_str()).collect();
            assert_eq!(refused.len(), 2, "{refused:?}");
            assert!(refused.iter().all(|why| why.contains("a link that leads out of the directory")), "{refused:?}");
            let texts: Vec<_> = shelf.supplies.iter().map(|supply| supply.text.as_ref().map(|it| &*it.text)).collect();
            assert!(matches!(texts[..], [Err(_), Err(_), Ok("b")]), "{texts:?}");
        }
        // Who names a file has the right to it.
        assert_eq!(read_text(&home.join("a.toml")).expect("it can be read").text.to_string(), "hunter2");
    }

    #[test]
    fn a_directory_that_is_not_read_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let (home, other) = (directory.path().join("schedules"), directory.path().join("other"));
        for made in [&other, &home.join("team"), &home.join("c.toml"), &home.join("..data")] {
            std::fs::create_dir_all(made).expect("made");
        }
        std::os::unix::fs::symlink(&other, home.join("a")).expect("linked");
        std::os::unix::fs::symlink("team", home.join("b")).expect("linked");
        let mut unread = read_directory(&home).unreadable;
        unread.sort_by(|a, b| a.name.cmp(&b.name));
        let said: Vec<_> =
            unread.iter().map(|file| (&file.name[home.as_os_str().len()..], file.why.as_str())).collect();
        let link = "it is a link to a directory, and those are not followed";
        let expect = [("/a", link), ("/b", link), ("/c.toml", "it is a directory with the name of a file")];
        assert_eq!(said, expect);
    }

    #[test]
    fn what_is_no_text_is_told_with_its_place() {
        let check = |bytes: &[u8], expect: &str| {
            let file = as_text("a.csv", bytes.to_vec()).expect_err("it is no text");
            assert_eq!(file.to_string(), expect);
            let (source, problem) = file.problem();
            assert_eq!(&source.text[problem.span.clone()], "\u{fffd}");
        };
        check(
            b"name\nJ\xc3\xbcrgen\nJ\xfcrgen\n",
            "a.csv:3:2 can't be read: the byte FC is not UTF-8 here; save the file as UTF-8",
        );
        check(b"cut \xc3", "a.csv:1:5 can't be read: the byte C3 is not UTF-8 here; save the file as UTF-8");
    }

    #[test]
    fn a_schedule_file_has_its_bounds_and_one_of_people_has_others() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.toml");
        let file = File::create(&path).expect("made");
        file.set_len(MAX_BYTES).expect("it has room");
        assert_eq!(read_directory(directory.path()).files.len(), 1);
        file.set_len(MAX_BYTES + 1).expect("it has room");
        for shelf in [read_directory(directory.path()), read_named(&path)] {
            assert!(shelf.files.is_empty());
            assert_eq!(shelf.unreadable[0].why, "it is larger than 4 MiB");
        }
        assert!(read_text(&path).is_ok());
    }

    #[test]
    fn a_pipe_keeps_nobody_waiting() {
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = directory.path().join("a.toml");
        rustix::fs::mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        let shelf = read_directory(directory.path());
        assert_eq!(shelf.unreadable[0].why, "it is no ordinary file");
    }

    #[tokio::test]
    async fn a_missing_directory_is_said_to_be_missing() {
        let shelf = DirectoryLibrary::new("/nowhere/at/all".into()).read().await;
        assert!(shelf.files.is_empty());
        assert_eq!(shelf.unreadable.len(), 1);
    }

    #[tokio::test]
    async fn a_file_in_the_place_of_the_directory_is_no_schedule_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("schedules");
        std::fs::write(&path, "").expect("written");
        let shelf = DirectoryLibrary::new(path.clone()).read().await;
        assert!(shelf.files.is_empty(), "{:?}", shelf.files);
        let said: Vec<_> = shelf.unreadable.iter().map(|file| (file.name.clone(), file.why.as_str())).collect();
        assert_eq!(said, [(path.display().to_string(), "Not a directory (os error 20)")]);
        // Whoever names a file means that file.
        assert_eq!(read_named(&path).files.len(), 1);
    }
}
