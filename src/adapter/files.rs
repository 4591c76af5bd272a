//! Schedule files in a directory, and the supplies beside them.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::domain::problem::Source;
use crate::domain::supplies::Kind;
use crate::port::library::{FoundSupply, Library, Shelf, UnreadableFile};

/// Larger than this, a file is nothing that a person wrote: a hundred thousand people fit into it.
const MAX_BYTES: u64 = 64 << 20;

/// No message is as large as this, and calendars of a whole country's holidays have a tenth of it.
const MAX_SUPPLY_BYTES: u64 = 4 << 20;

/// The `*.toml` files of a directory and of those below it.
#[derive(Debug, Clone)]
pub struct DirectoryLibrary {
    directory: PathBuf,
}

impl DirectoryLibrary {
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }
}

#[async_trait]
impl Library for DirectoryLibrary {
    async fn read(&self) -> Shelf {
        let directory = self.directory.clone();
        match tokio::task::spawn_blocking(move || read_directory(&directory)).await {
            Ok(found) => found,
            Err(error) => Shelf {
                unreadable: vec![UnreadableFile { name: self.directory.display().to_string(), why: error.to_string() }],
                ..Shelf::default()
            },
        }
    }
}

/// Reads the schedule files of a directory in the order of their names, and its supplies. A file that an editor is
/// still writing (a hidden name, a `~` at the end) is passed over.
///
/// Supplies stand in `cards/`, `text/` and `calendars/`; what is there is no schedule file.
#[must_use]
pub fn read_directory(directory: &Path) -> Shelf {
    read(directory, Some(directory))
}

/// Reads what a person named: a file, or the schedule files of a directory. The supplies are those of the nearest
/// directory, from the one named upwards, that has any; of a path among them nothing else is read.
#[must_use]
pub fn read_named(path: &Path) -> Shelf {
    read(path, home(path).as_deref())
}

/// `home` is the directory in which the supplies stand.
fn read(path: &Path, home: Option<&Path>) -> Shelf {
    let mut shelf = Shelf::default();
    let rooms: Vec<PathBuf> = home.into_iter().flat_map(rooms).map(|(_, room)| room).collect();
    let is_inside = rooms.iter().any(|room| is_below(path, room));
    if path.is_dir() {
        let mut found = Vec::new();
        if !is_inside && let Err(error) = find(path, &["toml"], &rooms, &mut found, &mut shelf.unreadable) {
            shelf.unreadable.push(unreadable(path, &error));
        }
        found.sort();
        for path in found {
            read_file(&path, &mut shelf);
        }
    } else if !is_inside {
        read_file(path, &mut shelf);
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
            shelf.supplies.push(FoundSupply { path, text: read_bounded(&file, MAX_SUPPLY_BYTES) });
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
        // A link to a directory is not followed: it could lead round in a circle.
        if path.is_dir() && !path.is_symlink() {
            if let Err(error) = find(&path, endings, rooms, found, unread) {
                unread.push(unreadable(&path, &error));
            }
        } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
            found.push(path);
        }
    }
    Ok(())
}

fn read_file(path: &Path, shelf: &mut Shelf) {
    match read_text(path) {
        Ok(source) => shelf.files.push(source),
        Err(unreadable) => shelf.unreadable.push(unreadable),
    }
}

/// Reads one file that a person wrote.
pub fn read_text(path: &Path) -> Result<Source, UnreadableFile> {
    read_bounded(path, MAX_BYTES)
}

fn read_bounded(path: &Path, most: u64) -> Result<Source, UnreadableFile> {
    let text = std::fs::metadata(path).and_then(|metadata| {
        // A pipe or a device could be read for ever.
        if !metadata.is_file() {
            return Err(io::Error::other("it is no ordinary file"));
        }
        if metadata.len() > most {
            return Err(io::Error::other(format!("it is larger than {} MiB", most >> 20)));
        }
        std::fs::read_to_string(path)
    });
    match text {
        // Some editors begin a file with a mark that says it is Unicode. It says nothing else.
        Ok(text) => Ok(Source::new(path.display().to_string(), text.strip_prefix('\u{feff}').unwrap_or(&text))),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> UnreadableFile {
    UnreadableFile { name: path.display().to_string(), why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[tokio::test]
    async fn a_missing_directory_is_said_to_be_missing() {
        let shelf = DirectoryLibrary::new("/nowhere/at/all".into()).read().await;
        assert!(shelf.files.is_empty());
        assert_eq!(shelf.unreadable.len(), 1);
    }
}
