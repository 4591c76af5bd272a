//! Channels and teams, from the file to Teams: rosters are read, channels found by their names, threads gone on with.

use nudged::emulator::{Channel, ChannelType, Directory, Person, Team, UserRole};
use serde_json::Value;

use crate::rig::{Rig, count};

const OPS: &str = "19:ops@thread.tacv2";
const RELEASES: &str = "19:releases@thread.tacv2";

fn person(name: &str, principal: &str) -> Person {
    Person {
        id: format!("29:{name}"),
        aad_object_id: None,
        name: Some(name.to_owned()),
        given_name: None,
        surname: None,
        email: None,
        user_principal_name: Some(principal.to_owned()),
        tenant_id: None,
        user_role: UserRole::User,
        installed: true,
    }
}

/// More people than a page holds, and a guest.
fn directory(members: usize) -> Directory {
    let mut people: Vec<Person> =
        (0..members).map(|n| person(&format!("p{n}"), &format!("p{n}@contoso.example"))).collect();
    people.push(person("gus", "gus_fabrikam.example#EXT#@contoso.example"));
    let members = people.iter().map(|person| person.id.clone()).collect();
    let releases = Channel { id: RELEASES.to_owned(), name: "Releases".to_owned(), kind: ChannelType::Standard };
    let team = Team {
        id: OPS.to_owned(),
        name: "Ops".to_owned(),
        aad_group_id: None,
        tenant_id: None,
        installed: true,
        channels: vec![releases],
        members,
    };
    Directory { strict: false, people, teams: vec![team], chats: Vec::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_is_read_and_its_channel_and_members_are_spoken_to() {
    const MEMBERS: usize = 501;
    let rig = Rig::fast(1000, std::time::Duration::ZERO).await;
    rig.emulator.set_directory(directory(MEMBERS)).expect("a directory");
    // Only the team's id is known beforehand.
    rig.write("people.csv", &format!("team,team_id\nOps,{OPS}\n"));
    rig.run_ok(&["people", "import", rig.path("people.csv").to_str().expect("a plain path")]);
    let due_at = rig.in_seconds(20).format("%Y-%m-%dT%H:%M:%SZ");
    let when = format!("at = {due_at}\nzone = \"UTC\"");
    rig.write(
        "schedules/ops.toml",
        &format!(
            "[schedule.everyone-there]\nto = \"team:Ops\"\ntext = \"Hello {{{{ person.name }}}}\"\n{when}\n\
             [schedule.opens]\nto = \"channel:Ops/Releases\"\nthread = \"release\"\ntext = \"It opens.\"\n{when}\n\
             [schedule.closes]\nto = \"{RELEASES}\"\nthread = \"release\"\ntext = \"It closes.\"\n{when}\n"
        ),
    );
    let daemon = rig.start().await;
    rig.until_taken(MEMBERS as u64 + 2).await;
    rig.until("the ledger knows", || count(&rig.status(None), "sent") == MEMBERS as u64 + 2).await;

    let status = rig.status(Some("everyone-there"));
    assert_eq!((count(&status, "sent"), count(&status, "skipped")), (MEMBERS as u64, 1), "the guest is accounted for");
    let guest = status["deliveries"].as_array().expect("deliveries").iter().find(|it| it["recipient"] == "gus");
    assert_eq!(guest.expect("the guest")["reason"], "guest");
    let team: &Value = &status["teams"][0];
    assert_eq!((team["team"].as_str(), team["members"].as_u64()), (Some("ops"), Some(MEMBERS as u64 + 1)), "{team}");
    assert_eq!((team["channels"].as_u64(), &team["trouble"]), (Some(2), &Value::Null), "{team}");
    let in_channel: Vec<_> = rig.messages().into_iter().filter(|it| it.conversation_id.starts_with(RELEASES)).collect();
    let texts: Vec<_> = in_channel.iter().filter_map(|message| message.text.as_deref()).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    // One of them began the thread, the other is a reply in it.
    let thread = format!("{RELEASES};messageid={}", in_channel[0].activity_id);
    assert_eq!((in_channel[0].conversation_id.as_str(), &in_channel[1].conversation_id), (RELEASES, &thread));

    // Post and reply are taken back where they stand.
    for schedule in ["opens", "closes"] {
        rig.run_ok(&["recall", schedule, "--yes"]);
    }
    let left = rig.messages().into_iter().filter(|it| it.conversation_id.starts_with(RELEASES));
    assert_eq!(left.filter(|message| message.deleted_at.is_none()).count(), 0);
    daemon.stop();
}
