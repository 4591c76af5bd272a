//! Tokens go only to trusted hosts (P7).

use crate::rig::{Rig, count};

/// A reference whose service URL points elsewhere: no request leaves, the delivery fails with that reason.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_never_goes_to_a_stranger() {
    let rig = Rig::new().await;
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    stranger.set_nonblocking(true).expect("it can be asked without waiting");
    let elsewhere = stranger.local_addr().expect("an address");
    rig.write(
        "people.csv",
        &format!(
            "teams_id,name,zone,conversation_id,service_url\n\
             29:ana,Ana,Europe/Paris,a:ana,http://{elsewhere}/teams/\n\
             29:bob,Bob,Europe/Paris,a:bob,https://smba.trafficmanager.net.evil.example/teams/\n\
             29:cid,Cid,Europe/Paris,a:cid,\n"
        ),
    );
    rig.run_ok(&["people", "import", rig.path("people.csv").to_str().expect("a plain path")]);
    rig.schedule_once("hello", rig.in_seconds(-1), "");
    let daemon = rig.start().await;
    rig.until("all three are settled", || {
        let status = rig.status(None);
        count(&status, "failed") + count(&status, "sent") == 3
    })
    .await;
    daemon.stop();
    let status = rig.status(Some("hello"));
    assert_eq!((count(&status, "failed"), count(&status, "sent")), (2, 1));
    let reasons = &status["occurrences"][0]["reasons"];
    let found: Vec<_> = reasons.as_array().expect("a list").iter().map(|it| (&it["reason"], &it["count"])).collect();
    assert_eq!(found, [(&serde_json::json!("untrusted-host"), &serde_json::json!(2))]);
    assert!(stranger.accept().is_err(), "nobody knocked at the stranger's door");
    assert_eq!(rig.copies().keys().collect::<Vec<_>>(), ["a:cid"]);
}
