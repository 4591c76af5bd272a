//! The pure core: no I/O, no async, no clock, no chance, no globals, no logging. Everything here is a value or a
//! function from values to values, so every rule can be tested without a machine around it.

// Names and row ids.
pub mod id;

// Civil time, zones, instants, and the rules for local times that do not exist or exist twice.
pub mod time;

// Hosts as a person writes them.
pub mod host;

// How long what is told may be, and of what it may consist.
pub mod bounds;

// What is wrong with a file, where, and what to do about it.
pub mod problem;

// A TOML document read value by value, collecting every problem on the way.
pub mod document;

// The nearest right word for a misspelt one.
pub mod nearest;

// What a schedule is, and how it is read from a file.
pub mod schedule;

// Days by a rule: the last Friday, the 29th of February.
pub mod day;

// Calendars of holidays, and how they are read.
pub mod holidays;

// Which civil times a trigger means.
pub mod recurrence;

// Message texts: parsed once, strict about unknown names.
pub mod template;

// Languages of people, and the choice among what there is.
pub mod language;

// How late messages are.
pub mod lateness;

// Adaptive Cards: JSON in which every text is a template.
pub mod card;

// What is said, in which language, and what of it reaches one recipient.
pub mod message;

// The files beside the schedules: cards, texts, calendars.
pub mod supplies;

// Who receives, where they live, and how they are reached.
pub mod recipient;

// The ids and names of channels, chats and teams.
pub mod conversation;

// Threads in channels.
pub mod thread;

// What Teams tells a bot.
pub mod activity;

// What an activity comes to: facts for the ledger.
pub mod news;

// Who somebody is whose chat we have.
pub mod introduction;

// Who stopped what, and how they said so.
pub mod consent;

// Buttons below a message.
pub mod buttons;

// Somebody pressed a button of a message.
pub mod press;

// Messages that answer a person.
pub mod reply;

// What happens and makes schedules speak.
pub mod event;
// Which of all that was said of a person's zone counts.
pub mod ladder;

// What people say to the bot about their own zone.
pub mod zone_wish;

// The time zones of Windows and Exchange, by their IANA names.
pub mod windows_zones;

// People files, CSV or conversation references → records.
pub mod import;

// When a run will be finished, at the limits.
pub mod forecast;

// (schedule, zones, window) → waves.
pub mod plan;

// Jitter: where each person of a wave stands in the span.
pub mod spread;

// Which occurrence of a date takes the place of which when a schedule is edited.
pub mod edit;

// What an edit does to what is still to be sent, told in people.
pub mod shift;

// The states of one delivery and what moves it from one to the next.
pub mod delivery;

// Taking back what was sent.
pub mod recall;

// When nobody is to be disturbed.
pub mod quiet;

// May this delivery be sent now? The answer is a decision with a reason.
pub mod policy;

// What an answer from Teams means.
pub mod verdict;

// What keeps the bot itself from sending.
pub mod trouble;

// What the bot proves itself with, and until when.
pub mod credential;

// The clouds of Microsoft, and the addresses of each.
pub mod cloud;

// Many recipients of one schedule that can't be reached, all at once.
pub mod surge;

// (attempt, draw) → delay.
pub mod backoff;

// The published rate windows, counted exactly.
pub mod rate;

// Who gets how much of what there is.
pub mod share;
