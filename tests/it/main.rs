//! The whole of it: the real binary, a real database file, real HTTP to the emulator.

// A directory, an emulator and the binary.
mod rig;

// What is said of what is ahead.
mod ahead;
// Every command, held to what all of them promise.
mod audit;
// Copies of the ledger, and what is restored from one.
mod backup;
// Channels, their threads, and teams.
mod channels;
// Teams calls, and so do programs on this machine.
mod calling;
// What a writer is told of files that can't be used as they are.
mod checking;
// A disk that fails for a while.
mod disk;
// What a person types, and what comes back.
mod commands;
// Stops, starts and buttons.
mod consent;
// Cards, texts and languages, from the file to Teams.
mod contents;
// kill -9, and what is left.
mod crash;
// Who gets what, when.
mod delivery;
// A whole day in a minute.
mod demo;
// The emulator as a command.
mod emulator;
// What programs say has happened.
mod events;
// What people and Teams tell, and what comes of it.
mod hearing;
// What the bot proves itself with.
mod identity;
// Never above the limits, and never far below.
mod limits;
// What is known of people, and what an operator says of them.
mod people;
// Taking back what was sent.
mod recall;
// Files that are read again.
mod reload;
// Where secrets are, and where they are not.
mod secrets;
// What operators ask a running daemon.
mod seeing;
// Following what happens.
mod tail;
// Where tokens go.
mod trust;
// Those who watch over it.
mod watching;
