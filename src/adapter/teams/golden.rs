//! Requests beyond the plain send, compared field by field with what the documentation asks for; and what is read from
//! the answers, which here are as Microsoft's pages and measurements show them.

use serde_json::json;

use super::stand_in::{APP, HOME, StandIn, hello, known, reply};
use crate::domain::buttons::{Buttons, Press, Stamp};
use crate::domain::consent::Topic;
use crate::domain::delivery::Reason;
use crate::domain::id::DeliveryId;
use crate::domain::verdict::Verdict;
use crate::port::connector::{Channel, Connector, Conversation, Member, MemberPage, OutgoingActivity, Team};

const CHANNEL: &str = "19:exampleChannel@thread.tacv2";
const ENCODED: &str = "19%3AexampleChannel%40thread.tacv2";

#[tokio::test]
async fn a_new_post_in_a_channel() {
    let teams = StandIn::start().await;
    let thread = format!("{CHANNEL};messageid=1776390257332");
    teams.script(reply(201, &json!({ "id": thread, "activityId": "1776390257332" })));
    let posted = teams.connector().post_in_channel(&known(CHANNEL), &hello()).await;
    let delivered = Verdict::Delivered { activity_id: Some("1776390257332".into()) };
    assert_eq!(posted.answer.verdict, delivered);
    assert_eq!(posted.thread, Some(Conversation { conversation_id: thread, service_url: None }));

    let [sent] = &teams.requests()[..] else { panic!("one request") };
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/teams/v3/conversations"));
    assert_eq!(
        sent.json(),
        json!({
            "isGroup": true,
            "bot": { "id": format!("28:{APP}") },
            "tenantId": HOME,
            "channelData": { "channel": { "id": CHANNEL }, "tenant": { "id": HOME } },
            "activity": {
                "type": "message",
                "text": "**Stand-up** in 5 minutes",
                "textFormat": "markdown",
                "locale": "de-CH"
            }
        })
    );
}

#[tokio::test]
async fn a_post_of_which_teams_does_not_say_the_thread_is_delivered_all_the_same() {
    let teams = StandIn::start().await;
    teams.script(reply(202, &json!({})));
    let posted = teams.connector().post_in_channel(&known(CHANNEL), &hello()).await;
    assert_eq!((posted.answer.verdict, posted.thread), (Verdict::Delivered { activity_id: None }, None));
    teams.script(reply(502, &json!({})));
    let posted = teams.connector().post_in_channel(&known(CHANNEL), &hello()).await;
    let doubt = Verdict::Unknown { reason: Reason::ServerError, after: None };
    assert_eq!(posted.answer.verdict, doubt, "it says something each time");
}

#[tokio::test]
async fn a_reply_in_a_thread() {
    let teams = StandIn::start().await;
    let thread = format!("{CHANNEL};messageid=1776390257332");
    teams.connector().continue_conversation(&known(&thread), &hello()).await;
    let [sent] = &teams.requests()[..] else { panic!("one request") };
    assert_eq!(sent.method, "POST");
    assert_eq!(sent.path, format!("/teams/v3/conversations/{ENCODED}%3Bmessageid%3D1776390257332/activities"));
    assert_eq!(
        sent.json(),
        json!({
            "type": "message",
            "text": "**Stand-up** in 5 minutes",
            "textFormat": "markdown",
            "locale": "de-CH",
            "from": { "id": format!("28:{APP}") },
            "conversation": { "id": thread, "tenantId": HOME },
            "channelData": { "tenant": { "id": HOME } }
        })
    );
}

#[tokio::test]
async fn what_was_sent_is_updated_and_deleted_by_its_id() {
    let teams = StandIn::start().await;
    let connector = teams.connector();
    teams.script(reply(200, &json!({ "id": "1776390257332" })));
    let updated = connector.update_activity(&known("a:1"), "1776390257332", &hello()).await;
    assert_eq!(updated.verdict, Verdict::Delivered { activity_id: Some("1776390257332".into()) });
    teams.script(reply(200, &json!({})));
    let deleted = connector.delete_activity(&known("a:1"), "1776390257332").await;
    assert_eq!(deleted.verdict, Verdict::Delivered { activity_id: None });
    teams.script(reply(404, &json!({ "error": { "code": "ActivityNotFoundInConversation", "message": "" } })));
    let gone = connector.delete_activity(&known("a:1"), "1776390257332").await;
    assert_eq!(gone.verdict, Verdict::Permanent { reason: Reason::ActivityNotFound });
    teams.script(reply(504, &json!({})));
    let again = connector.delete_activity(&known("a:1"), "1776390257332").await;
    assert_eq!(again.verdict, Verdict::Retry { reason: Reason::ServerError, after: None }, "repeating does no harm");

    let sent = teams.requests();
    let path = "/teams/v3/conversations/a%3A1/activities/1776390257332";
    assert_eq!((sent[0].method.as_str(), sent[0].path.as_str()), ("PUT", path));
    assert_eq!(sent[0].json()["text"], "**Stand-up** in 5 minutes");
    assert_eq!((sent[1].method.as_str(), sent[1].path.as_str(), sent[1].body.as_str()), ("DELETE", path, ""));
    assert!(sent.iter().all(|sent| sent.header("authorization") == "Bearer token-1"));
}

#[tokio::test]
async fn a_roster_is_read_page_by_page() {
    let teams = StandIn::start().await;
    teams.script(reply(
        200,
        &json!({
            "members": [
                { "id": "29:1", "name": "Ana", "objectId": "e1", "email": "ana@x", "userPrincipalName": "ana@x",
                  "tenantId": HOME, "userRole": "user", "givenName": "Ana" },
                { "id": "29:2", "aadObjectId": "e2" }
            ],
            "continuationToken": "p=2&x"
        }),
    ));
    teams.script(reply(200, &json!({ "members": [], "continuationToken": "" })));
    let connector = teams.connector();
    let page = connector.members(&known(CHANNEL), None).await.expect("a page");
    let ana = Member {
        user_id: "29:1".into(),
        entra_object_id: Some("e1".into()),
        name: Some("Ana".into()),
        email: Some("ana@x".into()),
        user_principal_name: Some("ana@x".into()),
        tenant_id: Some(HOME.into()),
        role: Some("user".into()),
    };
    let nameless = Member {
        user_id: "29:2".into(),
        entra_object_id: Some("e2".into()),
        name: None,
        email: None,
        user_principal_name: None,
        tenant_id: None,
        role: None,
    };
    assert_eq!(page, MemberPage { members: vec![ana, nameless], continuation: Some("p=2&x".into()) });
    let last = connector.members(&known(CHANNEL), Some("p=2&x")).await.expect("a page");
    assert_eq!(last, MemberPage { members: Vec::new(), continuation: None });

    let sent = teams.requests();
    let path = format!("/teams/v3/conversations/{ENCODED}/pagedmembers?pageSize=500");
    assert_eq!((sent[0].method.as_str(), sent[0].path.as_str()), ("GET", path.as_str()));
    assert_eq!(sent[1].path, format!("{path}&continuationToken=p%3D2%26x"));
    assert_eq!(sent[0].body, "");
}

#[tokio::test]
async fn what_a_list_says_is_as_bounded_as_what_an_activity_says() {
    let teams = StandIn::start().await;
    let connector = teams.connector();
    let long = "x".repeat(2_049);
    let odd = json!({
        "id": "29:1", "objectId": long, "name": "x".repeat(513), "email": "a\u{1b}[2J@x",
        "userPrincipalName": format!("{long}@x"), "tenantId": "a b", "userRole": "us er",
    });
    teams.script(reply(200, &json!({ "members": [odd] })));
    let bare = Member {
        user_id: "29:1".into(),
        entra_object_id: None,
        name: None,
        email: None,
        user_principal_name: None,
        tenant_id: None,
        role: None,
    };
    let page = connector.members(&known(CHANNEL), None).await.expect("a page");
    assert_eq!(page.members, [bare], "what can't be is not known");
    for id in [&format!("29:{long}"), "29:a\nb", ""] {
        teams.script(reply(200, &json!({ "members": [{ "id": id }] })));
        let answer = connector.members(&known(CHANNEL), None).await.expect_err("no member is without an id");
        assert_eq!(answer.verdict, Verdict::Retry { reason: Reason::ServerError, after: None });
    }
    for name in ["x".repeat(513), "a\u{1b}b".into()] {
        teams.script(reply(200, &json!({ "conversations": [{ "id": "19:ops", "name": name }] })));
        connector.channels(&known(CHANNEL)).await.expect_err("without its name it would be taken for General");
    }
    teams.script(reply(200, &json!({ "id": CHANNEL, "name": "x".repeat(513), "aadGroupId": "" })));
    let team = Team { id: CHANNEL.into(), name: None, entra_group_id: None };
    assert_eq!(connector.team(&known(CHANNEL)).await, Ok(team));
}

#[tokio::test]
async fn a_team_and_its_channels_are_read() {
    let teams = StandIn::start().await;
    let connector = teams.connector();
    let channels = json!({ "conversations": [{ "id": CHANNEL, "name": null }, { "id": "19:ops", "name": "Ops" }] });
    teams.script(reply(200, &channels));
    let general = Channel { id: CHANNEL.into(), name: None };
    let ops = Channel { id: "19:ops".into(), name: Some("Ops".into()) };
    assert_eq!(connector.channels(&known(CHANNEL)).await, Ok(vec![general, ops]));
    teams.script(reply(200, &json!({ "id": CHANNEL, "name": "Logistics", "aadGroupId": "g" })));
    let team = Team { id: CHANNEL.into(), name: Some("Logistics".into()), entra_group_id: Some("g".into()) };
    assert_eq!(connector.team(&known(CHANNEL)).await, Ok(team));
    teams.script(reply(200, &json!({ "name": "a team without an id" })));
    let odd = connector.team(&known(CHANNEL)).await.expect_err("no team");
    assert_eq!(odd.verdict, Verdict::Retry { reason: Reason::ServerError, after: None });

    let sent = teams.requests();
    assert_eq!(sent[0].path, format!("/teams/v3/teams/{ENCODED}/conversations"));
    assert_eq!(sent[1].path, format!("/teams/v3/teams/{ENCODED}"));
}

#[tokio::test]
async fn a_conversation_that_is_served_elsewhere_names_the_place_to_ask_next() {
    let teams = StandIn::start().await;
    let geo =
        json!({ "error": { "code": "BadArgument", "message": "Incoming request was redirected to the wrong geo!" } });
    let there =
        crate::domain::recipient::Reference { service_url: Some(format!("{}/amer/", teams.url())), ..known("a:1") };
    teams.script(reply(400, &geo));
    teams.script(reply(400, &geo));
    let connector = teams.connector();
    let elsewhere = |instead| Verdict::Elsewhere { reason: Reason::WrongRegion, instead };
    let answer = connector.continue_conversation(&there, &hello()).await;
    assert_eq!(answer.verdict, elsewhere(Some(format!("{}/teams/", teams.url()))));
    let answer = connector.continue_conversation(&known("a:1"), &hello()).await;
    assert_eq!(answer.verdict, elsewhere(None), "that place has just been asked");
}

#[tokio::test]
async fn a_text_with_buttons() {
    let teams = StandIn::start().await;
    let presses = ["done", "snooze tomorrow 09:00", "stop"].map(|press| Press::parse(press).expect("a press"));
    let OutgoingActivity { said, locale } = hello();
    let (occurrence, topic) = ("2027-03-01T09:00:00", "stand-up");
    let stamp = Stamp {
        delivery: DeliveryId(4711),
        occurrence: occurrence.parse().expect("a time"),
        topic: Topic::new(topic).expect("a topic"),
    };
    let said = Buttons(presses.to_vec()).put_below(said, &stamp, locale.as_deref());
    teams.connector().continue_conversation(&known("a:1"), &OutgoingActivity { said, locale }).await;
    let [sent] = &teams.requests()[..] else { panic!("one request") };
    let button = |title: &str, verb: &str, choice: &str| {
        let data = json!({
            "nudged": { "delivery": 4711, "occurrence": occurrence, "topic": topic, "choice": choice }
        });
        json!({
            "type": "Action.Execute", "title": title, "verb": verb, "data": data,
            "fallback": { "type": "Action.Submit", "title": title, "data": data }
        })
    };
    assert_eq!(
        sent.json(),
        json!({
            "type": "message",
            "summary": "Stand-up in 5 minutes",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "type": "AdaptiveCard",
                    "version": "1.5",
                    "body": [
                        { "type": "TextBlock", "text": "**Stand-up** in 5 minutes", "wrap": true },
                        {
                            "type": "ActionSet",
                            "actions": [
                                button("Erledigt", "nudged.done", "done"),
                                button("Später: morgen 09:00", "nudged.snooze", "snooze tomorrow 09:00"),
                                button("Stopp", "nudged.stop", "stop")
                            ]
                        }
                    ]
                }
            }],
            "locale": "de-CH",
            "from": { "id": format!("28:{APP}") },
            "conversation": { "id": "a:1", "tenantId": HOME },
            "channelData": { "tenant": { "id": HOME } }
        })
    );
}
