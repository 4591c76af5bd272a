//! What becomes of the queue while the bot can't prove that it is itself.

use nudged::emulator::Credentials;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use crate::rig::{Rig, count, read};

/// A rig whose bot proves itself with what `keys` say, and with no secret.
async fn rig_with(keys: &str, accepted: Credentials) -> Rig {
    let rig = Rig::new().await;
    rig.emulator.set_credentials(accepted).expect("credentials that can be taken");
    std::fs::remove_file(rig.path("bot-secret")).expect("removed");
    let config = read(&rig.path("nudged.toml"));
    rig.write("nudged.toml", &config.replace("secret_file = \"bot-secret\"\n", keys));
    rig
}

async fn assert_delivers(rig: &Rig) {
    rig.import_crowd(1);
    rig.schedule_once("hello", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    rig.until("it is sent", || count(&rig.status(None), "sent") == 1).await;
    daemon.stop();
    assert_eq!(rig.messages().len(), 1);
}

/// The emulator checks the signature as Entra does.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_with_a_certificate_is_believed() {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
    let params = CertificateParams::new(vec!["bot.contoso.example".into()]).expect("a name");
    let certificate = params.self_signed(&key).expect("signed").pem();
    let accepted = Credentials { certificates: vec![certificate.clone()], ..Credentials::default() };
    let rig = rig_with("certificate_file = \"bot.pem\"\n", accepted).await;
    rig.write("bot.pem", &(certificate + &key.serialize_pem()));
    assert_delivers(&rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_with_a_workload_identity_is_believed() {
    let assertion = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJuIn0.c2lnbmF0dXJl";
    let accepted = Credentials { assertions: vec![assertion.into()], ..Credentials::default() };
    let rig = rig_with("type = \"workload-identity\"\nassertion_file = \"token\"\n", accepted).await;
    rig.write("token", assertion);
    assert_delivers(&rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_with_a_managed_identity_is_believed() {
    let rig = rig_with("type = \"managed-identity\"\n", Credentials::default()).await;
    let config = read(&rig.path("nudged.toml"));
    let at_emulator = format!("[bot]\nidentity_url = \"{}\"\n", rig.emulator.base_url());
    rig.write("nudged.toml", &config.replace("[bot]\n", &at_emulator));
    assert_delivers(&rig).await;
}

/// A secret that is refused fails nobody: the queue waits, one sentence says why, and a secret that is replaced on disk
/// is taken up by the daemon that runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_waits_for_the_right_secret_goes_on_when_it_is_there() {
    let rig = Rig::new().await;
    let right = read(&rig.path("bot-secret"));
    rig.write("bot-secret", "the-id-of-the-secret-instead-of-its-value");
    rig.import_crowd(3);
    rig.schedule_once("hello", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    rig.until("everybody waits", || count(&rig.status(None), "waiting") == 3).await;
    let status = rig.status(Some("hello"));
    assert_eq!(count(&status, "failed"), 0);
    let trouble = status["daemon"]["trouble"].as_str().expect("one sentence");
    assert!(trouble.contains("AADSTS7000215"), "{trouble}");
    assert_eq!(status["daemon"]["credentials"]["kind"], "secret");

    rig.write("bot-secret", &right);
    rig.until_taken(3).await;
    rig.until("everybody has it", || count(&rig.status(None), "sent") == 3).await;
    let status = rig.status(Some("hello"));
    assert_eq!(status["daemon"]["trouble"], serde_json::Value::Null);
    daemon.stop();
    assert!(rig.copies().values().all(|copies| *copies == 1));
}

/// An end that is near is seen where an operator looks, and in the log.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_secret_is_announced() {
    let rig = Rig::new().await;
    let config = read(&rig.path("nudged.toml"));
    let end = rig.in_seconds(6 * 24 * 60 * 60).format("%Y-%m-%d").to_string();
    let with_end = config.replace("[bot]\n", &format!("[bot]\nsecret_expires_on = {end}\n"));
    rig.write("nudged.toml", &with_end);
    let daemon = rig.start().await;
    let status = rig.status(None);
    let credentials = &status["daemon"]["credentials"];
    assert_eq!(credentials["expires_at"], format!("{end}T00:00:00Z"));
    assert!(credentials["note"].as_str().expect("a sentence").contains("the secret expires in 5 days"), "{status}");
    assert!(rig.run_ok(&["status"]).contains("credential: the secret expires in 5 days"));
    assert!(daemon.log().contains("the secret expires in 5 days"), "{}", daemon.log());
    daemon.stop();
}

/// Whoever checks a configuration hears of a file that can't be read, and is not stopped by it.
#[tokio::test(flavor = "multi_thread")]
async fn check_says_which_file_cannot_be_read() {
    let rig = Rig::new().await;
    rig.schedule_once("hello", rig.in_seconds(3600), "");
    std::fs::remove_file(rig.path("bot-secret")).expect("removed");
    let output = rig.output(&["check", "--strict"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the bot's secret can't be read from") && said.contains("bot-secret"), "{said}");
}
