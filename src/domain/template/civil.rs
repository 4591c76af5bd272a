//! What a text may say of a civil time. To write a date is dear beside all else that a text takes, and most texts say one
//! part of one time or nothing of any, so each part is written when it is asked for.

use std::sync::Arc;

use chrono::NaiveDateTime;
use minijinja::Value;
use minijinja::value::{Enumerator, Object};

/// A civil time whose parts are `date`, `time` and `weekday`.
#[derive(Debug)]
pub(super) struct Civil(pub NaiveDateTime);

const PARTS: [&str; 3] = ["date", "time", "weekday"];

impl Object for Civil {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let format = match key.as_str()? {
            "date" => "%Y-%m-%d",
            "time" => "%H:%M",
            "weekday" => "%A",
            _ => return None,
        };
        Some(Value::from(self.0.format(format).to_string()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&PARTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_that_is_listed_is_there() {
        let at = "2026-11-23T09:05:00".parse().expect("a civil time");
        let civil = Value::from_object(Civil(at));
        let parts: Vec<String> =
            PARTS.map(|part| civil.get_attr(part).expect("a map").to_string()).into_iter().collect();
        assert_eq!(parts, ["2026-11-23", "09:05", "Monday"]);
        assert!(civil.get_attr("year").expect("a map").is_undefined());
        assert_eq!(civil.try_iter().expect("a map").count(), PARTS.len());
    }
}
