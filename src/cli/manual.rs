//! Manual pages. Those of the commands come from the command line itself, those of the files from their references in
//! Markdown, so that there is one text of each and not two.

mod roff;

use clap::ValueEnum;

/// A page about a kind of file.
struct FilePage {
    name: &'static str,
    about: &'static str,
    markdown: &'static str,
}

const CONFIG: FilePage = FilePage {
    name: "nudged.toml",
    about: "configuration of nudged",
    markdown: include_str!("../../CONFIGURATION.md"),
};

const SCHEDULE: FilePage = FilePage {
    name: "nudged-schedule",
    about: "schedule files of nudged",
    markdown: include_str!("../../schedules/README.md"),
};

/// The pages that can be asked for by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Page {
    /// The program and its commands, nudged(1)
    Nudged,
    /// The configuration, nudged.toml(5)
    Config,
    /// Schedule files, nudged-schedule(5)
    Schedule,
}

/// A page of the manual, and what its file is called.
pub(super) struct Manual {
    pub(super) file: String,
    pub(super) roff: Vec<u8>,
}

pub(super) fn one(page: Page) -> std::io::Result<Manual> {
    match page {
        Page::Nudged => of_command(super::definition()),
        Page::Config => Ok(of_file(&CONFIG)),
        Page::Schedule => Ok(of_file(&SCHEDULE)),
    }
}

/// All of them, with one for each command.
pub(super) fn all() -> std::io::Result<Vec<Manual>> {
    let mut whole = super::definition().disable_help_subcommand(true);
    // Gives the commands what is global, and their full names.
    whole.build();
    let mut pages = Vec::new();
    let mut waiting = vec![whole];
    while let Some(command) = waiting.pop() {
        waiting.extend(command.get_subcommands().cloned());
        pages.push(of_command(command)?);
    }
    pages.extend([of_file(&CONFIG), of_file(&SCHEDULE)]);
    pages.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(pages)
}

fn of_command(command: clap::Command) -> std::io::Result<Manual> {
    let page = clap_mangen::Man::new(command).source(SOURCE).manual("nudged");
    let mut roff = Vec::new();
    page.render(&mut roff)?;
    Ok(Manual { file: page.get_filename(), roff: roff::with_examples(&roff) })
}

const SOURCE: &str = concat!("nudged ", env!("CARGO_PKG_VERSION"));

fn of_file(page: &FilePage) -> Manual {
    let roff = roff::page(page.name, "5", page.about, SOURCE, page.markdown);
    Manual { file: format!("{}.5", page.name), roff: roff.into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_fit_a_terminal_so_that_they_can_be_pasted() {
        for name in ["emulator", "event", "failures", "recall", "send"] {
            let whole = super::super::definition();
            let help =
                whole.find_subcommand(name).and_then(clap::Command::get_after_help).expect("it has some").to_string();
            for line in help.lines().filter(|line| line.starts_with("  ")) {
                // A page of the manual moves it in by seven more.
                assert!(line.chars().count() + 7 <= 80, "{name}: {line}");
            }
        }
    }

    #[test]
    fn there_is_a_page_for_each_command_and_each_kind_of_file() {
        let pages = all().expect("pages");
        let names: Vec<&str> = pages.iter().map(|page| page.file.as_str()).collect();
        for name in ["nudged.1", "nudged-run.1", "nudged-people-zone.1", "nudged.toml.5", "nudged-schedule.5"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        for page in pages {
            let roff = String::from_utf8(page.roff).expect("text");
            assert!(roff.contains("\n.SH NAME\n"), "{}", page.file);
        }
    }
}
