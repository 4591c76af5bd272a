//! The files in which credentials are.
//!
//! They are read for each token request and kept no longer than it takes, so that whoever replaces one need not
//! restart anything. What is wrong with one becomes a sentence that names the file and never what stands in it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

/// A chain of certificates takes some 10 KiB; what is larger than this is another file.
const BYTES_MAX: usize = 64 * 1024;

/// What a file is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Secret,
    Certificate,
    CertificateKey,
    Assertion,
}

impl Holds {
    fn name(self) -> &'static str {
        match self {
            Holds::Secret => "the bot's secret",
            Holds::Certificate => "the bot's certificate",
            Holds::CertificateKey => "the key of the bot's certificate",
            Holds::Assertion => "the assertion of the bot's workload identity",
        }
    }

    /// Whether who reads the file can pass for the bot, and for how long. A certificate is public, and an assertion is good
    /// for an hour at most and belongs to whoever writes it.
    fn is_kept_secret(self) -> bool {
        match self {
            Holds::Secret | Holds::CertificateKey => true,
            Holds::Certificate | Holds::Assertion => false,
        }
    }

    /// The key of the configuration that names the file.
    fn key(self) -> &'static str {
        match self {
            Holds::Secret => "secret_file",
            Holds::Certificate => "certificate_file",
            Holds::CertificateKey => "certificate_key_file",
            Holds::Assertion => "assertion_file",
        }
    }
}

/// Why a credential can't be used as it stands.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error(
        "{} can't be read from {}: {source}; make it readable there, or correct {} below [bot]",
        holds.name(), path.display(), holds.key()
    )]
    Unreadable { holds: Holds, path: PathBuf, source: io::Error },
    /// `why` goes on after the name of the file.
    #[error("{} in {} {why}", holds.name(), path.display())]
    Wrong { holds: Holds, path: PathBuf, why: &'static str },
}

impl Unusable {
    pub(super) fn wrong(holds: Holds, path: &Path, why: &'static str) -> Self {
        Self::Wrong { holds, path: path.to_owned(), why }
    }

    /// What the system said, where it did not let the file be read.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Unusable::Unreadable { source, .. } => Some(source.kind()),
            Unusable::Wrong { .. } => None,
        }
    }
}

/// The whole file, which is wiped from memory when it is dropped. It waits for the disk: such files are small, and
/// lie on the machine itself.
pub(super) fn read(holds: Holds, path: &Path) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    // Room for all of it, so that growing leaves no copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 1));
    File::open(path)
        .and_then(|file| file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(|source| Unusable::Unreadable { holds, path: path.to_owned(), source })?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Unusable::wrong(holds, path, "is empty"));
    }
    if bytes.len() > BYTES_MAX {
        return Err(Unusable::wrong(holds, path, "is larger than 64 KiB; is it another file?"));
    }
    Ok(bytes)
}

/// A file that holds one word, such as a secret. A line break at its end, as editors leave one, is not part of it.
pub(super) fn read_word(holds: Holds, path: &Path) -> Result<SecretString, Unusable> {
    let bytes = read(holds, path)?;
    let word = bytes.trim_ascii();
    if !word.iter().all(u8::is_ascii_graphic) {
        return Err(Unusable::wrong(holds, path, "is not one plain word; write nothing else into the file"));
    }
    Ok(SecretString::from(String::from_utf8_lossy(word).into_owned()))
}

/// The rights of those who are neither the owner nor of the file's group: to read it, and to write it.
const OF_OTHERS: u32 = 0o006;

/// In words, that everybody on this machine can read or replace a file of which nobody should; `None` where they can't, or
/// where it can't be told. The group is not asked about: it is how the service is given the file.
pub(super) fn exposure(holds: Holds, path: &Path) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.mode();
    (holds.is_kept_secret() && mode & OF_OTHERS != 0).then(|| {
        let shown = path.display();
        format!("{} in {shown} is open to everybody on this machine: `chmod o= {shown}`, then replace it", holds.name())
    })
}

/// What tells a file from its successor without reading it. Equal for a file that nobody touched, and for one that
/// is not there and still is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Print(Option<[i128; 5]>);

impl Print {
    pub(super) fn of(path: &Path) -> Self {
        // Not the time of the last change alone: what replaces a file may be as old. A change of the rights shows in
        // the change time.
        let print = std::fs::metadata(path).map(|found| {
            let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
            [
                i128::from(found.dev()),
                i128::from(found.ino()),
                i128::from(found.len()),
                nanoseconds(found.mtime(), found.mtime_nsec()),
                nanoseconds(found.ctime(), found.ctime_nsec()),
            ]
        });
        Self(print.ok())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    fn written(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("bot-secret");
        std::fs::write(&path, bytes).expect("written");
        (directory, path)
    }

    #[test]
    fn a_word_is_read_without_the_line_break_of_an_editor() {
        for text in ["S3cret~x.y_z-1", "S3cret~x.y_z-1\n", " S3cret~x.y_z-1\r\n\n"] {
            let (_directory, path) = written(text.as_bytes());
            let word = read_word(Holds::Secret, &path).expect("a word");
            assert_eq!(word.expose_secret(), "S3cret~x.y_z-1");
            assert!(!format!("{word:?}").contains("S3cret"));
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_name_and_without_its_content() {
        let large = vec![b'x'; BYTES_MAX + 1];
        for (bytes, why) in [
            (&b""[..], "is empty"),
            (b" \n\t\r\n", "is empty"),
            (b"hunter2 hunter3", "is not one plain word; write nothing else into the file"),
            (b"hunter2\nhunter3\n", "is not one plain word; write nothing else into the file"),
            (b"hunter2\xff", "is not one plain word; write nothing else into the file"),
            (&large, "is larger than 64 KiB; is it another file?"),
        ] {
            let (_directory, path) = written(bytes);
            let said = read_word(Holds::Secret, &path).expect_err("no word").to_string();
            assert_eq!(said, format!("the bot's secret in {} {why}", path.display()));
        }
        let (directory, path) = written(b"x");
        let said = read_word(Holds::Assertion, directory.path()).expect_err("a directory");
        assert!(said.to_string().contains("can't be read from"), "{said}");
        std::fs::remove_file(&path).expect("removed");
        let said = read_word(Holds::Secret, &path).expect_err("gone");
        assert_eq!(said.io_kind(), Some(io::ErrorKind::NotFound));
    }

    #[test]
    fn a_secret_that_everybody_can_read_or_replace_is_told_of() {
        let (_directory, path) = written(b"hunter2");
        let check = |holds: Holds, mode: u32, is_told: bool| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("ours");
            let said = exposure(holds, &path);
            assert_eq!(said.is_some(), is_told, "{holds:?} {mode:o}");
            assert!(said.is_none_or(|said| said.contains("chmod o= ") && !said.contains("hunter2")));
        };
        for (mode, is_told) in [(0o600, false), (0o440, false), (0o640, false), (0o644, true), (0o602, true)] {
            check(Holds::Secret, mode, is_told);
            check(Holds::CertificateKey, mode, is_told);
            check(Holds::Certificate, mode, false);
            check(Holds::Assertion, mode, false);
        }
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(exposure(Holds::Secret, &path), None);
    }

    #[test]
    fn a_file_that_was_replaced_has_another_print() {
        let (directory, path) = written(b"one");
        let first = Print::of(&path);
        assert_eq!(first, Print::of(&path));
        // As long, and moved into place: as a careful hand does it.
        let next = directory.path().join("next");
        std::fs::write(&next, b"two").expect("written");
        std::fs::rename(&next, &path).expect("moved");
        let second = Print::of(&path);
        assert_ne!(first, second);
        std::fs::remove_file(&path).expect("removed");
        assert_ne!(second, Print::of(&path));
        assert_eq!(Print::of(&path), Print::of(&path), "still not there");
    }
}
