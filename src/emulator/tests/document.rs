//! `EMULATOR.md` is true: its table is the catalogue, and what it shows in JSON is taken.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::rig::Rig;
use crate::emulator::Condition;

const DOCUMENT: &str = include_str!("../../../EMULATOR.md");

#[test]
fn its_table_is_the_catalogue() {
    let row = |condition: &Condition| {
        let code = match (condition.code(), condition.body()) {
            (Some(code), _) => format!("`{code}`"),
            (None, body) if body.is_empty() => "–".to_owned(),
            (None, body) if body.starts_with('{') => "(JSON)".to_owned(),
            (None, _) => "(HTML)".to_owned(),
        };
        format!("| `{condition}` | {} | {code} | {} |", condition.status(), condition.meaning())
    };
    let expect: Vec<_> = Condition::ALL.iter().map(row).collect();
    let table = DOCUMENT.lines().skip_while(|line| !line.starts_with("| condition |")).skip(2);
    let found: Vec<_> = table.take_while(|line| line.starts_with('|')).collect();
    assert_eq!(found, expect);
}

/// Each call of the control interface with a body: whether it is a PUT, the path, the body.
fn control_calls() -> Vec<(Method, &'static str, Value)> {
    let blocks = DOCUMENT.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let commands = blocks.flat_map(|block| block.split("curl ").skip(1));
    let calls = commands.filter_map(|command| {
        let (_, path) = command.split_once("$E/emulator/")?;
        let (path, body) = path.split_once(" -d '")?;
        let method = if command.contains("-X PUT") { Method::PUT } else { Method::POST };
        let body = body.split('\'').next().unwrap_or_default();
        Some((method, path, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))))
    });
    calls.collect()
}

#[tokio::test]
async fn what_it_sends_to_the_control_interface_is_taken() {
    let rig = Rig::start().await;
    let calls = control_calls();
    assert!(calls.len() > 15, "{calls:?}");
    for (method, path, body) in calls {
        let (status, answer) = rig.control(method, &format!("/emulator/{path}"), Some(body.clone())).await;
        assert!(
            [StatusCode::OK, StatusCode::CREATED, StatusCode::NO_CONTENT].contains(&status),
            "{path} {body}: {answer}"
        );
    }
}

#[test]
fn it_names_every_path_of_the_control_interface() {
    for path in [
        "messages",
        "requests",
        "figures",
        "faults",
        "conditions",
        "directory",
        "credentials",
        "tokens",
        "inbound",
        "keys",
    ] {
        assert!(DOCUMENT.contains(&format!("$E/emulator/{path}")), "{path}");
    }
}
