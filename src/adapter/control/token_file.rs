//! The file that holds the token of the admin API, or that of its monitors. Everybody on the machine can reach the port, so what keeps strangers out
//! is that they can't read this file: one that they can is as good as none.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;

/// Characters of a token at least: 128 bits, written in hexadecimal.
const SHORTEST: usize = 32;

/// Bytes of the file at most.
const LARGEST: usize = 4096;

/// The rights of those who are neither the owner nor of the file's group: to read it, and to write it.
const OF_OTHERS: u32 = 0o006;

/// Why there is no token to compare with.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    #[error("the token of the admin API can't be read from {}: {source}; correct the name of the file below [admin]", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "the token of the admin API in {path} is open to everybody on this machine; put a new one there after \
         `chmod o= {path}`", path = .0.display()
    )]
    Open(PathBuf),
    #[error(
        "the token of the admin API in {} is not one plain word of at least {SHORTEST} characters; \
         `openssl rand -hex 32` makes one", .0.display()
    )]
    NoToken(PathBuf),
}

/// Whether a token stands there.
pub fn check(path: &Path) -> Result<(), TokenFileError> {
    read(path).map(drop)
}

/// The token as it stands there now. It is wiped from memory when it is dropped.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TokenFileError> {
    // Room for all of it, so that growing leaves no copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST + 1));
    let unreadable = |source| TokenFileError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    // The rights of what was opened, whatever stands there by now.
    let is_open = file.metadata().map_err(unreadable)?.mode() & OF_OTHERS != 0;
    if is_open {
        return Err(TokenFileError::Open(path.to_owned()));
    }
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let token = bytes.trim_ascii();
    if bytes.len() > LARGEST || token.len() < SHORTEST || !token.iter().all(u8::is_ascii_graphic) {
        return Err(TokenFileError::NoToken(path.to_owned()));
    }
    Ok(Zeroizing::new(token.to_vec()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_token_that_everybody_can_read_or_replace_is_none() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("admin-token");
        fs::write(&path, TOKEN).expect("written");
        for (mode, is_good) in [
            (0o600, true),
            (0o400, true),
            // The group is how other programs are given it.
            (0o640, true),
            (0o440, true),
            (0o644, false),
            (0o604, false),
            (0o602, false),
            (0o666, false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("ours");
            let found = read(&path);
            match &found {
                Ok(token) => assert!(is_good && **token == TOKEN.as_bytes(), "{mode:o}"),
                Err(error) => assert!(!is_good && matches!(error, TokenFileError::Open(_)), "{mode:o}: {error}"),
            }
        }
        let said = read(&path).expect_err("open to all").to_string();
        let shown = path.display();
        assert_eq!(
            said,
            format!(
                "the token of the admin API in {shown} is open to everybody on this machine; put a new one there \
                 after `chmod o= {shown}`"
            )
        );
        assert!(!said.contains(TOKEN));
    }

    #[test]
    fn a_token_is_one_plain_word_that_nobody_guesses() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("admin-token");
        fs::write(&path, "").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("ours");
        let long = "x".repeat(LARGEST + 1);
        let two_words = format!("{TOKEN} {TOKEN}");
        for (content, is_good) in [
            (TOKEN, true),
            ("0123456789abcdef0123456789abcdef\r\n", true),
            ("", false),
            ("short", false),
            (&TOKEN[1..], false),
            (&long, false),
            (&two_words, false),
        ] {
            fs::write(&path, content).expect("written");
            assert_eq!(read(&path).is_ok(), is_good, "{content:.40}");
        }
        fs::remove_file(&path).expect("removed");
        assert!(matches!(read(&path), Err(TokenFileError::Unreadable { .. })));
    }
}
