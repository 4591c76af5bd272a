//! Finding and reading the configuration.

use std::path::{Path, PathBuf};

use crate::adapter::files::as_text;
use crate::cli::problems;
use crate::cli::screen::Screen;
use crate::cli::{Common, Exit};
use crate::config::Config;
use crate::domain::problem::{Problem, Source};
use crate::port::library::UnreadableFile;

/// Where the configuration is when nobody says.
const DEFAULT: &str = "/etc/nudged/nudged.toml";

/// The configuration file that holds: the one named, or the default one.
pub(super) fn path(common: &Common) -> PathBuf {
    common.config.clone().unwrap_or_else(|| DEFAULT.into())
}

/// A configuration that can't be used.
pub(super) enum Unusable {
    Unreadable { file: UnreadableFile, exit: Exit },
    Wrong { source: Source, problems: Vec<Problem> },
}

impl Unusable {
    /// Says everything that is wrong with it.
    pub(super) fn say(&self, screen: Screen) -> Exit {
        match self {
            Unusable::Unreadable { file, exit } => {
                screen.error(format!("the configuration {file}"));
                *exit
            }
            Unusable::Wrong { source, problems } => {
                for problem in problems {
                    screen.say(problems::render(source, problem));
                }
                Exit::Invalid
            }
        }
    }

    /// The same as the problems of a file.
    pub(super) fn problems(self) -> (Source, Vec<Problem>, Exit) {
        match self {
            Unusable::Unreadable { file, exit } => {
                let (source, problem) = file.problem();
                (source, vec![problem], exit)
            }
            Unusable::Wrong { source, problems } => (source, problems, Exit::Invalid),
        }
    }
}

/// A configuration, and what is odd in it.
pub(super) struct Usable {
    pub(super) config: Config,
    pub(super) source: Source,
    pub(super) warnings: Vec<Problem>,
}

impl Usable {
    /// Says what is odd in it.
    fn say(self, screen: Screen) -> Config {
        for warning in &self.warnings {
            screen.say(problems::render(&self.source, warning));
        }
        self.config
    }
}

fn read(common: &Common) -> Result<Usable, Unusable> {
    let path = path(common);
    let name = path.display().to_string();
    let bytes = std::fs::read(&path).map_err(|error| {
        let is_denied = error.kind() == std::io::ErrorKind::PermissionDenied;
        let file = UnreadableFile::new(name.as_str(), error.to_string(), "name one with --config");
        Unusable::Unreadable { file, exit: if is_denied { Exit::NotPermitted } else { Exit::Invalid } }
    })?;
    let source = as_text(&name, bytes).map_err(|file| Unusable::Unreadable { file, exit: Exit::Invalid })?;
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    match Config::parse(&source, directory, &|name| std::env::var(name).ok()) {
        Ok((config, warnings)) => Ok(Usable { config, source, warnings }),
        Err(problems) => Err(Unusable::Wrong { source, problems }),
    }
}

/// Reads the configuration, and says everything that is wrong with it or odd.
pub(super) fn load(screen: Screen, common: &Common) -> Result<Config, Exit> {
    read(common).map(|usable| usable.say(screen)).map_err(|unusable| unusable.say(screen))
}

/// The configuration, where there is one; `None` when none was named and the default one does not exist.
pub(super) fn load_if_any(screen: Screen, common: &Common) -> Result<Option<Config>, Exit> {
    let usable = read_if_any(common).map_err(|unusable| unusable.say(screen))?;
    Ok(usable.map(|usable| usable.say(screen)))
}

/// The same, for those who say by themselves what is wrong with it.
pub(super) fn read_if_any(common: &Common) -> Result<Option<Usable>, Unusable> {
    if common.config.is_none() && !Path::new(DEFAULT).exists() {
        return Ok(None);
    }
    read(common).map(Some)
}
