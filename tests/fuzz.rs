//! A storm of files that nobody would write: arbitrary bytes, text that looks like TOML, and examples with all kinds of
//! damage. What must hold of each is in `promises`, which the targets of libFuzzer in `fuzz/` share.
//!
//! `NUDGED_FUZZ_CASES=1000000 cargo test --release --test fuzz` makes a million of them.

#[path = "fuzz/activities.rs"]
mod activities;
#[path = "fuzz/contents.rs"]
mod contents;
#[path = "fuzz/promises/mod.rs"]
mod promises;

use std::thread;

/// As many as are done without being asked: some seconds of an unoptimised build.
const CASES: u64 = 20_000;

/// How many are asked for.
fn cases() -> u64 {
    std::env::var("NUDGED_FUZZ_CASES").ok().map_or(CASES, |cases| cases.parse().expect("a number of cases"))
}

/// A generator of numbers that look random and are the same each time (xorshift64*).
struct Draw(u64);

impl Draw {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("31 bits") % bound.max(1)
    }

    fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// Keys and values of every kind, right and wrong.
const WORDS: &[&str] = &[
    "[schedule.x]",
    "[schedule",
    "]",
    "=",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\n",
    "\n",
    " ",
    ",",
    "[",
    "{",
    "}",
    "#",
    "\\",
    "\u{0}",
    "é",
    "𝄞",
    "\u{202e}",
    "at",
    "every",
    "on",
    "cron",
    "rrule",
    "days",
    "event",
    "among",
    "after",
    "once_per",
    "from",
    "until",
    "except",
    "if_holiday",
    "missing_day",
    "zone",
    "late",
    "to",
    "text",
    "why",
    "priority",
    "dst_gap",
    "\"day\"",
    "\"2 weeks\"",
    "\"month\"",
    "\"last friday\"",
    "\"02-29\"",
    "\"90m\"",
    "\"everyone\"",
    "\"09:00\"",
    "09:00:00",
    "2026-12-01",
    "2026-12-01T09:00:00",
    "2026-12-01T09:00:00+14:00",
    "9999-12-31T23:59:59",
    "0000-01-01",
    "-1",
    "1e309",
    "99999999999999999999",
    "true",
    "{{ person.name }}",
    "{% if",
    "%}",
    "}}",
    "{{",
    "| upper",
    "calendar:recipient",
    "\"2026-12-24 to 2027-01-06\"",
    "Europe/Berlin",
    "CET",
    "inf",
    "0x",
    "\r\n",
    "\r",
];

/// Fragments of patterns and rules.
const PATTERN: &[&str] = &[
    "*",
    "*/5",
    "0",
    "59",
    "60",
    "1-5",
    "5-1",
    "L",
    "W",
    "LW",
    "15W",
    "#",
    "mon#5",
    "friL",
    "@daily",
    "@",
    " ",
    " ",
    " ",
    ",",
    "/",
    "-",
    "?",
    "jan",
    "FREQ=DAILY",
    "FREQ=YEARLY",
    "FREQ=WEEKLY",
    ";",
    ";",
    "=",
    "INTERVAL=9999",
    "COUNT=100000",
    "UNTIL=99991231",
    "BYDAY=",
    "-1FR",
    "MO",
    "53TU",
    "BYSETPOS=-366",
    "BYMONTHDAY=-31",
    "BYWEEKNO=53",
    "BYYEARDAY=366",
    "WKST=SU",
    "BYMONTH=2",
    "é",
    "99999999999",
];

const EXAMPLES: &[&str] = &[
    "[schedule.a]\ntitle = \"A\"\nto = [\"group:g\", \"ana@contoso.example\"]\nevery = \"2 weeks\"\non = [\"monday\", \"thu\"]\nat = [\"09:00\", 17:30]\nfrom = 2026-11-23\nuntil = 2027-06-30\nexcept = [2026-12-24, \"2026-12-28 to 2026-12-31\"]\nzone = \"Europe/Paris\"\nlate = \"1h30m\"\nwhy = \"Because.\"\ntext = \"\"\"\nGood {{ local.weekday | lower }}, {{ person.first_name | default(\"you\") }}.\n\"\"\"\n",
    "[schedule.b]\nto = \"everyone\"\ncron = \"*/15 9-17 1,15 * mon-fri\"\ndays = \"either\"\ndst_gap = \"first-valid\"\ntext = 'hi'\n",
    "[schedule.c]\nto = \"everyone\"\nrrule = \"FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR,1MO;BYSETPOS=-1;WKST=SU\"\nat = \"09:00\"\nfrom = 2026-01-01\ntext = \"hi\"\n",
    "[schedule.d]\nto = \"everyone\"\nevery = \"year\"\non = [\"02-29\", \"last friday of november\"]\nmissing_day = \"skip\"\nat = \"00:00\"\ntext = \"hi\"\n[schedule.e]\nto=\"everyone\"\nat=2026-12-01T09:00:00+01:00\nzone=\"UTC\"\ntext=\"{% for i in person.name %}{{ i }}{% endfor %}\"\n",
];

const CALENDARS: &[(&str, &str)] = &[
    (
        "x.ics",
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261227\r\nRRULE:FREQ=YEARLY;UNTIL=20301224\r\nEXDATE:20271224\r\nSUMMARY:Christ\r\n mas\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    ),
    (
        "x.toml",
        "title = \"Ours\"\ndays = [2026-12-24, \"2026-12-28 to 2026-12-31\"]\nyearly = [\"12-25\", \"last monday of may\"]\n",
    ),
];

fn bytes(draw: &mut Draw) -> Vec<u8> {
    (0..draw.below(120)).map(|_| u8::try_from(draw.below(256)).expect("a byte")).collect()
}

fn joined(draw: &mut Draw, words: &[&str], most: usize) -> String {
    (0..draw.below(most)).map(|_| draw.one_of(words)).collect()
}

/// A text with some damage: bytes changed, parts removed, doubled, exchanged, or replaced by words.
fn damaged(draw: &mut Draw, example: &str) -> String {
    let mut text = example.as_bytes().to_vec();
    for _ in 0..=draw.below(4) {
        let (a, b) = (draw.below(text.len() + 1), draw.below(text.len() + 1));
        let (from, to) = (a.min(b), a.max(b).min(a.min(b) + 40));
        match draw.below(6) {
            0 if !text.is_empty() => {
                let at = a.min(text.len() - 1);
                text[at] ^= 1 << draw.below(8);
            }
            1 => drop(text.drain(from..to)),
            2 => {
                let part = text[from..to].to_vec();
                text.splice(b.min(text.len())..b.min(text.len()), part);
            }
            3 => text.truncate(b),
            4 => drop(text.splice(from..to, draw.one_of(PATTERN).bytes())),
            _ => drop(text.splice(a..a, draw.one_of(WORDS).bytes())),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn schedule_file(draw: &mut Draw) -> String {
    match draw.below(8) {
        0 => String::from_utf8_lossy(&bytes(draw)).into_owned(),
        1 => joined(draw, WORDS, 40),
        2 => {
            let key = draw.one_of(&["cron", "rrule", "every", "on", "at", "except", "late", "zone"]);
            let value = joined(draw, PATTERN, 9);
            format!("[schedule.x]\nto = \"everyone\"\ntext = \"hi\"\nfrom = 2026-12-01T09:00:00\n{key} = \"{value}\"\n")
        }
        3 => {
            let value = joined(draw, WORDS, 6).replace(['"', '\\', '\n', '\r', '\u{0}'], "");
            format!("[schedule.x]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"{value}\"\n")
        }
        _ => {
            let example = draw.one_of(EXAMPLES);
            damaged(draw, example)
        }
    }
}

#[test]
fn whatever_stands_in_a_file() {
    let cases = cases();
    thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for case in (half..cases).step_by(2) {
                    let mut draw = Draw::new(case + 1);
                    if draw.below(10) == 0 {
                        let (name, example) = CALENDARS[draw.below(CALENDARS.len())];
                        promises::calendar::file(name, &damaged(&mut draw, example));
                    } else {
                        promises::schedule::file(&schedule_file(&mut draw));
                    }
                }
            });
        }
    });
}
