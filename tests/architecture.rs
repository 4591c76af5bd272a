//! The arrows between the rooms, held in place: it reads every file under `src/` and fails on an import that runs the
//! wrong way, naming the file, the line and the rule.

use std::fs;
use std::path::{Path, PathBuf};

/// What each room may name of the others, besides itself. The first entry that fits a file holds, so a part of a room
/// stands before the room. In the order in which `src/lib.rs` shows them.
const RULES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("port", &["domain"]),
    ("engine", &["port", "domain"]),
    // One room for each outside thing: they do not see each other. How a connection is served is one thing for all.
    ("adapter", &["port", "domain", "adapter::serving"]),
    ("config", &["domain"]),
    // A program of its own: from the rest it takes only what time it is.
    ("emulator", &["port::clock", "domain::time"]),
    ("daemon", &["domain", "port", "engine", "adapter", "config"]),
    ("cli", &["domain", "port", "engine", "adapter", "config", "emulator", "daemon"]),
];

/// What must not occur in the domain at all, with the reason.
const NOT_IN_DOMAIN: &[(&str, &str)] = &[
    ("async fn", "the domain does not wait"),
    ("tokio::", "the domain does not wait"),
    ("std::fs", "the domain does no I/O"),
    ("std::io", "the domain does no I/O"),
    ("std::net::Tcp", "the domain does no I/O"),
    ("std::env", "the domain has no surroundings"),
    ("tracing::", "the domain returns reasons, the engine logs them"),
    ("reqwest", "the domain does no I/O"),
    ("rusqlite", "the domain does no I/O"),
    ("jiff", "zone rules come in through domain::time::ZoneRules"),
];

fn source_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("src can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every file with its path below `src/` without `.rs`, and its text.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    source_files(&root, &mut found);
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let below = path.strip_prefix(&root).expect("below src").with_extension("");
            (below.display().to_string(), fs::read_to_string(&path).expect("a text"))
        })
        .collect()
}

/// The rooms of this crate that a line names, as written after `crate::`.
fn named_rooms(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").map(|(at, word)| {
        let rest = &line[at + word.len()..];
        rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).next().unwrap_or_default()
    })
}

fn is_in(place: &str, room: &str) -> bool {
    place == room || place.strip_prefix(room).is_some_and(|rest| rest.starts_with("::"))
}

fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn imports_run_one_way() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let room = file.split('/').next().expect("a room");
        let Some((_, allowed)) = RULES.iter().find(|(name, _)| *name == room) else { continue };
        // An adapter's own room is a folder or file below `adapter`.
        let own: Vec<String> = match room {
            "adapter" => {
                vec![format!("adapter::{}", file.split('/').nth(1).unwrap_or_default())]
            }
            other => vec![other.to_owned()],
        };
        for (line, code) in code_lines(&text) {
            for named in named_rooms(code) {
                let is_own = own.iter().any(|own| is_in(named, own));
                if !is_own && !allowed.iter().any(|allowed| is_in(named, allowed)) {
                    wrong.push(format!("src/{file}.rs:{line}: `{room}` must not name `crate::{named}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n(see the map in src/lib.rs)", wrong.join("\n"));
}

#[test]
fn every_room_has_a_rule() {
    for (file, _) in sources() {
        let room = file.split('/').next().expect("a room");
        let known = RULES.iter().any(|(name, _)| *name == room) || ["lib", "main"].contains(&room);
        assert!(known, "src/{room} has no rule here: say what it may name, and put it on the map in src/lib.rs");
    }
}

#[test]
fn the_domain_is_pure() {
    let mut wrong = Vec::new();
    // Tests may read the shipped examples from disk.
    let is_pure = |file: &str| file.starts_with("domain") && !file.ends_with("/tests") && !file.contains("/tests/");
    for (file, text) in sources().into_iter().filter(|(file, _)| is_pure(file)) {
        for (line, code) in code_lines(&text) {
            for (word, why) in NOT_IN_DOMAIN {
                if code.contains(word) {
                    wrong.push(format!("src/{file}.rs:{line}: `{word}`: {why}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
