//! The directory of the daily backups. A backup's name says when it was made; other files are left alone.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDateTime, Utc};

use super::copy::{self, CopyError, back_up};
use crate::port::backup::{Backup, BackupError, Backups};

/// A directory with backups of one ledger.
pub struct BackupDirectory {
    ledger: PathBuf,
    directory: PathBuf,
}

const NAME: &str = "nudged-%Y%m%dT%H%M%SZ.db";

/// What a backup is called that is made at `now`.
#[must_use]
pub fn backup_name(now: DateTime<Utc>) -> String {
    now.format(NAME).to_string()
}

/// Makes the directory for backups where it is not there. People's names and addresses will be in it: for its owner only.
pub fn make_backup_directory(directory: &Path) -> Result<(), CopyError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(copy::failed("making", directory))
}

impl BackupDirectory {
    #[must_use]
    pub fn new(ledger: PathBuf, directory: PathBuf) -> Self {
        Self { ledger, directory }
    }

    /// Runs what may take seconds where nothing else waits for it.
    async fn elsewhere<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path, &Path) -> Result<T, BackupError> + Send + 'static,
    ) -> Result<T, BackupError> {
        let (ledger, directory) = (self.ledger.clone(), self.directory.clone());
        let done = tokio::task::spawn_blocking(move || work(&ledger, &directory)).await;
        done.unwrap_or_else(|error| Err(BackupError(format!("the backup ended early: {error}"))))
    }
}

fn failed<'a>(doing: &'a str, path: &'a Path) -> impl Fn(io::Error) -> BackupError + 'a {
    move |error| BackupError(format!("{doing} {}: {error}", path.display()))
}

/// What interrupted backups left behind. Each had a name of its own, so none takes another's place.
fn remove_parts(directory: &Path) -> Result<(), BackupError> {
    for entry in std::fs::read_dir(directory).map_err(failed("reading", directory))? {
        let path = entry.map_err(failed("reading", directory))?.path();
        let whole = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".part"));
        if whole.is_some_and(|name| NaiveDateTime::parse_from_str(name, NAME).is_ok()) {
            std::fs::remove_file(&path).map_err(failed("removing", &path))?;
        }
    }
    Ok(())
}

fn list(directory: &Path) -> Result<Vec<Backup>, BackupError> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("reading", directory)(error)),
    };
    let mut backups = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("reading", directory))?;
        let made_at = entry.file_name().to_str().and_then(|name| NaiveDateTime::parse_from_str(name, NAME).ok());
        if let Some(made_at) = made_at {
            let path = entry.path();
            let bytes = entry.metadata().map_err(failed("reading", &path))?.len();
            backups.push(Backup { path, made_at: made_at.and_utc(), bytes });
        }
    }
    backups.sort_by_key(|backup| backup.made_at);
    Ok(backups)
}

#[async_trait]
impl Backups for BackupDirectory {
    async fn list(&self) -> Result<Vec<Backup>, BackupError> {
        self.elsewhere(|_, directory| list(directory)).await
    }

    async fn make(&self, now: DateTime<Utc>) -> Result<Backup, BackupError> {
        self.elsewhere(move |ledger, directory| {
            make_backup_directory(directory).map_err(|error| BackupError(error.to_string()))?;
            remove_parts(directory)?;
            let path = directory.join(backup_name(now));
            let bytes = back_up(ledger, &path, false, now).map_err(|error| BackupError(error.to_string()))?;
            Ok(Backup { path, made_at: now, bytes })
        })
        .await
    }

    async fn remove(&self, backup: &Backup) -> Result<(), BackupError> {
        let path = backup.path.clone();
        self.elsewhere(move |_, _| std::fs::remove_file(&path).map_err(failed("removing", &path))).await
    }
}
