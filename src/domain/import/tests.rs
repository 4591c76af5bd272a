use proptest::prelude::*;

use super::*;
use crate::domain::recipient::{Address, RecipientKind, Reference};

fn read(text: &str) -> (Vec<PersonRecord>, Vec<String>) {
    let source = Source::new("people", text);
    let (people, problems) = people(&source);
    let lines = problems
        .iter()
        .map(|problem| {
            let place = source.place(problem.span.start);
            let help = problem.help.as_deref().unwrap_or("-");
            format!("{}:{}: {} {}; {help}", place.line, place.column, problem.code, problem.message)
        })
        .collect();
    (people, lines)
}

fn check(text: &str, people: &[&str], problems: &[&str]) {
    let (got, lines) = read(text);
    let names: Vec<String> = got.iter().map(|person| person.name.clone().unwrap_or_default()).collect();
    assert_eq!(names, people, "{text}");
    assert_eq!(lines, problems, "{text}");
}

#[test]
fn a_row_says_everything_about_a_person() {
    let text = "\u{feff}E-Mail,entra_id,Teams ID,name,zone,language,groups,conversation_id,service_url,tenant_id\r\n"
        .replace("E-Mail", "email")
        + "Ana@Contoso.example,AAAAAAAA-0000-4000-8000-000000000001,29:1ana,\"Silva, \"\"Ana\"\"\",Europe/Lisbon,pt-PT,platform; field|platform,a:1conv,https://smba.trafficmanager.net/emea/,11111111-2222-4333-8444-555555555555\r\n";
    let (people, problems) = read(&text);
    assert_eq!(problems, [""; 0]);
    let [ana] = people.as_slice() else { panic!("one person") };
    assert_eq!(ana.kind, RecipientKind::Person);
    let addresses: Vec<&str> = ana.addresses.iter().map(Address::as_str).collect();
    assert_eq!(addresses, ["ana@contoso.example", "aaaaaaaa-0000-4000-8000-000000000001", "29:1ana"]);
    assert_eq!(ana.name.as_deref(), Some("Silva, \"Ana\""));
    assert_eq!((ana.zone, ana.language.as_deref()), (Some(chrono_tz::Tz::Europe__Lisbon), Some("pt-PT")));
    assert_eq!(ana.groups, Some(vec!["platform".into(), "field".into()]));
    assert_eq!(
        ana.reference,
        Reference {
            service_url: Some("https://smba.trafficmanager.net/emea/".into()),
            conversation_id: Some("a:1conv".into()),
            tenant_id: Some("11111111-2222-4333-8444-555555555555".into()),
            bot_id: None,
            user_id: Some("29:1ana".into()),
            entra_object_id: Some("aaaaaaaa-0000-4000-8000-000000000001".into()),
        }
    );
}

#[test]
fn a_directory_may_write_zones_as_windows_does() {
    let of = |row: &str| {
        let (people, problems) = read(&format!("email,directory_zone,country\n{row}\n"));
        assert_eq!(problems, [""; 0]);
        people[0].directory_zone
    };
    assert_eq!(of("a@x.example,W. Europe Standard Time,"), Some(chrono_tz::Tz::Europe__Berlin));
    assert_eq!(of("a@x.example,W. Europe Standard Time,CH"), Some(chrono_tz::Tz::Europe__Zurich));
    assert_eq!(of("a@x.example,Asia/Tokyo,DE"), Some(chrono_tz::Tz::Asia__Tokyo));
    assert_eq!(of("a@x.example,,DE"), None);
    check(
        "email,directory_zone\na@x.example,W Europe Standard Time\nb@x.example,Asia/Tokio\n",
        &[],
        &[
            "2:13: N101 unknown time zone \"W Europe Standard Time\"; did you mean \"W. Europe Standard Time\"?",
            "3:13: N101 unknown time zone \"Asia/Tokio\"; did you mean \"Asia/Tokyo\"?",
        ],
    );
}

#[test]
fn an_export_is_taken_back_line_by_line() {
    let (people, _) = read("email,name,country\na@x.example,Ana,de\nb@x.example,Bo,\n");
    let lines: Vec<_> = people.iter().map(export_line).collect();
    assert!(lines[0].contains(EXPORT) && !lines[0].contains("null"), "{}", lines[0]);
    assert_eq!(read(&lines.join("\n")), (people, Vec::new()));
    check(
        &lines[0].replace("a@x.example", "nobody"),
        &[],
        &["1:1: N152 \"nobody\" is no e-mail address, Entra object id, 29: id, conversation id or channel name; \
           export it again with `nudged people export`"],
    );
}

#[test]
fn what_is_not_said_is_left_as_it_is() {
    let (people, _) = read("id;name;zone;groups\nana@contoso.example;Ana;;\n");
    assert_eq!((people[0].zone, &people[0].groups, &people[0].language), (None, &None, &None));
}

#[test]
fn a_bad_row_does_not_hide_the_others() {
    check(
        "email,name,zone\nana@contoso.example,Ana,Europe/Lisbon\nbob,Bob,Europe/Pariss\ncleo@contoso.example,Cleo,\n",
        &["Ana", "Cleo"],
        &[
            "3:1: N150 \"bob\" is no e-mail address; write \"ana@contoso.example\"",
            "3:9: N101 unknown time zone \"Europe/Pariss\"; did you mean \"Europe/Paris\"?",
        ],
    );
    check(
        "email,name\na@x,Ana\nb@x\n\nc@x,C,D\nd@x,Dan\n",
        &["Ana", "Dan"],
        &[
            "3:1: N150 this row has 1 cells, and the first row has 2; put a cell that contains the separator in quotes",
            "5:1: N150 this row has 3 cells, and the first row has 2; put a cell that contains the separator in quotes",
        ],
    );
    check(
        "email,name\na@x,Ana\nA@X,Again\n,Nobody\n",
        &["Ana"],
        &[
            "3:1: N150 a@x is there already, in line 2; join the two rows into one",
            "4:1: N150 this row does not say who it is; fill in an e-mail address, an Entra object id or a 29: id",
        ],
    );
    check(
        "email,name\na@x,Ana\nb@x,\"Bob\nc@x,Cleo\n",
        &["Ana"],
        &[
            "3:5: N150 this quote is not closed, and the rest of the file belongs to it; close it with another one; write two for one that is meant",
        ],
    );
    check(
        "id,conversation_id,name\na@x,19:abc@thread.v2,Ana\n,19:abc@thread.tacv2,Release crew\n",
        &["Release crew"],
        &[
            "2:1: N150 this conversation is not the person's own chat with the bot; leave conversation_id empty, or give the id that begins with a:",
        ],
    );
    check(
        "id,quiet_hours,country\na@x,8-20,Germany\n",
        &[],
        &[
            "2:5: N150 \"8-20\" is not understood as quiet hours; write for example 20:00-08:00",
            "2:10: N150 \"Germany\" is no country; write its two letters, such as DE",
        ],
    );
    check(
        "id,language,service_url,tenant_id\na@x,deutsch!,smba,contoso\n",
        &[],
        &[
            "2:5: N150 \"deutsch!\" is no language; write for example en or de-CH",
            "2:14: N150 \"smba\" is not a service URL; write for example https://smba.trafficmanager.net/emea/",
            "2:19: N150 \"contoso\" is no tenant id; write it as in the portal, for example 11111111-2222-4333-8444-555555555555",
        ],
    );
}

#[test]
fn unknown_columns_name_the_nearest() {
    check("emial,name\na@x,Ana\n", &[], &["1:1: N151 unknown column `emial`; did you mean `email`?"]);
    check(
        "email,shoes,name,name\na@x,42,Ana,B\n",
        &["Ana"],
        &[
            "1:7: N151 unknown column `shoes`; the columns are id, email, upn, entra_id, teams_id, name, zone, directory_zone, language, groups, quiet_hours, country, team, team_id, channel, conversation_id, service_url, tenant_id",
            "1:18: N008 column `name` is there twice; remove one of the two",
        ],
    );
    check(
        "name\n",
        &[],
        &[
            "1:1: N150 no column says who somebody is; add a column `email`, `entra_id`, `teams_id` or `id`; the first row names the columns",
        ],
    );
    check(
        "",
        &[],
        &["1:1: N150 the file is empty; begin with a row that names the columns, such as email,name,zone,groups"],
    );
}

const PERSONAL: &str = r#"{"user":{"id":"29:1ana","name":"Ana Silva","aadObjectId":"AAAAAAAA-0000-4000-8000-000000000001"},
 "bot":{"id":"28:bot"},"channelId":"msteams","locale":"pt-PT","serviceUrl":"https://smba.trafficmanager.net/emea/",
 "conversation":{"id":"a:1conv","conversationType":"personal","tenantId":"T"},"activityId":"1"}"#;

#[test]
fn a_reference_says_where_somebody_is() {
    let (people, problems) = read(PERSONAL);
    assert_eq!(problems, [""; 0]);
    let [ana] = people.as_slice() else { panic!("one person") };
    assert_eq!(
        (ana.kind, ana.name.as_deref(), ana.language.as_deref()),
        (RecipientKind::Person, Some("Ana Silva"), Some("pt-PT"))
    );
    assert_eq!(ana.addresses.len(), 2);
    assert_eq!(
        ana.reference,
        Reference {
            service_url: Some("https://smba.trafficmanager.net/emea/".into()),
            conversation_id: Some("a:1conv".into()),
            tenant_id: Some("T".into()),
            bot_id: Some("28:bot".into()),
            user_id: Some("29:1ana".into()),
            entra_object_id: Some("aaaaaaaa-0000-4000-8000-000000000001".into()),
        }
    );
}

#[test]
fn every_way_of_writing_references_is_read() {
    let flat = PERSONAL.replace('\n', "");
    let bob = flat.replace("1ana", "1bob").replace("Ana Silva", "Bob");
    let both = ["Ana Silva", "Bob"];
    check(&format!("[{PERSONAL},\n {bob}]"), &both, &[]);
    check(&format!("{flat}\n{bob}\n"), &both, &[]);
    check(&format!("{{\"claims\":{{}},\"reference\":{flat}}}"), &["Ana Silva"], &[]);
    let other_names = flat
        .replace("aadObjectId", "objectId")
        .replace("\"bot\"", "\"agent\"")
        .replace("\"activityId\":\"1\"", "\"channelData\":{\"tenant\":{\"id\":\"U\"}}");
    let (people, _) = read(&other_names);
    let reference = &people[0].reference;
    assert_eq!((reference.tenant_id.as_deref(), reference.bot_id.as_deref()), (Some("U"), Some("28:bot")));
    assert!(reference.entra_object_id.is_some());
}

#[test]
fn the_kind_shows_in_the_id_and_then_in_the_type() {
    let kind = |conversation: &str| {
        let text = format!("{{\"user\":{{\"id\":\"29:1x\"}},\"conversation\":{conversation}}}");
        let (people, _) = read(&text);
        people.first().map(|person| (person.kind, person.addresses.len(), person.reference.user_id.is_some()))
    };
    assert_eq!(kind(r#"{"id":"a:1"}"#), Some((RecipientKind::Person, 1, true)));
    // The user of a group's reference is whoever spoke last.
    assert_eq!(
        kind(r#"{"id":"19:x@thread.v2","conversationType":"personal"}"#),
        Some((RecipientKind::GroupChat, 0, false))
    );
    assert_eq!(kind(r#"{"id":"19:x@thread.tacv2;messageid=1"}"#), Some((RecipientKind::Channel, 0, false)));
    assert_eq!(kind(r#"{"id":"odd","conversationType":"channel"}"#), Some((RecipientKind::Channel, 0, false)));
    assert_eq!(kind(r#"{"id":"odd","isGroup":true}"#), Some((RecipientKind::GroupChat, 0, false)));
}

#[test]
fn a_bad_reference_is_explained_at_its_place() {
    let flat = PERSONAL.replace('\n', "");
    check(
        &format!("[\n{{}},\n{flat},\n{}]", flat.replace("msteams", "slack")),
        &["Ana Silva"],
        &[
            "2:1: N152 this reference does not say who the person is; it needs `user` with an `id` that begins with 29:, or an `aadObjectId`",
            "4:1: N152 this reference is for the channel \"slack\", not for Teams; leave it out; only those with channelId \"msteams\" can be used",
        ],
    );
    let help = "export the references again; each is an object in {…}, alone, in one list, or one a line";
    let broken = format!("3:9: N002 this is not JSON: expected value; {help}");
    check(&format!("{flat}\n\n{{\"user\":}}\n{flat}\n"), &["Ana Silva", "Ana Silva"], &[&broken]);
    let open = format!("1:{}: N002 this is not JSON: the list is not closed; {help}", flat.len() + 2);
    check(&format!("[{flat}"), &["Ana Silva"], &[&open]);
    check(
        "[]",
        &[],
        &[
            "1:1: N152 there are no references in the file; a reference is an object with `conversation`, `user` and `serviceUrl`",
        ],
    );
}

#[test]
fn a_channel_is_known_by_its_names() {
    let (people, problems) = read(
        "name,team,team_id,channel,conversation_id,zone\n\
         ,Ops,19:ops@thread.tacv2,Releases,19:rel@thread.tacv2;messageid=7,Europe/Berlin\n\
         ,Ops,19:ops@thread.tacv2,,,\n\
         Lunch,,,,19:lunch@thread.v2,\n",
    );
    assert_eq!(problems, [""; 0]);
    let got: Vec<_> = people
        .iter()
        .map(|it| {
            let addresses: Vec<&str> = it.addresses.iter().map(Address::as_str).collect();
            (it.kind, it.name.as_deref(), addresses, it.reference.conversation_id.as_deref())
        })
        .collect();
    let names = vec!["channel:ops/releases", "channel:19:ops@thread.tacv2/releases"];
    let general = vec!["channel:ops/general", "channel:19:ops@thread.tacv2/general"];
    assert_eq!(
        got,
        [
            (RecipientKind::Channel, Some("Ops / Releases"), names, Some("19:rel@thread.tacv2")),
            (RecipientKind::Channel, Some("Ops / General"), general, Some("19:ops@thread.tacv2")),
            (RecipientKind::GroupChat, Some("Lunch"), vec![], Some("19:lunch@thread.v2")),
        ]
    );
    check(
        "email,team,team_id,channel\n,Ops,,Releases\na@x,Ops,19:o@thread.tacv2,\n,,19:o@thread.v2,\n,,19:o@thread.tacv2,a/b\n",
        &[],
        &[
            "2:1: N150 this row has a team or a channel, and does not say which conversation it is; fill in team_id or conversation_id: the id of the channel, which ends with @thread.tacv2",
            "3:1: N150 this row has a team or a channel, and does not say which conversation it is; fill in team_id or conversation_id: the id of the channel, which ends with @thread.tacv2",
            "4:3: N150 \"19:o@thread.v2\" is no id of a team; copy it whole, with 19: and @thread.tacv2",
            "5:21: N150 \"a/b\" is no channel; the name of a channel has no slash; write the team into the column `team`",
        ],
    );
    check(
        "email,groups\na@x,team:Ops\n",
        &[],
        &[
            "2:5: N150 a team is no group; leave it out; who is in a team is read from Teams when a schedule names the team",
        ],
    );
}

#[test]
fn what_is_left_out_is_counted() {
    let check = |text: &str, people: usize, left_out: u64| {
        let file = people_file(&Source::new("people", text));
        assert_eq!((file.people.len(), file.left_out), (people, left_out), "{text}: {:?}", file.problems);
    };
    check("email,zone\na@x,UTC\nb@x,Mars\nnobody,Mars\na@x,UTC\n\n", 1, 3);
    check("name\nAna\nBo\n", 0, 2);
    check("email\n", 0, 0);
    check("{\"user\":{\"id\":\"29:a\"}}\n{\"user\":{}}\n{\n", 1, 2);
}

#[test]
fn a_name_has_an_end() {
    let long = "x".repeat(257);
    let message = "a name of 257 characters is too long; write one of 256 at most";
    check(&format!("email,name\na@x,{long}\nb@x,{}\n", &long[1..]), &[&long[1..]], &[&format!("2:5: N150 {message}")]);
    let reference = format!("{{\"user\":{{\"id\":\"29:a\",\"name\":\"{long}\"}}}}");
    check(&reference, &[], &[&format!("1:1: N152 {message}")]);
}

#[test]
fn channel_data_name_a_channel() {
    let (people, problems) = read(
        r#"{"conversation":{"id":"19:rel@thread.tacv2;messageid=1","conversationType":"channel"},
        "channelData":{"team":{"id":"19:ops@thread.tacv2","name":"Ops"},"channel":{"id":"19:rel@thread.tacv2","name":"Releases"}}}"#,
    );
    assert_eq!(problems, [""; 0]);
    let channel = &people[0];
    assert_eq!(channel.name.as_deref(), Some("Ops / Releases"));
    assert_eq!(channel.reference.conversation_id.as_deref(), Some("19:rel@thread.tacv2"));
    assert_eq!(channel.channel.as_ref().and_then(|place| place.team_id.as_deref()), Some("19:ops@thread.tacv2"));
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "([\\[\\]{}\"',;|\t\n\r é:@a-z0-9]|email|zone|\"user\"|a@x){0,60}") {
        let source = Source::new("people", text.as_str());
        for file in [people_file(&source), csv::read(&source), reference::read(&source)] {
            prop_assert!(file.left_out == 0 || !file.problems.is_empty());
            for problem in file.problems {
                prop_assert!(text.get(problem.span.clone()).is_some(), "{problem:?}");
            }
        }
    }
}
