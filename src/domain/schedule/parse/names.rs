//! Which schedules a file is about, also where it can't be understood.

use crate::domain::id::ScheduleName;

/// The names in the headers `[schedule.NAME]` of a text, in its order and without repetition. For a text that is held back:
/// whoever asks for one of its schedules should learn why it is not in force.
#[must_use]
pub fn names_in(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in text.lines() {
        let Some(header) = line.trim_start().strip_prefix("[schedule.") else { continue };
        let name = match header.strip_prefix(['"', '\'']) {
            Some(quoted) => quoted.split(['"', '\'']).next(),
            None => header.split([']', '.']).next(),
        };
        let Some(name) = name.map(str::trim).and_then(ScheduleName::new) else { continue };
        if !names.iter().any(|known| known == name.as_str()) {
            names.push(name.as_str().to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_found_in_a_broken_file_too() {
        let text = "[schedule.stand-up]\nto = \n  [ schedule.no ]\n[schedule.\"lunch\"]\n[schedule.stand-up.say.fr]\n\
                    [schedule.\n[schedule.a b]\n# [schedule.x]\n [schedule.late ] # comment\n";
        assert_eq!(names_in(text), ["stand-up", "lunch", "late"]);
    }
}
