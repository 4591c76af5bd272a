//! The traits through which time, chance, storage and Teams come in, and the values that cross them. They are
//! object-safe and travel as `Arc<dyn …>`.

// What time it is, and waiting.
pub mod clock;
// Teams: continue a conversation, create one.
pub mod connector;
// What the bot proves itself with.
pub mod credentials;
// Backups of the ledger.
pub mod backup;
// What people and programs may ask of the daemon, over the socket or in-process.
pub mod desk;
// Where what Teams tells arrives.
pub mod ear;
// The messaging endpoint, for whoever watches over it.
pub mod endpoint;
// Chance.
pub mod entropy;
// What crosses the ports when something happens.
pub mod event;
// The ledger, row by row.
pub mod export;
// Where the schedule files are.
pub mod library;
// The line to Teams, for whoever watches over it.
pub mod line;
// One recipient in full, and what an operator may say of them.
pub mod people;
// What crosses the ports when messages are taken back.
pub mod recall;
// What crosses the ports when a message is tested.
pub mod rehearsal;
// What crosses the ports when the schedule files are read again.
pub mod reload;
// What crosses the ports when a person is answered.
pub mod reply;
// What crosses the ports when a dispatcher goes round.
pub mod round;
// The durable ledger.
pub mod store;
// What crosses the ports when somebody follows what happens.
pub mod tail;
// What crosses the ports about teams.
pub mod team;
// The heart-beat of the chores.
pub mod ticker;
// How the daemon does, for those who watch over it.
pub mod vitals;
// What went wrong, is sent again, or is cancelled.
pub mod trouble;
// Why somebody gets a message, got it, or did not.
pub mod why;
// The rules of every zone, from data that may be exchanged.
pub mod zones;
