//! Texts, cards and people files with all kinds of damage.

use crate::{Draw, cases, damaged, joined, promises};

const TEXTS: &[&str] = &[
    "Good {{ local.weekday | lower }}, {{ person.first_name | default(\"you\") }}.\n\n*{{ schedule.title }}*\n",
    "{% if occurrence.weekday == 'Friday' %}Bye {{ person.name }}{% else %}{{ occurrence.date }}{% endif %}",
    "{% for x in ['a', 'b', 3] %}{{ loop.index }}: {{ x | upper | replace('A', 'b') }} {% endfor %}",
    "{{ person.name | replace('a', 'b') | title | truncate(5) | urlencode | safe }}{# no #}{% raw %}{{ x }}{% endraw %}",
    "{{ event.data.authors | join(', ') }} {{ event.data.commits[0].title[:7] }}",
];

const TAGS: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "-%}",
    "{%-",
    " ",
    "|",
    "(",
    ")",
    "[",
    "]",
    ",",
    "'",
    "\"",
    "~",
    "*",
    "+",
    "==",
    ".",
    ":",
    "person.name",
    "person",
    "local.time",
    "event.data",
    "loop.index",
    "for x in",
    "endfor",
    "if",
    "elif",
    "else",
    "endif",
    "set",
    "macro",
    "include",
    "block",
    "raw",
    "endraw",
    "default",
    "replace",
    "join",
    "upper",
    "safe",
    "batch",
    "indent",
    "map",
    "tojson",
    "format",
    "'%s'",
    "99999999",
    "1e308",
    "true",
    "none",
    "is defined",
    "not",
    "in",
    "x",
    "é",
    "\u{0}",
];

const CARDS: &[&str] = &[
    r#"{ "type": "AdaptiveCard", "version": "1.5", "body": [
        { "type": "TextBlock", "text": "Hi {{ person.name }}", "wrap": true },
        { "type": "FactSet", "facts": [{ "title": "When", "value": "{{ local.time }}" }] },
        { "type": "Image", "url": "https://x.example/{{ person.email | default('x') }}" }
      ], "actions": [{ "type": "Action.OpenUrl", "title": "{{ schedule.title }}", "url": "https://x.example" }] }"#,
    r#"{"type":"AdaptiveCard","version":"1.2","body":[{"type":"TextBlock","text":"{% raw %}{{DATE(2026-12-01T09:00:00Z)}}{% endraw %} {{ person.zone }} \u00e9\n"}]}"#,
];

const PEOPLE: &[&str] = &[
    "email,name,zone,groups,quiet_hours,country,conversation_id,service_url,tenant_id\n\
     ana@contoso.example,\"Ruiz, Ana\",Europe/Madrid,\"platform, ops\",20:00-08:00,es,a:1,https://x.example/emea/,t\n\
     bo@contoso.example,Bo,Asia/Tokyo,,,,,,\n",
    "id;teams_id;entra_id;directory_zone;language\n;29:ana;aaaaaaaa-0000-4000-8000-000000000001;W. Europe Standard Time;de\n",
    "team,team_id,channel,conversation_id\nOperations,19:g@thread.tacv2,Releases,19:c@thread.tacv2\n",
    r#"[{"activityId":"1","user":{"id":"29:ana","name":"Ana","aadObjectId":"aaaaaaaa-0000-4000-8000-000000000001"},
        "bot":{"id":"28:bot"},"conversation":{"id":"a:1","conversationType":"personal","tenantId":"t"},
        "channelId":"msteams","locale":"de-DE","serviceUrl":"https://x.example/emea/"}]"#,
    "{\"conversation\":{\"id\":\"19:x@thread.v2\",\"isGroup\":true},\"serviceUrl\":\"https://x.example/\"}\n{\"user\":{\"id\":\"29:b\"}}\n",
    "{\"schema\":\"nudged.export/1\",\"kind\":\"person\",\"addresses\":[\"ana@contoso.example\"],\"name\":\"Ana\",\"reference\":{}}\n",
];

/// Each of these is several times the work of a schedule file.
fn each(examples: &'static [&'static str], words: &'static [&'static str], hold: impl Fn(&str)) {
    for case in 0..(cases() / 4).min(25_000) {
        let mut draw = Draw::new(case + 1);
        let text = if draw.below(5) == 0 {
            joined(&mut draw, words, 30)
        } else {
            let example = draw.one_of(examples);
            damaged(&mut draw, example)
        };
        hold(&text);
    }
}

#[test]
fn whatever_a_text_says() {
    each(TEXTS, TAGS, promises::content::text);
}

#[test]
fn whatever_a_card_is_made_of() {
    each(CARDS, TAGS, promises::content::card);
}

#[test]
fn whoever_stands_in_a_people_file() {
    each(
        PEOPLE,
        &["id,name\n", ",", "\"", "\n", "29:a", "zone", "{", "}", "[", "]", ":", "UTC", "a@b.example", ";"],
        promises::people::file,
    );
}
