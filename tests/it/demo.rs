//! A whole day in a minute.

use std::collections::BTreeSet;

use crate::rig::binary;

#[test]
fn a_day_goes_by_around_the_globe() {
    let output = binary().arg("demo").output().expect("the binary runs");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    // `Mon 09:00  Asia/Kolkata  03:30Z  Priya Nair  text`
    let arrivals: Vec<Vec<&str>> = shown
        .lines()
        .take_while(|line| !line.starts_with("Up to"))
        .map(|line| line.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect())
        .filter(|parts: &Vec<&str>| parts.len() >= 5)
        .collect();
    let people: BTreeSet<_> = arrivals.iter().map(|parts| parts[3]).collect();
    let zones: BTreeSet<_> = arrivals.iter().map(|parts| parts[1]).collect();
    assert!(people.len() >= 8 && zones.len() >= 8, "{people:?} in {zones:?}");
    for zone in ["Asia/Kolkata", "Pacific/Apia", "Pacific/Pago_Pago"] {
        assert!(zones.contains(zone), "{zone} is not among {zones:?}");
    }
    assert!(shown.contains("it adds up"), "{shown}");
}
