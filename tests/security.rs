//! What `SECURITY.md` says is held to what there is: each test that it names exists, each line names one or says that there
//! is none, and what it says of the service unit stands in the unit.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("it can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The sources of the library, or of one test binary.
fn sources(of: &str) -> Vec<String> {
    let mut files = Vec::new();
    if of == "lib" {
        rust_files(&root().join("src"), &mut files);
    } else {
        let (single, folder) = (root().join(format!("tests/{of}.rs")), root().join("tests").join(of));
        files.extend(single.is_file().then_some(single));
        if folder.is_dir() {
            rust_files(&folder, &mut files);
        }
    }
    files.iter().map(|path| fs::read_to_string(path).expect("a text")).collect()
}

/// Whether a function of this name is a test: an attribute stands above it, or, in a suite that is written for several
/// stores, the list of the suite has it.
fn is_test(name: &str, sources: &[String]) -> bool {
    let head = format!("fn {name}(");
    let has_attribute = sources.iter().any(|text| {
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().enumerate().any(|(at, line)| {
            line.contains(&head)
                && lines[..at].iter().rev().take_while(|above| above.trim_start().starts_with("#[")).any(|above| {
                    ["#[test]", "#[tokio::test"].iter().any(|attribute| above.trim_start().starts_with(attribute))
                })
        })
    });
    let is_listed = || sources.iter().any(|text| text.lines().any(|line| line.trim() == format!("{name},")));
    has_attribute || sources.iter().any(|text| text.contains(&head)) && is_listed()
}

/// What stands between single backticks.
fn code(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_the_page_names_exists() {
    let page = read("SECURITY.md");
    let (mut known, mut wrong, mut named) = (BTreeMap::new(), Vec::new(), 0);
    for words in code(&page).map(|text| text.split_whitespace().collect::<Vec<_>>()) {
        let (of, names) = match words[..] {
            ["--lib", ref names @ ..] => ("lib", names),
            ["--test", of, ref names @ ..] => (of, names),
            _ => continue,
        };
        named += 1;
        let sources = known.entry(of.to_owned()).or_insert_with(|| sources(of));
        if names.len() != 1 || !is_test(names[0], sources) {
            wrong.push(words.join(" "));
        }
    }
    assert!(wrong.is_empty(), "no such tests:\n{}", wrong.join("\n"));
    assert!(named > 40, "{named}: the page is not read");
}

#[test]
fn every_line_is_guarded_or_says_that_it_is_not() {
    let page = read("SECURITY.md");
    let mut in_table = false;
    let mut lines = 0;
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        in_table = match cells[..] {
            ["", _, .., "guarded by", ""] => true,
            ["", .., ""] => in_table,
            _ => false,
        };
        let [.., guard, ""] = cells[..] else { continue };
        if !in_table || guard == "guarded by" || guard.starts_with("---") {
            continue;
        }
        lines += 1;
        let says = ["`--lib ", "`--test ", "`.ci/run`", "no test", "not defended"];
        assert!(
            says.iter().any(|word| guard.contains(word)),
            "nothing guards this line, and it does not say so:\n{line}"
        );
    }
    assert!(lines > 30, "{lines}: the page is not read");
}

#[test]
fn the_service_unit_keeps_its_sandbox() {
    let unit = read("systemd/nudged.service");
    for setting in [
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "PrivateUsers=yes",
        "ProtectProc=invisible",
        "MemoryDenyWriteExecute=yes",
        "RestrictNamespaces=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged @resources",
        "StateDirectoryMode=0700",
        "RuntimeDirectoryMode=0750",
        "UMask=0077",
        "LimitCORE=0",
        "MemoryMax=512M",
        "User=nudged",
    ] {
        assert!(unit.lines().any(|line| line == setting), "{setting} is not in the unit");
    }
    let environment: Vec<_> = unit.lines().filter(|line| line.starts_with("Environment")).collect();
    assert!(environment.is_empty(), "the environment is readable for others: {environment:?}");
}

#[test]
fn every_fuzz_target_is_built_and_told_of() {
    let (page, manifest) = (read("SECURITY.md"), read("fuzz/Cargo.toml"));
    let mut targets = Vec::new();
    rust_files(&root().join("fuzz/fuzz_targets"), &mut targets);
    assert_eq!(targets.len(), 6);
    for target in targets {
        let name = target.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not built");
        assert!(page.contains(&format!("| `{name}` |")), "SECURITY.md does not tell of {name}");
    }
}
