//! The loops that act. They see the domain and the ports, and nothing of what is behind the ports.
//!
//! The life of one message, in the order in which the rooms have it in their hands:
//! [`catalog`] → [`planner`] → [`dispatcher`] → [`sender`], with [`limiter`] at the sender's elbow.

// The schedules in force, and the files that are held back.
pub mod catalog;

// The files, read again when they change.
pub mod reloader;

// Schedules → waves, over a rolling horizon.
pub mod planner;

// Pure work, shared out between the cores.
pub mod cores;

// Waves → deliveries → claims, each at its instant.
pub mod dispatcher;

// What is in the hands of senders, and for how much more there is room.
mod hand;

// One claim → one outcome.
pub mod sender;

// What people are asked behind a message.
mod asking;

// By which operation a claim is said, and in which thread.
pub mod posting;

// What Teams tells, taken in.
pub mod ear;

// What is answered to people.
pub mod replier;

// Messages that are shown already, made once more.
pub mod shown;

// Messages that are taken back: deleted, or replaced by another text.
pub mod recaller;

// Permission to send, within the published windows.
pub mod limiter;

// Where each tenant was last served well.
pub mod places;

// Schedules of which too many recipients can't be reached.
pub mod watch;

// Questions to Teams that have time.
pub mod inquiry;

// Who somebody is whose chat we have.
pub mod introductions;

// Who is in a team, and what its channels are called.
pub mod rosters;

// What beats ask for: planning, rescue, pruning, upkeep.
pub mod chores;

// Backups of the ledger, once a day.
pub mod backups;

// The end of the bot's credential, announced in time.
pub mod credentials;

// Answers to what people ask.
pub mod desk;

// What will become of what is not there yet.
pub mod foresight;

// When what is open will be finished.
pub mod outlook;

// Signs of life, and what is wrong with the bot's own set-up.
pub mod health;

// What is counted while the daemon works.
pub mod meter;

// The Connector with a stop-watch.
pub mod metered;

// Whether everything goes round.
pub mod pulse;

// How the daemon does, for those who watch over it.
pub mod vitals;
