//! An operator writes people by their e-mail addresses, and an install tells ids only: that the two are one person.

use std::time::Duration;

use chrono_tz::Tz;
use nudged::domain::activity;
use nudged::domain::delivery::{Reason, State};
use nudged::domain::recipient::{Address, Details, PersonRecord, RecipientKind, Reference};
use nudged::domain::verdict::Verdict;
use nudged::port::clock::Clock;
use nudged::port::connector::{Member, MemberPage};
use nudged::port::ear::{Ear, Via};
use serde_json::{Value, json};

use crate::rig::{Rig, at};

const ENTRA: &str = "aaaaaaaa-0000-4000-8000-000000000001";

const DAILY: &str = "[schedule.standup]\nto = \"mira@contoso.example\"\nevery = \"day\"\nat = 09:00:00\nlate = \"2h\"\ntext = \"hello\"\n";

async fn rig() -> Rig {
    let rig = Rig::new("2027-03-01T06:00").await;
    rig.file_says(DAILY).await;
    rig
}

/// A line of a file: a person by e-mail address, with a zone and a group.
async fn import(rig: &Rig) {
    let record = PersonRecord {
        kind: RecipientKind::Person,
        name: Some("Mira K.".into()),
        addresses: vec![Address::new("mira@contoso.example").expect("an address")],
        zone: Some(Tz::Europe__Zurich),
        directory_zone: None,
        zones: Vec::new(),
        language: None,
        details: Details::default(),
        groups: Some(vec!["movers".to_owned()]),
        channel: None,
        reference: Reference::default(),
        kept: None,
    };
    rig.store.import_people(vec![record], Tz::UTC, rig.clock.now()).await.expect("imported");
}

/// Mira installs the bot, as Teams tells it.
async fn install(rig: &Rig) {
    install_from(rig, "home").await;
}

async fn install_from(rig: &Rig, tenant: &str) {
    install_by(rig, tenant, &json!({ "id": "29:mira", "aadObjectId": ENTRA })).await;
}

async fn install_by(rig: &Rig, tenant: &str, from: &Value) {
    let told = json!({
        "type": "installationUpdate", "action": "add", "id": "f:1", "channelId": "msteams",
        "timestamp": rig.clock.now().to_rfc3339(), "serviceUrl": "https://smba.trafficmanager.net/emea/",
        "from": from, "recipient": { "id": "28:bot" },
        "conversation": { "id": "a:mira", "conversationType": "personal", "tenantId": tenant },
    });
    let activity = activity::read(told.to_string().as_bytes()).expect("an activity");
    rig.listener().hear(activity, Via::Endpoint).await.expect("heard");
}

fn says(user_id: &str, email: Option<&str>) -> Vec<MemberPage> {
    let member = Member {
        user_id: user_id.into(),
        entra_object_id: Some(ENTRA.to_uppercase()),
        name: Some("Mira Keller".into()),
        email: email.map(Into::into),
        user_principal_name: Some("m.keller@contoso.example".into()),
        tenant_id: Some("home".into()),
        role: Some("user".into()),
    };
    vec![MemberPage { members: vec![member], continuation: None }]
}

/// What Teams was asked, without the place.
fn asked(rig: &Rig) -> Vec<String> {
    rig.teams.asked().into_iter().map(|it| it.split(" at ").next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn who_was_written_by_e_mail_is_met_by_an_install() {
    let rig = rig().await;
    import(&rig).await;
    install(&rig).await;
    assert_eq!(rig.store.people().await.expect("people").len(), 2, "nobody can know yet that this is one person");
    rig.teams.has_roster(Ok(says("29:mira", Some("Mira@Contoso.Example"))));
    rig.introduce().await;
    assert_eq!(asked(&rig), ["members a:mira"]);

    let people = rig.store.people().await.expect("people");
    let [mira] = &people[..] else { panic!("{people:#?}") };
    assert_eq!(mira.name, "Mira K.", "what the operator wrote stays");
    assert_eq!((mira.zone, &mira.groups[..]), (Tz::Europe__Zurich, &["movers".to_owned()][..]));
    rig.plan().await;
    rig.now_is(at("2027-03-01T08:00"));
    rig.plan().await;
    rig.expand().await;
    rig.deliver().await;
    assert_eq!(asked(&rig), ["send a:mira"], "at nine in Zurich");
    rig.introduce().await;
    assert_eq!(asked(&rig), [""; 0], "who is known is not asked for");
}

#[tokio::test]
async fn whom_nobody_awaits_is_not_asked_for_until_somebody_does() {
    let rig = Rig::new("2027-03-01T06:00").await;
    install(&rig).await;
    rig.introduce().await;
    assert_eq!(asked(&rig), [""; 0]);
    import(&rig).await;
    rig.teams.has_roster(Ok(says("29:mira", Some("mira@contoso.example"))));
    rig.introduce().await;
    assert_eq!(asked(&rig), ["members a:mira"], "however much later the file comes");
    assert_eq!(rig.store.people().await.expect("people").len(), 1);
}

#[tokio::test]
async fn a_schedule_awaits_people_too() {
    let rig = rig().await;
    install(&rig).await;
    rig.now_is(at("2027-03-01T09:00"));
    rig.plan().await;
    rig.expand().await;
    rig.deliver().await;
    assert_eq!(asked(&rig), [""; 0]);
    rig.teams.has_roster(Ok(says("29:mira", Some("mira@contoso.example"))));
    rig.introduce().await;
    rig.plan().await;
    rig.expand().await;
    rig.deliver().await;
    assert_eq!(asked(&rig), ["members a:mira", "send a:mira"], "what is not too late still comes");
}

#[tokio::test]
async fn teams_is_asked_again_after_it_gave_no_answer() {
    let rig = rig().await;
    import(&rig).await;
    install(&rig).await;
    rig.teams.has_roster(Err(Verdict::Permanent { reason: Reason::Refused }));
    rig.introduce().await;
    rig.introduce().await;
    assert_eq!(asked(&rig), ["members a:mira"], "not at once");
    rig.now_is(at("2027-03-01T06:05"));
    rig.introduce().await;
    rig.now_is(at("2027-03-01T06:34"));
    rig.introduce().await;
    assert_eq!(asked(&rig), ["members a:mira"], "then after half an hour");
    rig.teams.has_roster(Ok(says("29:mira", Some("mira@contoso.example"))));
    rig.now_is(at("2027-03-01T06:35"));
    rig.introduce().await;
    assert_eq!(rig.store.people().await.expect("people").len(), 1);
}

/// As after a boot whose time came from the network a while later.
#[tokio::test]
async fn who_came_while_the_clock_was_a_year_ahead_is_asked_for_when_it_is_right() {
    let rig = rig().await;
    import(&rig).await;
    rig.now_is(at("2028-03-01T06:00"));
    install(&rig).await;
    rig.now_is(at("2027-03-01T06:00"));
    rig.teams.has_roster(Ok(says("29:mira", Some("mira@contoso.example"))));
    rig.introduce().await;
    assert_eq!(asked(&rig), ["members a:mira"]);
    assert_eq!(rig.store.people().await.expect("people").len(), 1);
}

#[tokio::test]
async fn another_tenant_can_claim_nobody() {
    let rig = rig().await;
    import(&rig).await;
    install_from(&rig, "elsewhere").await;
    rig.teams.has_roster(Ok(says("29:mira", Some("mira@contoso.example"))));
    rig.introduce().await;
    assert_eq!(asked(&rig), [""; 0], "what its directory says nobody has verified");
    assert_eq!(rig.store.people().await.expect("people").len(), 2);
}

#[tokio::test]
async fn another_tenant_can_claim_nobody_by_what_an_activity_says_either() {
    for (tenant, people) in [("elsewhere", 2), ("HOME", 1)] {
        for name in ["userPrincipalName", "email"] {
            let rig = rig().await;
            import(&rig).await;
            install_by(&rig, tenant, &json!({ "id": "29:mira", name: "mira@contoso.example" })).await;
            assert_eq!(rig.store.people().await.expect("people").len(), people, "{name} of {tenant}");
        }
    }
}

#[tokio::test]
async fn what_is_the_bots_own_fault_says_nothing_about_anybody() {
    let rig = rig().await;
    import(&rig).await;
    install(&rig).await;
    rig.teams.has_roster(Err(Verdict::OurFault { reason: Reason::Refused }));
    rig.introduce().await;
    rig.teams.has_roster(Ok(says("29:mira", Some("mira@contoso.example"))));
    rig.introduce().await;
    assert_eq!(rig.store.people().await.expect("people").len(), 1, "it is asked at once when the bot is well again");
}

#[tokio::test]
async fn whom_nobody_could_ask_for_is_asked_for_when_the_silence_is_over() {
    let rig = rig().await;
    import(&rig).await;
    install(&rig).await;
    rig.teams.has_roster(Ok(says("29:mira", Some("mira@contoso.example"))));
    rig.silence("home", Duration::from_mins(2)).await;
    rig.at_once(rig.introduce()).await;
    assert_eq!(asked(&rig), [""; 0]);
    rig.now_is(at("2027-03-01T06:03"));
    rig.introduce().await;
    assert_eq!(asked(&rig), ["members a:mira"], "it was no try");
}

#[tokio::test]
async fn an_address_that_teams_does_not_tell_is_not_guessed() {
    let rig = rig().await;
    import(&rig).await;
    install(&rig).await;
    rig.teams.has_roster(Ok(says("29:mira", None)));
    rig.introduce().await;
    let mut names: Vec<_> = rig.store.people().await.expect("people").into_iter().map(|it| it.addresses).collect();
    names.sort();
    let known = vec![ENTRA.to_owned(), "29:mira".into(), "m.keller@contoso.example".into()];
    assert_eq!(names, [known, vec!["mira@contoso.example".to_owned()]]);
    assert!(rig.deliveries("standup").await.iter().all(|it| it.state != State::Sent));
    asked(&rig);
    rig.introduce().await;
    assert_eq!(asked(&rig), [""; 0], "it was said who this is");
}

/// To everyone but somebody whom an operator writes by an e-mail address.
const BUT_MIRA: &str = "[schedule.standup]\nto = \"everyone\"\nexcept_people = \"mira@contoso.example\"\nevery = \"day\"\nat = 09:00:00\nlate = \"2h\"\ntext = \"hello\"\n";

/// Half past nine, on a day on which Mira is left out and nobody has met her.
async fn before_anybody_met_mira() -> Rig {
    let rig = Rig::new("2027-03-01T06:00").await;
    rig.file_says(BUT_MIRA).await;
    rig.now_is(at("2027-03-01T09:30"));
    rig
}

/// What is planned by now is expanded and delivered.
async fn go_on(rig: &Rig) {
    rig.plan().await;
    rig.expand().await;
    rig.deliver().await;
}

#[tokio::test]
async fn whom_a_schedule_leaves_out_is_left_out_also_where_an_install_tells_ids_only() {
    let rig = Rig::new("2027-03-01T06:00").await;
    rig.file_says(BUT_MIRA).await;
    install(&rig).await;
    rig.teams.has_roster(Ok(says("29:mira", Some("mira@contoso.example"))));
    rig.introduce().await;
    rig.now_is(at("2027-03-01T09:00"));
    go_on(&rig).await;
    assert_eq!(asked(&rig), ["members a:mira"]);
    assert_eq!(rig.reach().await.len(), 1, "the name and the chat are one person");
}

#[tokio::test]
async fn a_stranger_waits_for_the_introduction_where_somebody_is_left_out_whom_nobody_has_met() {
    let rig = before_anybody_met_mira().await;
    install(&rig).await;
    go_on(&rig).await;
    assert_eq!(asked(&rig), [""; 0], "it may be Mira");
    let held: Vec<_> = rig.deliveries("standup").await.into_iter().map(|it| (it.state, it.reason)).collect();
    assert_eq!(held[0], (State::Waiting, Some(Reason::NotIntroduced)));
    rig.teams.has_roster(Ok(says("29:mira", Some("kei@contoso.example"))));
    rig.introduce().await;
    rig.now_is(at("2027-03-01T09:31"));
    go_on(&rig).await;
    assert_eq!(asked(&rig), ["members a:mira", "send a:mira"], "it is somebody else");
}

#[tokio::test]
async fn a_stranger_of_whom_teams_says_nothing_does_not_wait_for_ever() {
    let rig = before_anybody_met_mira().await;
    install(&rig).await;
    go_on(&rig).await;
    rig.teams.has_roster(Err(Verdict::Permanent { reason: Reason::Refused }));
    rig.introduce().await;
    rig.now_is(at("2027-03-01T09:31"));
    go_on(&rig).await;
    assert_eq!(asked(&rig), ["members a:mira", "send a:mira"]);
}

#[tokio::test]
async fn who_installs_from_another_tenant_does_not_wait_for_an_introduction() {
    let rig = before_anybody_met_mira().await;
    install_from(&rig, "elsewhere").await;
    rig.introduce().await;
    go_on(&rig).await;
    assert_eq!(asked(&rig), ["send a:mira"], "Teams will not be asked who that is");
}

#[tokio::test]
async fn a_welcome_leaves_somebody_out_who_is_met_by_installing() {
    let welcome = |minutes: u32| {
        let after = if minutes == 0 { String::new() } else { format!("after = \"{minutes}m\"\n") };
        format!(
            "[schedule.welcome]\nevent = \"install\"\n{after}\
             except_people = \"mira@contoso.example\"\ntext = \"welcome\"\n"
        )
    };
    for (after, email) in [(0, "mira@contoso.example"), (0, "kei@contoso.example"), (30, "mira@contoso.example")] {
        let rig = Rig::new("2027-03-01T09:00").await;
        rig.file_says(&welcome(after)).await;
        import(&rig).await;
        install(&rig).await;
        go_on(&rig).await;
        rig.teams.has_roster(Ok(says("29:mira", Some(email))));
        rig.introduce().await;
        rig.now_is(at("2027-03-01T09:30"));
        go_on(&rig).await;
        let expect: &[&str] =
            if email.starts_with("kei") { &["members a:mira", "send a:mira"] } else { &["members a:mira"] };
        assert_eq!(asked(&rig), expect, "{email} after {after} minutes");
    }
}
