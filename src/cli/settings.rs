//! Finding and reading the configuration.

use std::path::{Path, PathBuf};

use crate::cli::problems;
use crate::cli::screen::Screen;
use crate::cli::{Common, Exit};
use crate::config::Config;
use crate::domain::problem::Source;

/// Where the configuration is when nobody says.
const DEFAULT: &str = "/etc/nudged/nudged.toml";

/// The configuration file that holds: the one named, or the default one.
pub(super) fn path(common: &Common) -> PathBuf {
    common.config.clone().unwrap_or_else(|| DEFAULT.into())
}

/// Reads the configuration, and says everything that is wrong with it.
pub(super) fn load(screen: Screen, common: &Common) -> Result<Config, Exit> {
    let path = path(common);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        screen.error(format!("the configuration can't be read: {}: {error}; name one with --config", path.display()));
        if error.kind() == std::io::ErrorKind::PermissionDenied { Exit::NotPermitted } else { Exit::Invalid }
    })?;
    let source = Source::new(path.display().to_string(), text);
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    match Config::parse(&source, directory, &|name| std::env::var(name).ok()) {
        Ok((config, warnings)) => {
            for warning in warnings {
                screen.say(problems::render(&source, &warning, false));
            }
            Ok(config)
        }
        Err(found) => {
            for problem in &found {
                screen.say(problems::render(&source, problem, false));
            }
            Err(Exit::Invalid)
        }
    }
}

/// The configuration, where there is one; `None` when none was named and the default one does not exist.
pub(super) fn load_if_any(screen: Screen, common: &Common) -> Result<Option<Config>, Exit> {
    if common.config.is_none() && !Path::new(DEFAULT).exists() {
        return Ok(None);
    }
    load(screen, common).map(Some)
}
