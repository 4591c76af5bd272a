use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::rig::{ANA, CHAT, Rig, encoded, refused};
use crate::emulator::{Chat, Directory, Person, Settings};

const ANA_AAD: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const TEAM: &str = "19:logistics@thread.tacv2";
const OPS: &str = "19:ops@thread.tacv2";
const GROUP: &str = "19:planning@thread.v2";

/// Ana, Ben without the app, a guest, and somebody without an account; a team, one without the app, and a group chat.
fn directory() -> Value {
    json!({
        "people": [
            { "id": ANA, "aad_object_id": ANA_AAD, "name": "Ana Pop", "given_name": "Ana", "surname": "Pop",
              "email": "ana@contoso.example", "user_principal_name": "ana@contoso.example" },
            { "id": "29:1ben", "name": "Ben", "installed": false },
            { "id": "29:1guest", "user_principal_name": "gus_fabrikam.example#EXT#@contoso.example",
              "tenant_id": "f0000000-0000-4000-8000-00000000000f" },
            { "id": "29:1nobody", "user_role": "anonymous" },
        ],
        "teams": [
            { "id": TEAM, "name": "Logistics", "aad_group_id": "bbbbbbbb-0000-4000-8000-000000000001",
              "channels": [{ "id": OPS, "name": "Ops" }, { "id": "19:board@thread.tacv2", "name": "Board", "type": "private" }],
              "members": [ANA_AAD, "29:1ben", "29:1guest"] },
            { "id": "19:sales@thread.tacv2", "name": "Sales", "installed": false },
        ],
        "chats": [{ "id": GROUP, "name": "Planning", "members": ["ANA@contoso.example", "29:1nobody"] }],
    })
}

impl Rig {
    async fn with_directory() -> Self {
        let rig = Self::start().await;
        assert_eq!(rig.control(Method::PUT, "/emulator/directory", Some(directory())).await.0, StatusCode::NO_CONTENT);
        rig
    }

    async fn members(&self, conversation: &str, rest: &str) -> (StatusCode, Value) {
        self.get(&format!("v3/conversations/{}/{rest}", encoded(conversation))).await
    }
}

fn ids(accounts: &Value) -> Vec<&str> {
    accounts.as_array().unwrap().iter().map(|account| account["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_members_of_a_conversation_are_described_as_teams_does() {
    let rig = Rig::with_directory().await;
    let (status, all) = rig.members(TEAM, "members").await;
    assert_eq!(status, StatusCode::OK);
    let ana = json!({
        "id": ANA, "name": "Ana Pop", "givenName": "Ana", "surname": "Pop", "email": "ana@contoso.example",
        "userPrincipalName": "ana@contoso.example", "tenantId": Settings::default().tenant_id, "userRole": "user",
        "objectId": ANA_AAD, "aadObjectId": ANA_AAD,
    });
    assert_eq!(all[0], ana);
    assert_eq!(ids(&all), [ANA, "29:1ben", "29:1guest"]);
    assert_eq!(all[2]["tenantId"], json!("f0000000-0000-4000-8000-00000000000f"));
    // A channel and a thread have the people of their team.
    for place in [OPS, "19:ops@thread.tacv2;messageid=17"] {
        assert_eq!(rig.members(place, "members").await.1, all, "{place}");
    }
    let (_, group) = rig.members(GROUP, "pagedmembers").await;
    assert_eq!(
        (ids(&group["members"]), &group["members"][1]["userRole"]),
        (vec![ANA, "29:1nobody"], &json!("anonymous"))
    );

    for id in [ANA, ANA_AAD, "ana@contoso.example", &ANA_AAD.to_uppercase()] {
        assert_eq!(
            rig.members(GROUP, &format!("members/{}", encoded(id))).await,
            (StatusCode::OK, ana.clone()),
            "{id}"
        );
    }
    for id in ["29:1ben", "29:1nowhere"] {
        let answer = rig.members(GROUP, &format!("members/{}", encoded(id))).await;
        refused(&answer, 400, "MemberNotFoundInConversation", "Member not found in conversation");
    }
    refused(&rig.members(CHAT, "members").await, 404, "ConversationNotFound", "Conversation not found.");
}

#[tokio::test]
async fn a_chat_that_was_created_has_its_person_in_it() {
    let rig = Rig::with_directory().await;
    for (user, name) in [(ANA_AAD, json!("Ana Pop")), ("29:1stranger", Value::Null)] {
        let chat = rig.create(user).await.1["id"].as_str().unwrap().to_owned();
        let (status, all) = rig.members(&chat, "members").await;
        assert_eq!((status, all.as_array().unwrap().len(), &all[0]["name"]), (StatusCode::OK, 1, &name), "{user}");
    }
}

#[tokio::test]
async fn members_come_in_pages_of_50_to_500() {
    let rig = Rig::start().await;
    let people: Vec<_> = (0..1201).map(|n| Person::new(&format!("29:1p{n}"))).collect();
    let members: Vec<_> = people.iter().map(|person| person.id.clone()).collect();
    let chat = Chat { id: GROUP.to_owned(), name: None, tenant_id: None, installed: true, members: members.clone() };
    rig.emulator.set_directory(Directory { people, chats: vec![chat], ..Directory::default() }).unwrap();
    for (query, size) in [("", 50), ("?pageSize=1", 50), ("?pageSize=200", 200), ("?pageSize=9999", 500)] {
        assert_eq!(
            rig.members(GROUP, &format!("pagedmembers{query}")).await.1["members"].as_array().unwrap().len(),
            size
        );
    }
    let (mut seen, mut sizes, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let (_, page) = rig.members(GROUP, &format!("pagedmembers?pageSize=500&continuationToken={token}")).await;
        sizes.push(ids(&page["members"]).len());
        seen.extend(ids(&page["members"]).into_iter().map(str::to_owned));
        let Some(next) = page["continuationToken"].as_str() else { break };
        token = encoded(next);
    }
    assert_eq!((seen, sizes), (members, vec![500, 500, 201]));
    for query in ["?pageSize=many", "?continuationToken=made-up", "?continuationToken=from-99999"] {
        assert_eq!(rig.members(GROUP, &format!("pagedmembers{query}")).await.1["error"]["code"], json!("BadArgument"));
    }
}

#[tokio::test]
async fn a_team_and_its_channels() {
    let rig = Rig::with_directory().await;
    let (status, team) = rig.get(&format!("v3/teams/{}", encoded(TEAM))).await;
    let expect = json!({
        "id": TEAM, "name": "Logistics", "aadGroupId": "bbbbbbbb-0000-4000-8000-000000000001", "type": "standard",
        "channelCount": 3, "memberCount": 3,
    });
    assert_eq!((status, team), (StatusCode::OK, expect));
    let (_, channels) = rig.get(&format!("v3/teams/{}/conversations", encoded(TEAM))).await;
    let expect = json!({ "conversations": [
        { "id": TEAM, "name": null, "type": "standard" },
        { "id": OPS, "name": "Ops", "type": "standard" },
        { "id": "19:board@thread.tacv2", "name": "Board", "type": "private" },
    ] });
    assert_eq!(channels, expect, "General has no name and the id of the team");
    for other in [OPS, GROUP, "19:unheard-of@thread.tacv2"] {
        let answer = rig.get(&format!("v3/teams/{}", encoded(other))).await;
        refused(&answer, 404, "ConversationNotFound", "Conversation not found.");
    }
    let sales = rig.get(&format!("v3/teams/{}", encoded("19:sales@thread.tacv2"))).await;
    assert_eq!((sales.0, &sales.1["error"]["code"]), (StatusCode::FORBIDDEN, &json!("BotNotInConversationRoster")));
}

#[tokio::test]
async fn the_channels_of_a_team_are_asked_for_within_the_limits() {
    let rig = Rig::with_directory().await;
    let path = format!("v3/teams/{}/conversations", encoded(TEAM));
    for expect in [[200; 14].as_slice(), &[429]].concat() {
        assert_eq!(rig.get(&path).await.0.as_u16(), expect);
    }
    assert_eq!(rig.members(TEAM, "members").await.0, StatusCode::OK, "members have a window of their own");
}

#[tokio::test]
async fn the_bot_reaches_only_where_it_is_installed() {
    let rig = Rig::with_directory().await;
    let ana = rig.create(ANA).await;
    assert_eq!((ana.0, rig.create(ANA_AAD).await), (StatusCode::CREATED, ana.clone()), "one chat, whichever her id");
    let chat = ana.1["id"].as_str().unwrap();
    assert_eq!(rig.say(chat, "hello").await.0, StatusCode::CREATED);
    assert_eq!(rig.emulator.messages()[0].user_id.as_deref(), Some(ANA));

    let answer = rig.create("29:1ben").await;
    refused(&answer, 403, "ForbiddenOperationException", "Bot isn't installed in user's personal scope");
    for outsider in ["29:1guest", "29:1nobody"] {
        refused(&rig.create(outsider).await, 400, "BadSyntax", "Invalid user identity in provided tenant");
    }
    let mut of_another_tenant = super::rig::personal(ANA);
    of_another_tenant["tenantId"] = json!("f0000000-0000-4000-8000-00000000000f");
    let answer = rig.post("v3/conversations", &of_another_tenant).await;
    refused(&answer, 400, "BadSyntax", "Invalid user identity in provided tenant");

    let roster = "The bot is not part of the conversation roster.";
    refused(&rig.say("19:sales@thread.tacv2", "hello").await, 403, "BotNotInConversationRoster", roster);
    assert_eq!(rig.say(OPS, "hello").await.0, StatusCode::CREATED);
    assert_eq!(rig.say(GROUP, "hello").await.0, StatusCode::CREATED);

    // She removes the app: her chat is known by its id, which follows from hers.
    let mut without = directory();
    without["people"][0]["installed"] = json!(false);
    rig.control(Method::PUT, "/emulator/directory", Some(without)).await;
    refused(&rig.say(chat, "still there?").await, 403, "BotNotInConversationRoster", roster);
}

#[tokio::test]
async fn what_is_not_named_is_refused_only_by_a_strict_directory() {
    let rig = Rig::with_directory().await;
    assert_eq!(rig.say(CHAT, "hello").await.0, StatusCode::CREATED);
    let before = rig.create("29:1stranger").await;
    assert_eq!(before.0, StatusCode::CREATED);

    let mut strict = directory();
    strict["strict"] = json!(true);
    rig.control(Method::PUT, "/emulator/directory", Some(strict)).await;
    refused(&rig.say(CHAT, "hello").await, 404, "ConversationNotFound", "Conversation not found.");
    assert_eq!(rig.create("29:1another").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(rig.say(before.1["id"].as_str().unwrap(), "hello").await.0, StatusCode::CREATED, "created before");
    assert_eq!(rig.say(GROUP, "hello").await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_directory_that_contradicts_itself_is_refused_whole() {
    let rig = Rig::with_directory().await;
    let before = rig.control(Method::GET, "/emulator/directory", None).await;
    assert_eq!(before.1["people"][0]["name"], json!("Ana Pop"));
    for (directory, says) in [
        (json!({ "people": [{ "id": "ana" }] }), "the id 'ana' of a person must begin with '29:'"),
        (json!({ "people": [{ "id": "29:a" }, { "id": "29:a" }] }), "'29:a' is the id of two entries"),
        (
            json!({ "teams": [{ "id": "19:a", "name": "A" }], "chats": [{ "id": "19:a" }] }),
            "'19:a' is the id of two entries",
        ),
        (
            json!({ "chats": [{ "id": "19:a", "members": ["29:b"] }] }),
            "'29:b', a member of '19:a', is none of the people",
        ),
        (
            json!({ "poeple": [] }),
            "unknown field `poeple`, expected one of `strict`, `people`, `teams`, `chats` at line 1 column 9",
        ),
    ] {
        let (status, body) = rig.control(Method::PUT, "/emulator/directory", Some(directory)).await;
        assert_eq!((status, &body["error"]["message"]), (StatusCode::BAD_REQUEST, &json!(says)));
    }
    assert_eq!(rig.control(Method::GET, "/emulator/directory", None).await, before);
}
