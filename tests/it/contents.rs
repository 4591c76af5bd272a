//! Cards, texts and languages, from the file to Teams.

use serde_json::{Value, json};

use crate::rig::{Rig, binary};

const CARD: &str = r#"{ "type": "AdaptiveCard", "version": "1.5",
  "body": [{ "type": "TextBlock", "text": "Hello {{ person.name }}" }] }
"#;

fn schedule(name: &str, at: &str, contents: &str) -> String {
    format!("[schedule.{name}]\nto = \"everyone\"\nat = {at}\nzone = \"UTC\"\n{contents}")
}

/// Each supply is checked with the schedules, at its own place; for a single file, those that it uses.
#[test]
fn check_looks_into_what_schedules_refer_to() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    let check = |path: &str| {
        let output = binary().args(["check", path]).current_dir(directory.path()).output().expect("it runs");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    write("s/cards/good.json", CARD);
    write("s/cards/bad.json", &CARD.replace("person.name", "person.nmae"));
    write("s/text/unused.md", "{{ x }}");
    let good = "card = \"cards/good.json\"\nsummary = \"x\"\n";
    write("s/good.toml", &schedule("good", "2999-01-01T09:00:00Z", good));
    write("s/team/bad.toml", &schedule("bad", "2999-01-01T09:00:00Z", &good.replace("good", "bad")));

    let (code, shown) = check("s");
    assert_eq!(code, Some(78));
    insta::assert_snapshot!(shown);
    let (code, shown) = check("s/good.toml");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.ends_with("s/cards/good.json: ok\n2 files: 0 errors, 0 warnings\n"), "{shown}");
    let (code, shown) = check("s/team/bad.toml");
    assert_eq!(code, Some(78), "{shown}");
    assert!(shown.contains("s/cards/bad.json:2:53: error N131: unknown name `person.nmae`"), "{shown}");
    assert!(!shown.contains("unused.md"), "{shown}");
    let (code, shown) = check("s/text/unused.md");
    assert_eq!(code, Some(78), "{shown}");
    assert!(shown.starts_with("s/text/unused.md:1:4: error N131"), "{shown}");
    // The same from inside.
    for (place, path) in [("s", "text/unused.md"), ("s/text", "unused.md"), ("s/text", ".")] {
        let here = directory.path().join(place);
        let output = binary().args(["check", path]).current_dir(here).output().expect("it runs");
        let shown = String::from_utf8(output.stdout).expect("text");
        assert!(shown.contains("unused.md:1:4: error N131"), "{place}: {path}: {shown}");
        assert!(shown.ends_with("1 file: 1 error, 0 warnings\n"), "{place}: {path}: {shown}");
    }
}

/// A card arrives as a card, a text in the reader's language; and a card that was damaged meanwhile goes on as it was,
/// over a restart too.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_what_is_meant_for_them_also_when_a_card_is_damaged() {
    let rig = Rig::new().await;
    rig.write(
        "people.csv",
        "teams_id,name,zone,conversation_id,language\n29:ana,Ana *A*,Europe/Paris,a:1,en\n29:luc,Luc,Europe/Paris,a:2,fr-CA\n",
    );
    rig.run_ok(&["people", "import", rig.path("people.csv").to_str().expect("a plain path")]);
    std::fs::create_dir_all(rig.path("schedules/cards")).expect("made");
    rig.write("schedules/cards/hello.json", CARD);
    let at = |seconds: i64| rig.in_seconds(seconds).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let contents = "card = \"cards/hello.json\"\nsummary = \"For {{ person.name }}\"\n[schedule.NAME.say.fr]\n\
                    text = \"Bonjour {{ person.name }}\"\nwhy = \"Parce que.\"\n";
    rig.write("schedules/one.toml", &schedule("one", &at(-1), &contents.replace("NAME", "one")));
    let daemon = rig.start().await;
    rig.until_taken(2).await;
    let mut messages = rig.messages();
    messages.sort_by(|a, b| a.user_id.cmp(&b.user_id));
    let [ana, luc] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!((ana.text.as_deref(), ana.summary.as_deref()), (None, Some("For Ana *A*")));
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": { "type": "AdaptiveCard", "version": "1.5",
            "body": [{ "type": "TextBlock", "text": r"Hello Ana \*A\*" }] }
    });
    assert_eq!(ana.activity["attachments"], json!([attachment]));
    assert_eq!(luc.text.as_deref(), Some("Bonjour Luc\n\n*Parce que.*"));
    assert_eq!(luc.activity["attachments"], Value::Null);
    daemon.stop();

    rig.write("schedules/cards/hello.json", "{ oops");
    rig.write("schedules/two.toml", &schedule("two", &at(-1), &contents.replace("NAME", "two")));
    let daemon = rig.start().await;
    rig.until_taken(4).await;
    let held = &rig.status(None)["held_back"];
    assert_eq!(held.as_array().map(Vec::len), Some(1), "{held}");
    assert!(held[0]["file"].as_str().is_some_and(|file| file.ends_with("cards/hello.json")), "{held}");
    assert_eq!(held[0]["last_good_in_use"], true);
    assert!(rig.messages()[2..].iter().any(|message| message.activity["attachments"] == json!([attachment])));
    daemon.stop();
}
