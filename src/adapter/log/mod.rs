//! The log: one line for each event, to the journal with fields, as JSON, or for people on stderr.
//!
//! An event becomes a [`Line`]; people are masked in it; what repeats itself is folded; and one of three sinks writes it.
//! So every form has the same promises, and none of them depends on whoever wrote the event.

// What repeats itself.
mod fold;
// How a line looks.
mod forms;
// The journal's own door.
mod journal;
// An event, taken down.
mod line;
// What names a person.
mod mask;

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, registry};

use crate::port::clock::Clock;

use fold::Folding;
use journal::Journal;
pub use journal::is_stderr_the_journal;
use line::Line;

/// How a line looks, and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// To stderr, with the time unless whoever reads stderr adds it.
    Human { has_time: bool, has_colour: bool },
    /// To stderr.
    Json,
    /// To the journal, with a field for each value; to stderr where there is no journal.
    Journal,
}

/// Whether addresses and ids of people stand in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    Masked,
    Shown,
}

/// Has every event that `filter` lets through written from now on. What was folded is told when the answer is dropped.
#[must_use]
pub fn start(form: Form, people: People, filter: EnvFilter, clock: Arc<dyn Clock>) -> Log {
    let sink: Box<dyn Sink> = match form {
        Form::Human { has_time, has_colour } => {
            Box::new(Stderr { write: Box::new(move |line| forms::human(line, has_time, has_colour)) })
        }
        Form::Json => Box::new(Stderr { write: Box::new(forms::json) }),
        Form::Journal => match Journal::open() {
            Ok(journal) => Box::new(journal),
            Err(_no_journal) => Box::new(Stderr { write: Box::new(|line| forms::human(line, true, false)) }),
        },
    };
    let log = Log { writer: Arc::new(Writer { sink, people, clock, folding: Mutex::default() }) };
    // A log that somebody has started already, in a test, is as good.
    let _ = registry().with(filter).with(log.layer()).try_init();
    log
}

/// Where lines go. A line that can't be written is lost: there is nobody left to tell.
trait Sink: Send + Sync {
    fn write(&self, line: &Line);
}

struct Stderr {
    write: Box<dyn Fn(&Line) -> String + Send + Sync>,
}

impl Sink for Stderr {
    fn write(&self, line: &Line) {
        let _ = writeln!(io::stderr().lock(), "{}", (self.write)(line));
    }
}

/// The log, as long as it lives.
pub struct Log {
    writer: Arc<Writer>,
}

impl Log {
    fn layer(&self) -> Lines {
        Lines(Arc::clone(&self.writer))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        for line in self.writer.folding().all() {
            self.writer.sink.write(&line);
        }
    }
}

struct Writer {
    sink: Box<dyn Sink>,
    people: People,
    clock: Arc<dyn Clock>,
    folding: Mutex<Folding>,
}

impl Writer {
    fn folding(&self) -> MutexGuard<'_, Folding> {
        // A count that a panic may leave one too small.
        self.folding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, mut line: Line) {
        match self.people {
            People::Masked => line.mask(),
            People::Shown => {}
        }
        let now = self.clock.moment();
        let (over, is_shown) = {
            let mut folding = self.folding();
            (folding.over(now, line.at), folding.admits(&line, now))
        };
        for summary in &over {
            self.sink.write(summary);
        }
        if is_shown {
            self.sink.write(&line);
        }
    }
}

/// What tracing hands its events to.
struct Lines(Arc<Writer>);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0.take(Line::of(event, self.0.clock.now()));
    }
}

#[cfg(test)]
mod tests;
