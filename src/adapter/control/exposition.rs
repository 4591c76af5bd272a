//! Figures as Prometheus reads them: its text format, version 0.0.4, as Prometheus' page on exposition formats describes it
//! (read in November 2026). No library is needed for it: everything is counted elsewhere already, and this writes it down.
//!
//! A label is a pair of words of the program. What comes from outside, such as a name or an address, is no `&'static str`
//! and so has no way in here.

use std::fmt::{self, Display, Write as _};

use chrono::{DateTime, Utc};

use crate::port::vitals::Distribution;

/// What a scrape is answered with.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A name and a value, both known when the program is compiled.
pub(super) type Label = (&'static str, &'static str);

/// What is to be read of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows, until the daemon starts anew.
    Counter,
    Gauge,
    Histogram,
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        })
    }
}

/// The answer to a scrape, as far as it is written.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    /// Begins a metric. What follows are its samples.
    pub(super) fn metric(&mut self, name: &'static str, kind: Kind, help: &'static str) -> Metric<'_> {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        Metric { page: self, name }
    }

    /// A metric of one sample without labels.
    pub(super) fn one(&mut self, name: &'static str, kind: Kind, help: &'static str, value: impl Display) {
        self.metric(name, kind, help).sample(&[], value);
    }

    /// The same for an instant, in seconds since 1970. Where there is none, there is no sample.
    pub(super) fn instant(&mut self, name: &'static str, help: &'static str, at: Option<DateTime<Utc>>) {
        let mut metric = self.metric(name, Kind::Gauge, help);
        if let Some(at) = at {
            metric.sample(&[], seconds_since_1970(at));
        }
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // A string takes everything.
        let _ = writeln!(self.0, "{line}");
    }
}

/// A metric, ready for its samples.
pub(super) struct Metric<'page> {
    page: &'page mut Page,
    name: &'static str,
}

impl Metric<'_> {
    pub(super) fn sample(&mut self, labels: &[Label], value: impl Display) {
        let Self { page, name } = self;
        page.line(format_args!("{name}{} {value}", Labels(labels, None)));
    }

    /// The samples of a histogram, whose buckets each hold what the ones before hold as well.
    pub(super) fn distribution(&mut self, labels: &[Label], of: &Distribution) {
        let Self { page, name } = self;
        let mut so_far = 0;
        let bounds = of.bounds.iter().map(Some).chain(std::iter::once(None));
        for (bound, count) in bounds.zip(&of.counts) {
            so_far += count;
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.as_secs_f64().to_string());
            page.line(format_args!("{name}_bucket{} {so_far}", Labels(labels, Some(&bound))));
        }
        page.line(format_args!("{name}_sum{} {}", Labels(labels, None), of.sum.as_secs_f64()));
        page.line(format_args!("{name}_count{} {so_far}", Labels(labels, None)));
    }
}

/// Labels in their braces; of a bucket with its upper bound.
struct Labels<'a>(&'a [Label], Option<&'a str>);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() && self.1.is_none() {
            return Ok(());
        }
        let mut between = '{';
        for (name, value) in self.0.iter().copied().chain(self.1.map(|bound| ("le", bound))) {
            write!(f, "{between}{name}=\"{value}\"")?;
            between = ',';
        }
        f.write_char('}')
    }
}

/// As Prometheus counts time. The fraction is cut to milliseconds: more of them than a scrape knows.
pub(super) fn seconds_since_1970(at: DateTime<Utc>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "it has room for milliseconds of the next 200,000 years")]
    let millis = at.timestamp_millis() as f64;
    millis / 1_000.0
}
