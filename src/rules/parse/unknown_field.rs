//! A name that is no field -> why not, and what was most likely meant.
//!
//! Offers only fields that the rule's subject and event have.

use crate::document::nearest;
use crate::rules::field::{FIELDS, FieldRow, Kind, Scope};
use crate::rules::parse::plural;
use crate::units;

/// Says why a name is no field here, and what to write.
pub(super) fn unknown_field(name: &str, scope: Scope) -> (String, String) {
    let shown = units::printable(name, 60);
    let elsewhere: Vec<&FieldRow> = FIELDS.iter().filter(|row| row.is_named(name)).collect();
    if let Some(row) = elsewhere.first() {
        if row.subjects.contains(&scope.subject) {
            let events: Vec<&str> = elsewhere.iter().flat_map(|row| row.events).map(|event| event.word()).collect();
            let message = format!("only an event has '{shown}'");
            return (message, format!("write event: {}, or ask for another field", events.join(" or event: ")));
        }
        let subjects: Vec<&str> = row.subjects.iter().map(|subject| subject.word()).collect();
        let message = format!("{} have no '{shown}'", plural(scope.subject));
        return (message, format!("it belongs to rules with subject: {}", subjects.join(", ")));
    }
    let message = format!("there is no field '{shown}' for {}", plural(scope.subject));
    let help = match nearest_field(name, scope) {
        Some(near) => format!("did you mean '{near}'?"),
        None => match fields_like(name, scope).as_slice() {
            [only] => format!("write {only}"),
            several => format!("write one of {}", several.join(", ")),
        },
    };
    (message, help)
}

/// Finds the field that was most likely meant. Only the part behind the dot counts within a group that exists, as the
/// part before it would make all of the group alike.
fn nearest_field(name: &str, scope: Scope) -> Option<&'static str> {
    if !members(name, scope).is_empty() {
        return None;
    }
    let mut here = FIELDS.iter().filter(|row| row.is_in(scope));
    let Some((group, member)) = name.split_once('.').filter(|(group, _)| !members(group, scope).is_empty()) else {
        return nearest(name, here.map(|row| row.name).chain(["any", "all", "not"]));
    };
    let in_group = members(group, scope);
    let meant = |field: &&str| field.split_once('.').map(|(_, last)| last) == nearest(member, last_parts(&in_group));
    let names_a_word = |row: &&FieldRow| match row.kind {
        Kind::Word(words) => in_group.contains(&row.name) && words.contains(&member),
        Kind::Stock
        | Kind::Count
        | Kind::Money
        | Kind::Duration
        | Kind::Time
        | Kind::Flag
        | Kind::Text
        | Kind::Texts
        | Kind::Id => false,
    };
    // `station.active` means `station.status`, of which it is a value.
    let by_word = here.find(names_a_word).map(|row| row.name);
    by_word.or_else(|| in_group.iter().copied().find(meant))
}

/// Returns the fields to offer for a name that is like none: those of its group, or all of them, groups as one.
fn fields_like(name: &str, scope: Scope) -> Vec<String> {
    let in_group = members(name.split('.').next().unwrap_or(name), scope);
    if !in_group.is_empty() {
        return in_group.into_iter().map(str::to_owned).collect();
    }
    let mut offered: Vec<String> = Vec::new();
    for row in FIELDS.iter().filter(|row| row.is_in(scope)) {
        let field = match row.name.split_once('.') {
            Some((group, _)) if members(group, scope).len() > 1 => format!("{group}.*"),
            Some(_) | None => row.name.to_owned(),
        };
        if !offered.contains(&field) {
            offered.push(field);
        }
    }
    offered
}

fn members(group: &str, scope: Scope) -> Vec<&'static str> {
    let is_member = |name: &str| name.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'));
    FIELDS.iter().filter(|row| row.is_in(scope) && is_member(row.name)).map(|row| row.name).collect()
}

fn last_parts<'a>(names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    names.iter().filter_map(|name| name.split_once('.')).map(|(_, last)| last)
}
