//! Schedule files in a directory.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::domain::problem::Source;
use crate::port::library::{Library, Shelf, UnreadableFile};

/// Larger than this, a file is nothing that a person wrote: a hundred thousand people fit into it.
const MAX_BYTES: u64 = 64 << 20;

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
        match tokio::task::spawn_blocking(move || read_paths(&[directory])).await {
            Ok(found) => found,
            Err(error) => Shelf {
                files: Vec::new(),
                unreadable: vec![UnreadableFile { name: self.directory.display().to_string(), why: error.to_string() }],
            },
        }
    }
}

/// Reads files, and of directories the schedule files in them, in the order of their names. A file that an editor
/// is still writing (a hidden name, a `~` at the end) is passed over in a directory.
#[must_use]
pub fn read_paths(paths: &[PathBuf]) -> Shelf {
    let mut shelf = Shelf::default();
    for path in paths {
        if path.is_dir() {
            let mut found = Vec::new();
            if let Err(error) = find(path, &mut found, &mut shelf) {
                shelf.unreadable.push(unreadable(path, &error));
            }
            found.sort();
            for path in found {
                read_file(&path, &mut shelf);
            }
        } else {
            read_file(path, &mut shelf);
        }
    }
    shelf
}

fn find(directory: &Path, found: &mut Vec<PathBuf>, shelf: &mut Shelf) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        // A link to a directory is not followed: it could lead round in a circle.
        if path.is_dir() && !path.is_symlink() {
            if let Err(error) = find(&path, found, shelf) {
                shelf.unreadable.push(unreadable(&path, &error));
            }
        } else if path.extension().is_some_and(|extension| extension == "toml") {
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
    let text = std::fs::metadata(path).and_then(|metadata| {
        // A pipe or a device could be read for ever.
        if !metadata.is_file() {
            return Err(io::Error::other("it is no ordinary file"));
        }
        if metadata.len() > MAX_BYTES {
            return Err(io::Error::other(format!("it is larger than {} MiB", MAX_BYTES >> 20)));
        }
        std::fs::read_to_string(path)
    });
    match text {
        Ok(text) => Ok(Source::new(path.display().to_string(), text)),
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
        write("b.toml", b"b");
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

    #[tokio::test]
    async fn a_missing_directory_is_said_to_be_missing() {
        let shelf = DirectoryLibrary::new("/nowhere/at/all".into()).read().await;
        assert!(shelf.files.is_empty());
        assert_eq!(shelf.unreadable.len(), 1);
    }
}
