//! What names a person: mail addresses and the ids by which Teams knows people and their chats. Numbers of the ledger stay,
//! so that who may look into it (`nudged people show`, `nudged status`) can follow.

/// What stands in their place.
const MASK: &str = "[person]";

/// The text without what names a person. `strictly` also takes out ids that tenants and requests have as well.
pub(super) fn masked(text: &str, strictly: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(parts).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let name = word.trim_end_matches(['.', ':', ',', '!', '?']);
        if names_a_person(name) || strictly && is_guid(name) {
            shown.push_str(MASK);
            shown.push_str(&word[name.len()..]);
        } else {
            shown.push_str(word);
        }
        let next = behind.find(|c| !parts(c)).unwrap_or(behind.len());
        shown.push_str(&behind[..next]);
        rest = &behind[next..];
    }
    shown
}

/// What stands between words. A colon does not: ids have one.
fn parts(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '"' | '\'' | '`' | '(' | ')' | '<' | '>' | '[' | ']' | '{' | '}' | ',' | ';' | '=' | '/' | '\\')
}

fn names_a_person(word: &str) -> bool {
    // Group chats and channels are no persons.
    if word.starts_with("19:") && word.contains("@thread.") {
        return false;
    }
    let is_mail = word.split_once('@').is_some_and(|(who, place)| !who.is_empty() && !place.is_empty());
    let begins = ["29:", "8:orgid:", "8:live:", "a:"];
    let is_id = begins.iter().any(|begin| word.strip_prefix(begin).is_some_and(|id| !id.is_empty()));
    // The same in the path of a URL.
    let lower = word.to_ascii_lowercase();
    is_mail
        || is_id
        || lower.contains("%40") && !lower.contains("%40thread.")
        || lower.starts_with("29%3a")
        || lower.starts_with("a%3a")
}

/// Of an Entra object.
fn is_guid(word: &str) -> bool {
    let lengths = word.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_masked_and_nothing_else() {
        let check = |text: &str, expect: &str| assert_eq!(masked(text, false), expect, "{text}");
        check("ana@contoso.example: no such zone", "[person]: no such zone");
        check("nobody is called \"ana@contoso.example\".", "nobody is called \"[person]\".");
        check("<29:1-abc_DEF>, 8:orgid:1234, a:1xyz!", "<[person]>, [person], [person]!");
        check(
            "/v3/conversations/a%3A1x/activities 29%3a7 ana%40x.de",
            "/v3/conversations/[person]/activities [person] [person]",
        );
        check(
            "19:abc@thread.tacv2 is a channel, 19:u_v@unq.gbl.spaces is not",
            "19:abc@thread.tacv2 is a channel, [person] is not",
        );
        check("at 09:00, a: b @ c, delivery 17", "at 09:00, a: b @ c, delivery 17");
        let id = "99999999-8888-4777-8666-555555555555";
        check(id, id);
        assert_eq!(masked(&format!("no zone for {id}: x"), true), "no zone for [person]: x");
    }
}
