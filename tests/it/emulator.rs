//! `nudged emulator`: started, asked over HTTP, ended.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::rig::binary;

/// The command with what it said about itself. Dropped, it is killed.
struct Started {
    child: Child,
    says: Value,
}

impl Started {
    fn with(args: &[&str]) -> Self {
        let mut command = binary();
        command.args(["emulator", "--json", "--listen", "127.0.0.1:0"]).args(args);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("it says where it is");
        Self { child, says: serde_json::from_str(&line).expect("JSON") }
    }

    fn says(&self, name: &str) -> &str {
        self.says[name].as_str().unwrap_or_else(|| panic!("{name}: {}", self.says))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `--json` prints is all that a bot needs, the options hold, and SIGTERM ends it in order.
#[tokio::test]
async fn it_serves_as_it_was_told_until_it_is_ended() {
    let directory = tempfile::tempdir().expect("a directory");
    let people = directory.path().join("directory.json");
    std::fs::write(&people, r#"{"strict":true,"people":[{"id":"29:1ana","name":"Ana"}]}"#).expect("written");
    let people = people.to_str().expect("a plain path");
    let mut started =
        Started::with(&["--directory", people, "--token-lifetime", "60", "--cloud", "gcc-high", "--secret", "s3"]);
    assert_eq!(started.says("schema"), "nudged.emulator/1");
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().expect("a client");

    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", started.says("app_id")),
        ("client_secret", started.says("secret")),
        ("scope", "https://api.botframework.us/.default"),
    ];
    assert_eq!(started.says("secret"), "s3");
    let granted = client.post(started.says("token_url")).form(&form).send().await.expect("an answer");
    let granted: Value = granted.json().await.expect("JSON");
    assert_eq!(granted["expires_in"], 60, "{granted}");

    let create = async |user: &str| {
        let url = format!("{}v3/conversations", started.says("service_url"));
        let body = serde_json::json!({ "members": [{ "id": user }], "tenantId": started.says("tenant_id") });
        let token = granted["access_token"].as_str().expect("a token");
        client.post(url).bearer_auth(token).json(&body).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!((create("29:1ana").await, create("29:1somebody").await), (201, 400));

    let told = Command::new("kill").arg(started.child.id().to_string()).status();
    assert!(told.expect("kill runs").success());
    assert_eq!(started.child.wait().expect("it ends").code(), Some(0));
}

/// A directory that can't be used is told in one line that names the file, and nothing is started.
#[test]
fn a_bad_directory_is_told_with_its_file() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text, says) in [
        ("bad.json", r#"{"poeple":[]}"#, "unknown field `poeple`"),
        ("contrary.json", r#"{"people":[{"id":"ana"}]}"#, "the id 'ana' of a person must begin with '29:'"),
        ("none.json", "", "can't be read"),
    ] {
        if !text.is_empty() {
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        let mut command = binary();
        command.args(["emulator", "--listen", "127.0.0.1:0", "--directory", name]).current_dir(directory.path());
        let output = command.output().expect("it runs");
        let error = String::from_utf8(output.stderr).expect("text");
        assert_eq!((output.status.code(), error.lines().count()), (Some(78), 1), "{error}");
        assert!(error.starts_with(&format!("nudged: {name}")) && error.contains(says), "{error}");
    }
}
