//! People from a spreadsheet: one row for each.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::domain::document::{excerpt, one_of, zone};
use crate::domain::nearest::nearest;
use crate::domain::problem::{Code, Problem, Source};
use crate::domain::quiet::QuietHours;
use crate::domain::recipient::{Address, AddressKind, PersonRecord, RecipientKind};
use crate::domain::windows_zones;

use super::cells::{Cell, Row, rows};
use super::{PeopleFile, SHORTER_NAME, check_name, check_service_url, is_guid};
use crate::domain::conversation::{GENERAL, TEAM, fold, is_id, kind_of, without_thread};

/// What a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    Email,
    Upn,
    EntraId,
    TeamsId,
    Name,
    Zone,
    DirectoryZone,
    Language,
    Groups,
    QuietHours,
    Country,
    Team,
    TeamId,
    Channel,
    ConversationId,
    ServiceUrl,
    TenantId,
}

const COLUMNS: [(&str, Column); 18] = [
    ("id", Column::Id),
    ("email", Column::Email),
    ("upn", Column::Upn),
    ("entra_id", Column::EntraId),
    ("teams_id", Column::TeamsId),
    ("name", Column::Name),
    ("zone", Column::Zone),
    ("directory_zone", Column::DirectoryZone),
    ("language", Column::Language),
    ("groups", Column::Groups),
    ("quiet_hours", Column::QuietHours),
    ("country", Column::Country),
    ("team", Column::Team),
    ("team_id", Column::TeamId),
    ("channel", Column::Channel),
    ("conversation_id", Column::ConversationId),
    ("service_url", Column::ServiceUrl),
    ("tenant_id", Column::TenantId),
];

/// The columns of which one at least must be there, for a row to be somebody.
const WHO: [Column; 7] =
    [Column::Id, Column::Email, Column::Upn, Column::EntraId, Column::TeamsId, Column::TeamId, Column::ConversationId];

/// Reads a CSV file whose first row names the columns.
pub(super) fn read(source: &Source) -> PeopleFile {
    let mut problems = Vec::new();
    let mut rows = rows(&source.text).into_iter();
    let Some(header) = rows.next() else {
        let help = "begin with a row that names the columns, such as email,name,zone,groups";
        let problems = vec![Problem::new(Code::BadRow, 0..0, "the file is empty").with_help(help)];
        return PeopleFile { problems, ..PeopleFile::default() };
    };
    let count = rows.len();
    let columns = read_header(&header, &mut problems);
    if !says_who(&columns) {
        // Every row would only say the same again.
        return PeopleFile { problems, left_out: count as u64, ..PeopleFile::default() };
    }
    let mut people = Vec::new();
    let mut seen: BTreeMap<Address, usize> = BTreeMap::new();
    for row in rows {
        let before = problems.len();
        let record = read_row(&row, &columns, &mut problems);
        let Some(record) = record.filter(|_| problems.len() == before) else { continue };
        let line = source.place(row.span().start).line;
        if let Some((address, first)) = record.addresses.iter().find_map(|address| seen.get_key_value(address)) {
            let message = format!("{address} is there already, in line {first}");
            problems.push(Problem::new(Code::BadRow, row.span(), message).with_help("join the two rows into one"));
            continue;
        }
        seen.extend(record.addresses.iter().map(|address| (address.clone(), line)));
        people.push(record);
    }
    let left_out = (count - people.len()) as u64;
    PeopleFile { people, problems, left_out }
}

fn says_who(columns: &[Option<Column>]) -> bool {
    columns.iter().flatten().any(|column| WHO.contains(column))
}

/// What each column says; `None` for one that is not known.
fn read_header(header: &Row, problems: &mut Vec<Problem>) -> Vec<Option<Column>> {
    let before = problems.len();
    let mut columns: Vec<Option<Column>> = Vec::new();
    for Cell { text, span } in &header.cells {
        let plain = text.to_lowercase().replace([' ', '-'], "_");
        let found = COLUMNS.iter().find(|(name, _)| *name == plain).map(|(_, column)| *column);
        let fault = match found {
            None => {
                let names = COLUMNS.iter().map(|(name, _)| *name);
                let help = match nearest(text, names.clone()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("the columns are {}", names.collect::<Vec<_>>().join(", ")),
                };
                let message = if text.is_empty() {
                    "a column has no name".to_owned()
                } else {
                    format!("unknown column `{}`", excerpt(text))
                };
                Some(Problem::new(Code::UnknownColumn, span.clone(), message).with_help(help))
            }
            Some(column) if columns.contains(&Some(column)) => {
                let message = format!("column `{plain}` is there twice");
                Some(Problem::new(Code::DuplicateKey, span.clone(), message).with_help("remove one of the two"))
            }
            Some(_) => None,
        };
        columns.push(found.filter(|_| fault.is_none()));
        problems.extend(fault);
    }
    if problems.len() == before && !says_who(&columns) {
        let message = "no column says who somebody is";
        let help = "add a column `email`, `entra_id`, `teams_id` or `id`; the first row names the columns";
        problems.push(Problem::new(Code::BadRow, header.span(), message).with_help(help));
    }
    columns
}

fn read_row(row: &Row, columns: &[Option<Column>], problems: &mut Vec<Problem>) -> Option<PersonRecord> {
    let before = problems.len();
    let mut bad = |span: Range<usize>, message: String, help: &str| {
        problems.push(Problem::new(Code::BadRow, span, message).with_help(help));
    };
    if let Some(opening) = row.unclosed {
        let message = "this quote is not closed, and the rest of the file belongs to it".to_owned();
        bad(opening..opening + 1, message, "close it with another one; write two for one that is meant");
        return None;
    }
    if row.cells.len() != columns.len() {
        let message = format!("this row has {} cells, and the first row has {}", row.cells.len(), columns.len());
        bad(row.span(), message, "put a cell that contains the separator in quotes");
        return None;
    }
    let mut record = PersonRecord::new(RecipientKind::Person);
    for (column, cell) in columns.iter().zip(&row.cells) {
        let Some(column) = *column else { continue };
        if cell.text.is_empty() {
            continue;
        }
        problems.extend(put(&mut record, column, cell).err());
    }
    problems.extend(put_directory_zone(&mut record, row, columns).err());
    if problems.len() > before {
        return None;
    }
    let mut bad = |message: &str, help: &str| {
        problems.push(Problem::new(Code::BadRow, row.span(), message).with_help(help));
    };
    settle_conversation(&mut record);
    match record.kind {
        RecipientKind::Person if record.channel.is_some() => {
            bad(
                "this row has a team or a channel, and does not say which conversation it is",
                "fill in team_id or conversation_id: the id of the channel, which ends with @thread.tacv2",
            );
        }
        RecipientKind::Person if record.addresses.is_empty() => {
            bad("this row does not say who it is", "fill in an e-mail address, an Entra object id or a 29: id");
        }
        RecipientKind::GroupChat | RecipientKind::Channel if !record.addresses.is_empty() => {
            bad(
                "this conversation is not the person's own chat with the bot",
                "leave conversation_id empty, or give the id that begins with a:",
            );
        }
        RecipientKind::GroupChat if record.channel.is_some() => {
            bad("a group chat is in no team", "leave team, team_id and channel empty");
        }
        RecipientKind::Channel => add_names(&mut record),
        RecipientKind::Person | RecipientKind::GroupChat => {}
    }
    Some(record)
}

/// Which conversation the row is about, and of which kind. A team without a channel is its General.
fn settle_conversation(record: &mut PersonRecord) {
    if let Some(place) = &mut record.channel
        && record.addresses.is_empty()
    {
        let team = record.reference.conversation_id.is_none().then(|| place.team_id.clone()).flatten();
        if team.is_some() && place.name.as_ref().is_none_or(|name| fold(name) == fold(GENERAL)) {
            place.name = Some(GENERAL.to_owned());
            record.reference.conversation_id = team;
        }
    }
    // Of a thread, the channel is taken.
    if let Some(id) = &mut record.reference.conversation_id {
        *id = without_thread(id).to_owned();
    }
    let known = record.reference.conversation_id.as_deref().and_then(kind_of);
    record.kind = known.unwrap_or(RecipientKind::Person);
}

/// A channel is known by its names, too.
fn add_names(record: &mut PersonRecord) {
    if let Some(place) = &record.channel {
        record.addresses = place.addresses();
        record.name = record.name.take().or_else(|| place.title());
    }
}

/// Puts what a cell says into the record.
fn put(record: &mut PersonRecord, column: Column, cell: &Cell) -> Result<(), Problem> {
    let bad = |message: String, help: &str| Problem::new(Code::BadRow, cell.span.clone(), message).with_help(help);
    let text = cell.text.clone();
    if matches!(column, Column::Name | Column::Team | Column::Channel) {
        check_name(&text).map_err(|message| bad(message, SHORTER_NAME))?;
    }
    match column {
        Column::Id => put_address(record, cell, None)?,
        Column::Email | Column::Upn => put_address(record, cell, Some(AddressKind::Email))?,
        Column::EntraId => put_address(record, cell, Some(AddressKind::EntraObject))?,
        Column::TeamsId => put_address(record, cell, Some(AddressKind::TeamsUser))?,
        Column::Name => record.name = Some(text),
        Column::Zone => record.zone = Some(zone::read(&text, cell.span.clone(), None)?),
        // It needs the country, in whichever column that stands.
        Column::DirectoryZone => {}
        Column::Language => {
            let tag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
            if !text.split('-').all(tag) {
                return Err(bad(format!("\"{}\" is no language", excerpt(&text)), "write for example en or de-CH"));
            }
            record.language = Some(text);
        }
        Column::Groups => {
            let mut groups: Vec<String> = Vec::new();
            if text.split([';', '|']).any(|group| group.trim().starts_with(TEAM)) {
                let help = "leave it out; who is in a team is read from Teams when a schedule names the team";
                return Err(bad("a team is no group".to_owned(), help));
            }
            for group in text.split([';', '|']).map(str::trim).filter(|group| !group.is_empty()) {
                if !groups.iter().any(|known| known == group) {
                    groups.push(group.to_owned());
                }
            }
            record.groups = Some(groups);
        }
        Column::QuietHours => {
            let Some(quiet) = QuietHours::read(&text) else {
                let message = format!("\"{}\" is not understood as quiet hours", excerpt(&text));
                return Err(bad(message, "write for example 20:00-08:00"));
            };
            record.details.quiet_hours = Some(quiet);
        }
        Column::Country => {
            if text.len() != 2 || !text.bytes().all(|b| b.is_ascii_alphabetic()) {
                let message = format!("\"{}\" is no country", excerpt(&text));
                return Err(bad(message, "write its two letters, such as DE"));
            }
            record.details.country = Some(text.to_ascii_lowercase());
        }
        Column::Team => record.channel.get_or_insert_default().team_name = Some(text),
        Column::Channel => {
            if text.contains('/') {
                let help = "the name of a channel has no slash; write the team into the column `team`";
                return Err(bad(format!("\"{}\" is no channel", excerpt(&text)), help));
            }
            record.channel.get_or_insert_default().name = Some(text);
        }
        Column::TeamId => {
            if !is_id(&text) || kind_of(&text) != Some(RecipientKind::Channel) {
                let help = "copy it whole, with 19: and @thread.tacv2";
                return Err(bad(format!("\"{}\" is no id of a team", excerpt(&text)), help));
            }
            record.channel.get_or_insert_default().team_id = Some(text);
        }
        Column::ConversationId => {
            if text.contains(char::is_whitespace) {
                return Err(bad(
                    format!("\"{}\" is no conversation id", excerpt(&text)),
                    "copy it whole; it begins with a: or 19:",
                ));
            }
            record.reference.conversation_id = Some(text);
        }
        Column::ServiceUrl => {
            check_service_url(&text)
                .map_err(|message| bad(message, "write for example https://smba.trafficmanager.net/emea/"))?;
            record.reference.service_url = Some(text);
        }
        Column::TenantId => {
            if !is_guid(&text) {
                return Err(bad(
                    format!("\"{}\" is no tenant id", excerpt(&text)),
                    "write it as in the portal, for example 11111111-2222-4333-8444-555555555555",
                ));
            }
            record.reference.tenant_id = Some(text.to_ascii_lowercase());
        }
    }
    Ok(())
}

/// What the directory has: the name of a Windows zone, of which the country says which place is meant, or an IANA one.
fn put_directory_zone(record: &mut PersonRecord, row: &Row, columns: &[Option<Column>]) -> Result<(), Problem> {
    let column = columns.iter().position(|column| *column == Some(Column::DirectoryZone));
    let Some(cell) = column.and_then(|at| row.cells.get(at)).filter(|cell| !cell.text.is_empty()) else {
        return Ok(());
    };
    let named = windows_zones::zone(&cell.text, record.details.country.as_deref());
    record.directory_zone = Some(match (named, windows_zones::nearest_name(&cell.text)) {
        (Some(zone), _) => zone,
        (None, Some(near)) if cell.text.parse::<chrono_tz::Tz>().is_err() => {
            let message = format!("unknown time zone \"{}\"", excerpt(&cell.text));
            let problem = Problem::new(Code::UnknownZone, cell.span.clone(), message);
            return Err(problem.with_help(format!("did you mean \"{near}\"?")));
        }
        (None, _) => zone::read(&cell.text, cell.span.clone(), None)?,
    });
    Ok(())
}

fn put_address(record: &mut PersonRecord, cell: &Cell, wanted: Option<AddressKind>) -> Result<(), Problem> {
    let bad = |message: String, help: String| Problem::new(Code::BadRow, cell.span.clone(), message).with_help(help);
    let address = Address::of_person(&cell.text).filter(|address| wanted.is_none_or(|kind| address.kind() == kind));
    let Some(address) = address else {
        let example = match wanted {
            Some(AddressKind::Email) => one_of(["ana@contoso.example"]),
            Some(AddressKind::EntraObject) => one_of(["aaaaaaaa-0000-4000-8000-000000000001"]),
            Some(AddressKind::TeamsUser) => "an id that begins with 29:".to_owned(),
            Some(AddressKind::Conversation | AddressKind::ChannelName) | None => {
                "an e-mail address, an Entra object id, or an id that begins with 29:".to_owned()
            }
        };
        let what = match wanted {
            Some(AddressKind::Email) => "no e-mail address",
            Some(AddressKind::EntraObject) => "no Entra object id",
            Some(AddressKind::TeamsUser) => "no Teams user id",
            Some(AddressKind::Conversation | AddressKind::ChannelName) | None => "nobody's id",
        };
        return Err(bad(format!("\"{}\" is {what}", excerpt(&cell.text)), format!("write {example}")));
    };
    match address.kind() {
        AddressKind::TeamsUser => record.reference.user_id = Some(address.as_str().to_owned()),
        AddressKind::EntraObject => record.reference.entra_object_id = Some(address.as_str().to_owned()),
        AddressKind::Email | AddressKind::Conversation | AddressKind::ChannelName => {}
    }
    if !record.addresses.contains(&address) {
        record.addresses.push(address);
    }
    Ok(())
}
