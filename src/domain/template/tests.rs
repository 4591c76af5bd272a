use super::*;
use crate::domain::id::RecipientId;
use crate::domain::recipient::{Details, RecipientKind, ZoneSource};

fn person(name: &str, email: Option<&str>) -> Recipient {
    Recipient {
        id: RecipientId(1),
        kind: RecipientKind::Person,
        name: name.into(),
        email: email.map(str::to_owned),
        zone: chrono_tz::Tz::Asia__Tokyo,
        zone_source: ZoneSource::Operator,
        language: None,
        details: Details::default(),
    }
}

fn render(text: &str, recipient: &Recipient) -> Result<String, RenderError> {
    render_template(&Template::parse(text).expect("a template"), recipient)
}

fn render_template(template: &Template, recipient: &Recipient) -> Result<String, RenderError> {
    let schedule = ScheduleName::new("standup").expect("a name");
    let at = |text: &str| text.parse().expect("a civil time");
    template.render(&Facts {
        recipient,
        schedule: &schedule,
        title: "Daily *stand-up*",
        occurrence: at("2026-12-01T09:00:00"),
        local: at("2026-12-01T17:30:00"),
        event: None,
    })
}

#[test]
fn every_name_of_the_vocabulary_says_something() {
    let ana = person("Ana Maria Silva", Some("ana_s@contoso.example"));
    let check = |text: &str, expect: &str| assert_eq!(render(text, &ana).as_deref(), Ok(expect), "{text}");
    check("{{ person.name }}", "Ana Maria Silva");
    check("{{ person.first_name }}|{{ person.last_name }}", "Ana|Maria Silva");
    check("{{ person.email }}", r"ana\_s@contoso.example");
    check("{{ person.zone }}", "Asia/Tokyo");
    check("{{ schedule.name }}: {{ schedule.title }}", r"standup: Daily \*stand-up\*");
    check("{{ occurrence.weekday }} {{ occurrence.date }} {{ occurrence.time }}", "Tuesday 2026-12-01 09:00");
    check("{{ local.weekday }} {{ local.date }} {{ local.time }}", "Tuesday 2026-12-01 17:30");
    check("**Hi** {{ person.first_name | upper }}", "**Hi** ANA");
    check("{% if local.weekday == \"Tuesday\" %}a{% else %}b{% endif %}", "a");
    check("{{ \"x\" if local.weekday == \"Friday\" }}", "");
    check("plain { text } 100 %", "plain { text } 100 %");
    for name in VOCABULARY {
        let text = format!("{{{{ {name} | default('-') }}}}");
        assert!(Template::parse(&text).expect("a template").unknown_names().is_empty(), "{name}");
        assert!(render(&text, &ana).is_ok_and(|text| !text.is_empty()), "{name}");
    }
}

#[test]
fn values_are_escaped_unless_marked_safe() {
    let mallory = person("*a* [x](y) <at>all</at>", None);
    let check = |text: &str, expect: &str| assert_eq!(render(text, &mallory).as_deref(), Ok(expect), "{text}");
    check("{{ person.name }}", r"\*a\* \[x\](y) &lt;at&gt;all&lt;/at&gt;");
    check("{{ person.name | safe }}", "*a* [x](y) <at>all</at>");
    check("{{ person.name | upper }}", r"\*A\* \[X\](Y) &lt;AT&gt;ALL&lt;/AT&gt;");
    check("{% for c in person.first_name %}{{ c }}{% endfor %}", r"\*a\*");
    check("{{ ['<a', 't>'] | join }}", "&lt;at&gt;");
}

#[test]
fn values_are_escaped_for_what_the_text_becomes() {
    let mallory = person("*a* b", None);
    let check = |form: Form, expect: &str| {
        let template = Template::parse_as("?{{ person.name }}&{{ person.name | safe }}", form).expect("a template");
        assert_eq!(render_template(&template, &mallory).as_deref(), Ok(expect), "{form:?}");
    };
    check(Form::Markdown, r"?\*a\* b&*a* b");
    check(Form::Plain, "?*a* b&*a* b");
    check(Form::Url, "?%2Aa%2A%20b&*a* b");
}

#[test]
fn directories_write_the_last_name_first() {
    let check = |name: &str, expect: &str| {
        let got = render("{{ person.first_name }}|{{ person.last_name }}", &person(name, None));
        assert_eq!(got.as_deref(), Ok(expect), "{name}");
    };
    check("Keller, Mira", "Mira|Keller");
    check("Madonna", "Madonna|");
    check(" Li  Wei ", "Li|Wei");
    check("Keller,", "Keller,|");
}

#[test]
fn what_is_not_known_is_an_error_and_not_a_blank() {
    let nobody = person("Ana", None);
    assert_eq!(render("Hi {{ person.email }}", &nobody), Err(RenderError::Unknown("person.email".into())),);
    assert_eq!(render("{{ person.email | default(\"-\") }}", &nobody).as_deref(), Ok("-"));
    assert_eq!(render("{% if person.email is defined %}a{% else %}b{% endif %}", &nobody).as_deref(), Ok("b"));
    insta::assert_snapshot!(
        render("{{ person.language }}", &nobody).expect_err("no language is known"),
        @r#"the text uses person.language, which is not known for this recipient; write for example {{ person.language | default("…") }}"#
    );
}

#[test]
fn unknown_names_are_found_with_their_place_and_the_nearest() {
    let check = |text: &str, expect: &[(&str, Option<&str>)]| {
        let template = Template::parse(text).expect("a template");
        let got: Vec<(&str, Option<&str>)> = template
            .unknown_names()
            .iter()
            .map(|unknown| {
                assert_eq!(text[unknown.range.clone()], unknown.name);
                (unknown.name.as_str(), unknown.nearest.as_deref())
            })
            .collect();
        assert_eq!(got, expect, "{text}");
    };
    check("{{ person.firstname }}", &[("person.firstname", Some("person.first_name"))]);
    check(
        "{{ firstname }} {{ person.nmae }}",
        &[("firstname", Some("person.first_name")), ("person.nmae", Some("person.name"))],
    );
    check("{{ persn.name }}", &[("persn.name", Some("person.name"))]);
    check("{{ person }}", &[("person", Some("person.name"))]);
    check("{{ person.shoe_size }}", &[("person.shoe_size", None)]);
    check("{{ person.name.first }}", &[("person.name.first", None)]);
    check("{% if false %}{{ x_y }}{% endif %}", &[("x_y", None)]);
    check("{% for y in [1, 2] %}{{ y }}{{ loop.index }}{% endfor %}", &[]);
    check("{{ person.name | uper }}", &[("uper", Some("upper"))]);
    check("{{ \"person.firstname\" }} person.firstname {# {{ x }} #}", &[]);
}

#[test]
fn what_is_no_template_is_explained() {
    let check = |text: &str, at: &str, message: &str| {
        let problem = Template::parse(text).expect_err("no template");
        assert_eq!((&text[problem.range.clone()], problem.message.as_str()), (at, message), "{text}");
    };
    check("Hi {{ person.name", "name", "unexpected end of input, expected end of variable block");
    check("Hi {{ person name }}", "name", "unexpected identifier, expected end of variable block");
    check("{% fi x %}", "fi", "unknown statement fi");
    check("{% include 'x' %}", "include", "`include` needs another file, and a text stands alone");
    check("{{ person.name | replace }}", "replace", "missing argument");
}

#[test]
fn no_loop_hangs_a_sender() {
    let many = format!("'{}'", "a".repeat(200));
    let text = format!("{{% for a in {many} %}}{{% for b in {many} %}}{{{{ b }}}}{{% endfor %}}{{% endfor %}}");
    let problem = Template::parse(&text).expect_err("out of fuel");
    assert_eq!(problem.message, "the text takes too long to make");
}

/// To sort a long list is one step, and takes as long as thousands.
#[test]
fn no_filter_works_without_end() {
    let sorted = |times: usize| format!("{{{{ '{}'{} | length }}}}", "x".repeat(3_500), " | list | sort".repeat(times));
    assert!(Template::parse(&sorted(3)).is_ok());
    assert_eq!(Template::parse(&sorted(20)).expect_err("long").message, "the text takes too long to make");
    let each = format!("{{% for c in '{}' %}}{{{{ c | upper | lower }}}}{{% endfor %}}", "x".repeat(1_000));
    assert_eq!(render(&each, &person("Ana", None)).map(|text| text.len()), Ok(1_000));
}

#[test]
fn no_text_grows_without_end() {
    let check = |text: &str, at: &str, message: &str| {
        let problem = Template::parse(text).expect_err("it is refused");
        assert_eq!((&text[problem.range.clone()], problem.message.as_str()), (at, message), "{text}");
    };
    // Each of these would take a hundred megabytes or more, some of them while they are parsed.
    check("{{ \"a\" * 100000000 }}", "\"a\" * 100000000", "a text can't calculate with `*`");
    check("{% for x in \"a\" * 100000000 %}{% endfor %}", "\"a\" * 100000000", "a text can't calculate with `*`");
    check("{% if x == 'a' * 100000000 %}{% endif %}", "'a' * 100000000", "a text can't calculate with `*`");
    check("{{ person.name | default('a' * 100000000) }}", "'a' * 100000000", "a text can't calculate with `*`");
    check("{{ {'a': {}} }}{{ 'a' * 100000000 }}", "{'a': {}}", "a text can't make tables");
    check("{% set x = \"a\" * 1000000000 %}", "set", "a text can't use `set`");
    check("{%- set x %}a{% endset %}", "set", "a text can't use `set`");
    check("{% with a = person.name %}{{ a }}{% endwith %}", "with", "a text can't use `with`");
    check("{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}", "macro", "a text can't use `macro`");
    check("{{ person.name ~ person.name }}", "person.name ~ person.name", "a text can't join with `~`");
    check(
        "{% for a in [person.name] %}{% endfor %}",
        "person.name",
        "a list in a text may hold only plain texts and numbers",
    );
    check("{% for a in 'ab' recursive %}{{ loop('ab') }}{% endfor %}", "'ab'", "a loop can't be `recursive`");
    check("{{ person.name.upper() }}", ".upper()", "a text can't call functions");
    let long = "x".repeat(200);
    let twice = format!("{{{{ 'x' | replace('x', '{long}') | replace('x', '{long}') }}}}");
    assert_eq!(Template::parse(&twice).expect_err("long").message, "the text becomes too long");
    let joined = format!("{{{{ '{long}' | join('{long}') }}}}");
    assert_eq!(Template::parse(&joined).expect_err("long").message, "the text becomes too long");
    let raw = format!("{{% for a in '{long}' %}}{}{{% endfor %}}", "x".repeat(2000));
    assert_eq!(Template::parse(&raw).expect_err("long").message, "the text becomes too long");
    assert!(Template::parse(&"x".repeat(300_000)).is_err());
    assert!(Template::parse("{{ 1.5 | round(1000000000) }}{{ 1.5 | round(-1000000000) }}").is_ok());
    for unknown in ["{{ '%1000000000d' | format(1) }}", "{{ 'a' | indent(1000000000) }}", "{{ 'a' | center(9) }}"] {
        assert_eq!(Template::parse(unknown).expect("a template").unknown_names().len(), 1, "{unknown}");
    }
}

/// A stack that overflows takes the daemon along, and again at each start. Tokio's threads have 2 MiB.
#[test]
fn no_text_is_deeper_than_a_stack() {
    let chains = |length: usize| {
        let chain = |begin: &str, link: &str, end: &str| format!("{begin}{}{end}", link.repeat(length));
        let nested = |tag: &str, most: usize| tag.repeat(length.min(most));
        [
            chain("{{ person.name", ".a", " | default('-') }}"),
            chain("{{ person.name", "|trim", " }}"),
            chain("{{ ", "not ", "person.name }}"),
            chain("{{ ", "-", "1 }}"),
            chain("{{ ", "(", " }}"),
            chain("{{ 'a' ", "if 'a' else 'b' ", "}}"),
            chain("{{ 'a' ", "== 'b' or 'a' ", "}}"),
            chain("{% if 'a' %}", "{% elif 'b' %}", "{% endif %}"),
            chain("", "{% if 'a' %}", ""),
            // All together, with what each of them may be at most.
            nested("{% if 'a' %}", 90) + &nested("{% if 'a' %}{% elif 'b' %}", 50) + &chain("{{ ", "not ", "'a' }}"),
        ]
    };
    let parse = move |length| {
        let all = move || chains(length).map(|text| Template::parse(&text).is_ok());
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(all);
        thread.expect("a thread").join().expect("it has room")
    };
    for length in [50, 190] {
        parse(length);
    }
    assert_eq!(parse(8_000), [false; 10]);
}

#[test]
fn a_tag_has_its_bounds() {
    let check = |text: &str, message: &str| {
        assert_eq!(Template::parse(text).expect_err("it is refused").message, message);
    };
    let dates = |count: usize| format!("{{% if local.date in [{}] %}}.{{% endif %}}", "'2027-01-01', ".repeat(count));
    assert!(Template::parse(&dates(90)).is_ok());
    check(&dates(100), "a tag is longer than 200 words and signs, or 4 KiB");
    let literal = |length: usize| format!("{{{{ '{}' }}}}", "x".repeat(length));
    assert!(Template::parse(&literal(4_000)).is_ok());
    check(&literal(4_096), "a tag is longer than 200 words and signs, or 4 KiB");
    check(&"{% if 'a' %}{% elif 'b' %}{% endif %}".repeat(51), "a text has more than 50 `elif`s");
    // What is no tag is as long as it likes, and so is all of them together.
    assert!(Template::parse(&"{{ person.name }} x | y . z {% raw %}{{ not a.b }}{% endraw %}".repeat(300)).is_ok());
}

#[test]
fn long_messages_are_made_whole() {
    let ana = person("Ana", None);
    let check = |length: usize| {
        let text = format!("{}{{{{ person.name }}}}", "é".repeat(length));
        assert_eq!(render(&text, &ana).map(|text| text.len()), Ok(2 * length + 3), "{length}");
    };
    for length in [0, 2046, 2047, 50_000] {
        check(length);
    }
}

#[test]
fn clones_share_what_was_parsed_and_go_to_other_threads() {
    fn goes_everywhere<T: Clone + Send + Sync + 'static>(_: &T) {}
    let template = Template::parse("{{ person.name }}").expect("a template");
    goes_everywhere(&template);
    assert!(Arc::ptr_eq(&template.parsed, &template.clone().parsed));
}
