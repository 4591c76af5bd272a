//! The shipped schedules, compiled in, so that the demo needs no files.

use async_trait::async_trait;

use crate::domain::problem::Source;
use crate::port::library::{FoundSupply, Library, Shelf};

/// Every file under `schedules/`.
const SHIPPED: &[(&str, &str)] = &[
    ("schedules/dispatch-call.toml", include_str!("../../../schedules/dispatch-call.toml")),
    ("schedules/good-morning.toml", include_str!("../../../schedules/good-morning.toml")),
    ("schedules/release-watch.toml", include_str!("../../../schedules/release-watch.toml")),
    ("schedules/stand-up.toml", include_str!("../../../schedules/stand-up.toml")),
    ("schedules/tidy-desk.toml", include_str!("../../../schedules/tidy-desk.toml")),
    ("schedules/timesheet.toml", include_str!("../../../schedules/timesheet.toml")),
    ("schedules/town-hall.toml", include_str!("../../../schedules/town-hall.toml")),
    ("schedules/week-ahead.toml", include_str!("../../../schedules/week-ahead.toml")),
];

/// Every supply below `schedules/`, by its path there.
const SUPPLIES: &[(&str, &str)] = &[
    ("cards/week-ahead.fr.json", include_str!("../../../schedules/cards/week-ahead.fr.json")),
    ("cards/week-ahead.json", include_str!("../../../schedules/cards/week-ahead.json")),
];

/// The shipped schedules.
pub(super) struct ShippedSchedules;

#[async_trait]
impl Library for ShippedSchedules {
    async fn read(&self) -> Shelf {
        let files = SHIPPED.iter().map(|(name, text)| Source::new(*name, *text)).collect();
        let supplies = SUPPLIES.iter().map(|(path, text)| FoundSupply {
            path: (*path).to_owned(),
            text: Ok(Source::new(format!("schedules/{path}"), *text)),
        });
        Shelf { files, unreadable: Vec::new(), supplies: supplies.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_file_is_compiled_in() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schedules");
        let found = crate::adapter::files::read_directory(&directory);
        let on_disk = found.files;
        assert!(on_disk.len() >= 5);
        let names: Vec<_> = on_disk.iter().map(|file| file.name.rsplit('/').next().unwrap_or_default()).collect();
        let compiled: Vec<_> = SHIPPED.iter().map(|(name, _)| name.rsplit('/').next().unwrap_or_default()).collect();
        assert_eq!(compiled, names);
        let on_disk: Vec<_> = found.supplies.iter().map(|supply| supply.path.as_str()).collect();
        let compiled: Vec<_> = SUPPLIES.iter().map(|(path, _)| *path).collect();
        assert_eq!(compiled, on_disk);
    }
}
