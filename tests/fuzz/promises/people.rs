//! A people file, CSV or references: every problem lies inside of it, who comes out of it is somebody, and an export of them
//! is taken back without loss.

use nudged::domain::import::{export_line, people, people_from_references};
use nudged::domain::problem::Source;
use nudged::domain::recipient::{PersonRecord, RecipientKind};

use super::assert_inside;

pub fn file(text: &str) {
    let source = Source::new("people", text);
    let (records, problems) = people(&source);
    assert_inside(&source, &problems);
    for record in &records {
        let PersonRecord { kind, addresses, reference, .. } = record;
        assert!(!addresses.is_empty() || *kind != RecipientKind::Person, "{record:?}");
        assert!(!addresses.is_empty() || reference.conversation_id.is_some() || record.channel.is_some(), "{record:?}");
    }
    let exported: Vec<String> = records.iter().map(export_line).collect();
    assert!(exported.iter().all(|line| !line.contains('\n')), "{exported:?}");
    if !records.is_empty() {
        let (again, problems) = people_from_references(&Source::new("export", exported.join("\n")));
        assert_eq!((again, problems.len()), (records, 0), "{problems:?} {exported:?}");
    }
}
