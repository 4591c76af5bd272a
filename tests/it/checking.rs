//! What a writer is told of files that can't be used as they are, whatever else is not there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::rig::binary;

const GOOD: &str = "[schedule.good]\nto = \"everyone\"\nat = 2999-01-01T09:00:00\ntext = \"Hello\"\n";

const CONFIG: &str = "fallback_zone = \"Europe/Berlin\"\n[bot]\napp_id = \"11111111-2222-4333-8444-555555555555\"\n\
                      tenant_id = \"11111111-2222-4333-8444-555555555555\"\nsecret_file = \"bot-secret\"\n";

/// A configuration and a directory of schedules with a good one; nobody runs.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        place.write("nudged.toml", CONFIG);
        place.write("bot-secret", "secret");
        place.write("schedules/good.toml", GOOD);
        place
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn run(&self, args: &[&str]) -> Output {
        binary().args(args).current_dir(self.0.path()).output().expect("the binary runs")
    }

    /// The exit code, what is shown and what is said beside it.
    fn said(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = self.run(args);
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (status.code(), text(stdout), text(stderr))
    }
}

/// A writer need not have any right to the ledger, and it may be the one thing that is broken.
#[test]
fn files_are_checked_where_nobody_can_say_who_is_known() {
    let place = Place::new();
    place.write("state/nudged.db", "this is no ledger");
    for paths in [&[][..], &["schedules"], &["schedules/good.toml"]] {
        let (code, shown, said) = place.said(&[&["check", "--config", "nudged.toml"], paths].concat());
        assert_eq!(code, Some(0), "{paths:?}: {said}");
        assert!(shown.contains("good.toml: ok, 1 schedule"), "{paths:?}: {shown}");
        assert!(
            said.contains("note: it is not checked whether everybody is known and can be reached in time"),
            "{said}"
        );
    }
}

#[test]
fn what_the_quiet_hours_of_the_house_never_let_through_is_told() {
    let place = Place::new();
    place.write("nudged.toml", format!("quiet_hours = \"20:00-08:00\"\n{CONFIG}"));
    place.write("schedules/good.toml", GOOD.replace("09:00", "20:00"));
    let (code, shown, said) = place.said(&["check", "--config", "nudged.toml"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(shown.contains("N171") && shown.contains("the quiet hours of nudged.toml"), "{shown}");
    let (_, shown, _) = place.said(&["check", "schedules"]);
    assert!(shown.contains("0 warnings"), "of which house is not said: {shown}");
}

/// What spreadsheets and old editors write.
#[test]
fn what_is_not_utf8_has_its_place_and_its_cure() {
    let place = Place::new();
    place.write("bad.toml", b"[schedule.bad]\nto = \"everyone\"\nat = 2999-01-01T09:00:00\ntext = \"Sch\xf6n\"\n");
    let (code, shown, _) = place.said(&["check", "bad.toml"]);
    let expect =
        "bad.toml:4:12: error N001: this can't be read: the byte F6 is not UTF-8 here; save the file as UTF-8\n";
    assert_eq!(code, Some(78));
    assert!(shown.starts_with(expect), "{shown}");
    assert!(shown.contains("4 | text = \"Sch\u{fffd}n\""), "{shown}");

    place.write("bad.csv", b"email,name\nana@contoso.example,J\xf6rg\n");
    let (code, _, said) = place.said(&["people", "import", "bad.csv", "--config", "nudged.toml"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("bad.csv:2:22 can't be read: the byte F6 is not UTF-8 here; save the file as UTF-8"),
        "{said}"
    );
}

#[test]
fn an_import_accounts_for_every_row() {
    let place = Place::new();
    let rows = "a@x.example,UTC\nb@x.example,Mars\nnobody,UTC\na@x.example,UTC\nc@x.example,UTC\n";
    place.write("people.csv", format!("email,zone\n{rows}"));
    let import = ["people", "import", "people.csv", "--config", "nudged.toml"];
    let (code, shown, _) = place.said(&import);
    assert_eq!((code, shown.as_str()), (Some(4), "2 added, 0 updated, 0 unchanged, 3 not taken in\n"));
    let (_, shown, _) = place.said(&[&import[..], &["--json"]].concat());
    let told: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((&told["unchanged"], &told["not_taken_in"]), (&Value::from(2), &Value::from(3)), "{told}");
}

/// Whoever loses an address gets nothing more by it, so nobody should learn that from them.
#[test]
fn an_import_that_gives_an_address_to_somebody_else_says_so() {
    let place = Place::new();
    let import = |ids: &str, more: &[&str]| {
        place.write("people.csv", format!("teams_id,email\n{ids},ana@contoso.example\n"));
        place.said(&[&["people", "import", "people.csv", "--config", "nudged.toml"], more].concat())
    };
    let (code, _, said) = import("29:ana", &[]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let note = "ana@contoso.example was that of 29:ana and is now that of 29:other";
    let (code, _, said) = import("29:other", &[]);
    assert_eq!((code, said), (Some(0), format!("note: {note}\n")));
    let (_, shown, _) = import("29:ana", &["--json"]);
    let told: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(told["notes"][0], "ana@contoso.example was that of 29:other and is now that of 29:ana", "{told}");
}

/// Programs read one document, whatever is wrong.
#[test]
fn a_wrong_configuration_is_json_too() {
    let place = Place::new();
    place.write("nudged.toml", format!("{CONFIG}sekret = 1\n"));
    let (code, shown, _) = place.said(&["check", "--json", "--config", "nudged.toml"]);
    let told: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((code, &told["problems"][0]["code"]), (Some(78), &Value::from("N003")), "{told}");
    assert_eq!(told["files"][0]["file"], "nudged.toml");
    let (code, shown, _) = place.said(&["check", "--json", "--config", "nowhere.toml"]);
    let told: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((code, &told["problems"][0]["code"]), (Some(78), &Value::from("N001")), "{told}");
}

/// What would end the start of the daemon.
#[test]
fn the_token_of_the_admin_api_is_looked_at() {
    let place = Place::new();
    let check = |token: &str, expect: &str| {
        let admin = format!("{CONFIG}[admin]\nlisten = \"127.0.0.1:8470\"\ntoken_file = \"{token}\"\n");
        place.write("nudged.toml", admin);
        let (code, _, said) = place.said(&["check", "--config", "nudged.toml"]);
        assert_eq!(code, Some(0), "it is no more than a hint: {said}");
        assert!(said.contains(expect), "{token}: {said}");
    };
    place.write("short", "x");
    check("nowhere", "note: the token of the admin API can't be read from nowhere");
    check("short", "note: the token of the admin API in short is ");
}

/// A slip of the pen in `to` would be found out when nobody got the message.
#[test]
fn a_recipient_whom_nobody_knows_is_warned_of() {
    let place = Place::new();
    place.write("people.csv", "email,zone,groups\nana@contoso.example,UTC,platform\n");
    place.write("schedules/good.toml", GOOD.replace("\"everyone\"", "\"anna@contoso.example\""));
    let line = "schedules/good.toml:2:6: warning N126: nobody is known as \"anna@contoso.example\"; did you mean";
    let (code, shown, _) = place.said(&["check", "--strict", "--people", "people.csv", "schedules"]);
    assert!(code == Some(3) && shown.contains(line), "{code:?} {shown}");
    let (code, shown, _) = place.said(&["check", "--strict", "--config", "nudged.toml"]);
    assert!(code == Some(0), "nobody is known at all: {shown}");
    place.said(&["people", "import", "people.csv", "--config", "nudged.toml"]);
    let (code, shown, _) = place.said(&["check", "--strict", "--config", "nudged.toml"]);
    assert!(code == Some(3) && shown.contains(line), "{code:?} {shown}");
}

#[test]
fn a_file_that_is_named_twice_is_one() {
    let place = Place::new();
    let (code, shown, _) = place.said(&["check", "schedules", "./schedules/good.toml", "schedules/../schedules"]);
    assert_eq!((code, shown.lines().last()), (Some(0), Some("1 file: 0 errors, 0 warnings")), "{shown}");
    // A link is a file of its own to the daemon.
    symlink("good.toml", place.0.path().join("schedules/link.toml")).expect("linked");
    let (code, shown, _) = place.said(&["check", "schedules"]);
    assert_eq!(code, Some(78), "{shown}");
}

/// The true reason stands where the file is, and the schedule does not deny that it is there.
#[test]
fn a_supply_that_leads_out_is_not_called_missing() {
    let place = Place::new();
    place.write("schedules/text/y.md", "Hi");
    place.write("schedules/good.toml", GOOD.replace("text = \"Hello\"", "text_file = \"text/x.md\""));
    symlink("../../bot-secret", place.0.path().join("schedules/text/x.md")).expect("linked");
    let (code, shown, _) = place.said(&["check", "schedules"]);
    assert_eq!(code, Some(78));
    assert!(!shown.contains("there is no file"), "{shown}");
    assert!(shown.contains("text/x.md has problems of its own; mend that file first"), "{shown}");
    assert!(shown.contains("leads out of the directory of the schedules; put the file itself there\n"), "{shown}");
}

#[test]
fn the_name_of_a_file_is_one_line() {
    let place = Place::new();
    place.write("schedules/a\nb.toml: ok\u{202e}.toml", GOOD);
    let (_, shown, _) = place.said(&["check", "schedules"]);
    assert!(shown.contains("a\u{fffd}b.toml: ok\u{fffd}.toml"), "{shown}");
}

#[test]
fn a_ledger_that_cannot_be_used_has_its_own_cure_and_code() {
    let place = Place::new();
    place.write("state/nudged.db", "this is no ledger, and somebody may want it back");
    let (code, _, said) = place.said(&["backup", "--to", "copy.db", "--config", "nudged.toml"]);
    assert_eq!(code, Some(78), "{said}");
    let (code, _, said) = place.said(&["status", "--config", "nudged.toml"]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("`nudged restore FILE`, or name another state_dir"), "{said}");
    fs::remove_dir_all(place.0.path().join("state")).expect("removed");
    // Damage that is seen only by who reads all of it.
    place.run(&["status", "--config", "nudged.toml"]);
    let ledger = fs::read(place.0.path().join("state/nudged.db")).expect("read");
    place.write("state/nudged.db", [&ledger[..16_384], &[7; 16_384], &ledger[32_768..]].concat());
    let (code, _, said) = place.said(&["backup", "--to", "copy.db", "--config", "nudged.toml"]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.starts_with("nudged: state/nudged.db is damaged: "), "{said}");
    fs::remove_dir_all(place.0.path().join("state")).expect("removed");
    for make in [|path: &std::path::Path| fs::write(path, ""), |path: &std::path::Path| symlink("nowhere", path)] {
        let state = place.0.path().join("state");
        make(&state).expect("made");
        let (code, _, said) = place.said(&["status", "--config", "nudged.toml"]);
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains("it must be a directory"), "{said}");
        fs::remove_file(state).expect("removed");
    }
}

#[test]
fn a_day_without_schedules_is_not_shown() {
    let place = Place::new();
    fs::create_dir(place.0.path().join("empty")).expect("made");
    for (directory, expect) in [("nowhere", "nowhere can't be read"), ("empty", "no schedule file is in empty")] {
        let (code, _, said) = place.said(&["demo", "--schedules", directory]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(expect), "{said}");
    }
}

/// The configuration is checked with the files, so what is odd in it counts as well.
#[test]
fn a_warning_of_the_configuration_is_one_of_those_that_are_strict() {
    let place = Place::new();
    place.write("nudged.toml", CONFIG.replace("Europe/Berlin", "CET"));
    let check = ["check", "--strict", "--config", "nudged.toml"];
    let (code, shown, said) = place.said(&check);
    assert_eq!(code, Some(3), "{shown}{said}");
    assert!(shown.contains("nudged.toml:1:17: warning N110"), "{shown}");
    assert!(shown.ends_with("2 files: 0 errors, 1 warning\n"), "{shown}");
    assert!(!said.contains("N110"), "it is told once: {said}");
    let (code, shown, _) = place.said(&[&check[..], &["--json"]].concat());
    let told: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((code, &told["problems"][0]["code"]), (Some(3), &Value::from("N110")), "{told}");
    assert_eq!(told["problems"][0]["file"], "nudged.toml");
}

/// Whoever looks may be root, and what root makes the daemon might not be allowed to use.
#[test]
fn what_looks_ahead_begins_no_ledger() {
    let place = Place::new();
    for args in [&["check"][..], &["next"], &["preview", "good"]] {
        let (_, _, said) = place.said(&[args, &["--config", "nudged.toml"]].concat());
        assert!(!said.contains("can't be"), "{args:?}: {said}");
        assert!(!place.0.path().join("state").exists(), "{args:?}");
    }
}

/// Somebody who is not root, here or anywhere.
const SOMEBODY: u32 = 47_110;

#[test]
fn what_root_makes_belongs_to_whoever_has_the_directory() {
    let place = Place::new();
    let state = place.0.path().join("state");
    fs::create_dir(&state).expect("made");
    // Only root can give something away.
    if chown(&state, Some(SOMEBODY), Some(SOMEBODY)).is_err() {
        return;
    }
    let (code, _, said) = place.said(&["people", "list", "--config", "nudged.toml"]);
    assert_eq!(code, Some(0), "{said}");
    let owners = || {
        let files = fs::read_dir(&state).expect("read").map(|file| file.expect("a file"));
        files.map(|file| (file.file_name(), file.metadata().expect("known").uid())).collect::<Vec<_>>()
    };
    assert!(owners().iter().any(|(name, _)| name == "nudged.lock"), "{:?}", owners());
    assert!(owners().iter().any(|(name, _)| name == "nudged.db"), "{:?}", owners());
    assert!(owners().iter().all(|(_, owner)| *owner == SOMEBODY), "{:?}", owners());
    // Where it is somebody else's all the same, it is named.
    let lock = state.join("nudged.lock");
    chown(&lock, Some(0), Some(0)).expect("given");
    fs::set_permissions(&lock, Permissions::from_mode(0o600)).expect("ours");
    fs::set_permissions(place.0.path(), Permissions::from_mode(0o755)).expect("ours");
    let mut command = binary();
    command.args(["people", "list", "--config", "nudged.toml"]).current_dir(place.0.path()).uid(SOMEBODY);
    let Output { status, stderr, .. } = command.output().expect("the binary runs");
    let said = String::from_utf8(stderr).expect("text");
    assert_eq!(status.code(), Some(77), "{said}");
    assert!(said.contains("state/nudged.lock can't be read and written by this user"), "{said}");
}
