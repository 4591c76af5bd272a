//! Sentences on a screen of 80 columns.

/// How wide anything that is written for people is at most.
pub(super) const WIDTH: usize = 80;

/// Where the text begins behind its label.
const INDENT: usize = 16;

/// Units that stand behind a number.
const UNITS: [&str; 10] = ["days", "d", "h", "min", "s", "ms", "kB", "MB", "GB", "%"];

/// The words of a text between which a line may end: not between a number and its unit. They are those of the iterator
/// otherwise, so that whoever puts a space between them has the text again.
pub(super) fn unparted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let is_number = |word: &str| {
        let number = word.rsplit(' ').next().unwrap_or(word).trim_start_matches('(');
        number.starts_with(|c: char| c.is_ascii_digit())
            && number.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
    };
    let is_unit = |word: &str| UNITS.contains(&word.trim_end_matches([')', ',', ';', '.', ':']));
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        match kept.last_mut() {
            Some(before) if is_unit(word) && is_number(before) => {
                before.push(' ');
                before.push_str(word);
            }
            _ => kept.push(word.to_owned()),
        }
    }
    kept
}

/// `text` in lines of at most `width` characters, broken between words, but never between a number and
/// its unit. A word that is longer has a line of its own.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in unparted(text.split_whitespace()) {
        let line = lines.last_mut().expect("there is one from the beginning");
        let length = line.chars().count();
        if length == 0 {
            line.push_str(&word);
        } else if length + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

/// `text` as a paragraph, each line behind `indent` spaces.
pub(super) fn paragraph(text: &str, indent: usize) -> String {
    let lines = wrapped(text, WIDTH - indent).into_iter();
    lines.map(|line| format!("{:indent$}{line}", "").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Labels with what is to be said of each, in two columns.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    lines: Vec<String>,
}

impl Sheet {
    /// Adds a line, or as many as it takes. Without a label it goes on with what was said before.
    pub(super) fn say(&mut self, label: &str, text: &str) {
        for (number, line) in wrapped(text, WIDTH - INDENT).into_iter().enumerate() {
            let label = if number == 0 { label } else { "" };
            self.lines.push(format!("  {label:<13} {line}").trim_end().to_owned());
        }
    }

    pub(super) fn text(self) -> String {
        self.lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a verylongword b", 5), ["a", "verylongword", "b"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn a_number_stays_with_its_unit() {
        assert_eq!(wrapped("next (in 1 d 7 h)", 14), ["next (in 1 d", "7 h)"]);
        assert_eq!(wrapped("half within 0.4 s", 15), ["half within", "0.4 s"]);
        assert_eq!(wrapped("5 senders", 5), ["5", "senders"]);
    }

    #[test]
    fn a_sheet_keeps_within_its_width() {
        let mut sheet = Sheet::default();
        sheet.say("state", &"word ".repeat(40));
        let text = sheet.text();
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }
}
