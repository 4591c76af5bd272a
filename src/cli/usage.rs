//! What is wrong with a command line, in one line as every other error.

use clap::error::{ErrorKind, Result as Parsed};

/// What clap found, in one line; `None` where it is no error but help, a version, or the help for want of a command.
pub(super) fn wrong<T>(parsed: &Parsed<T>) -> Option<String> {
    let error = parsed.as_ref().err()?;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            None
        }
        ErrorKind::MissingSubcommand => Some("no command is given; `nudged --help` lists them".to_owned()),
        _ => Some(one_line(&error.render().to_string())),
    }
}

/// Several lines as clap writes them: what is wrong, arguments that it is about, tips, the usage, and where more stands.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if let Some(usage) = part.strip_prefix("Usage: ") {
            let is_name =
                |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
            let command: Vec<&str> = usage.split_whitespace().take_while(is_name).collect();
            return format!("{line}; see `{} --help`", command.join(" "));
        }
        if part.starts_with("For more information") {
            break;
        }
        let between = if line.is_empty() {
            ""
        } else if part.starts_with("tip: ") {
            "; "
        } else if line.ends_with(':') || part.starts_with('[') {
            " "
        } else {
            ", "
        };
        let part = part.strip_prefix("error: ").or_else(|| part.strip_prefix("tip: ")).unwrap_or(part);
        line.push_str(between);
        line.push_str(part);
    }
    in_our_words(line)
}

/// What the standard library says of a value, so that it says what to write.
fn in_our_words(line: String) -> String {
    const WORDS: [(&str, &str); 2] = [
        ("invalid digit found in string", "write a whole number"),
        ("invalid socket address syntax", "write an address with a port, such as 127.0.0.1:3978"),
    ];
    WORDS.iter().fold(line, |line, (theirs, ours)| line.replace(theirs, ours))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn a_slip_on_the_command_line_is_one_line_with_its_cure() {
        let check = |args: &[&str], expect: &str| {
            let parsed = Cli::try_parse_from(std::iter::once(&"nudged").chain(args));
            assert_eq!(wrong(&parsed).as_deref(), Some(expect), "{args:?}");
        };
        check(
            &["why"],
            "the following required arguments were not provided: <SCHEDULE>, <WHO>; see `nudged why --help`",
        );
        check(
            &["statsu"],
            "unrecognized subcommand 'statsu'; a similar subcommand exists: 'status'; see `nudged --help`",
        );
        check(&["doctor", "--nope"], "unexpected argument '--nope' found; see `nudged doctor --help`");
        check(
            &["retry", "standup", "--on", "2027-02-30"],
            "invalid value '2027-02-30' for '--on <DATE>': 2027-02-30 is not in the calendar; write a date, such as 2027-03-14",
        );
        check(&["tail", "--lines", "x"], "invalid value 'x' for '--lines <N>': write a whole number");
        check(&["--json"], "no command is given; `nudged --help` lists them");
        check(&["man", "x"], "invalid value 'x' for '[PAGE]' [possible values: nudged, config, schedule]");
    }

    #[test]
    fn help_is_no_error() {
        for args in [&["nudged", "--help"][..], &["nudged", "--version"], &["nudged", "people"], &["nudged"]] {
            assert_eq!(wrong(&Cli::try_parse_from(args)), None, "{args:?}");
        }
    }
}
