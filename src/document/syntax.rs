//! Says in plain words what the YAML parser stumbled over, and where the cause is rather than where it noticed.
//!
//! Repeats none of the offending text: it may be a secret. The snippet shows the line, masked where it must be.

use std::sync::Arc;

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use crate::document::read::{DEPTH_MAX, place_of, place_of_end};
use crate::document::{Place, Problem};

const TAB: (&str, &str) = ("there is a tab in the indentation", "use spaces");
const UNCLOSED_BRACKET: (&str, &str) =
    ("the bracket that begins here is never closed", "close it, and check commas and quotes within");

/// Turns the parser's error into a problem.
#[expect(clippy::wildcard_enum_match_arm, reason = "the parser's errors may grow; the rest are where it noticed them")]
pub(super) fn problem(file: &Arc<str>, text: &str, error: &ScanError) -> Problem {
    let mark = *error.marker();
    let offset = mark.byte_offset().unwrap_or(0).min(text.len());
    let cause = match error.kind() {
        ErrorKind::TabInPlainScalar
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabAtBlockScalarStart => tab_place(file, text, offset),
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::DocumentIndicatorInQuotedScalar => quote_place(file, text, offset),
        _ => None,
    };
    let runs_on = matches!(error.kind(), ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement);
    let bracket = if runs_on { open_bracket_above(file, text, offset) } else { None };
    // A tab before the first setting ends the document for the parser, which then wonders at the next line.
    let early = matches!(error.kind(), ErrorKind::ExpectedDocumentStart);
    let tab = if early { tab_place(file, text, 0).filter(|tab| tab.line < mark.line()) } else { None };
    let words = match (&bracket, &tab) {
        (Some(_), _) => Some(UNCLOSED_BRACKET),
        (None, Some(_)) => Some(TAB),
        (None, None) => words(error.kind()),
    };
    let place = cause.or(bracket).or(tab).unwrap_or_else(|| place_of(file, text, mark, mark));
    let (message, help) = match words {
        Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
        None if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) => (too_deep(), None),
        None => (format!("this cannot be read as YAML: {}", error.kind()), None),
    };
    Problem { place, message, help, related: None }
}

/// Says that groups and lists are nested beyond the limit.
pub(super) fn too_deep() -> String {
    format!("this is nested deeper than the {DEPTH_MAX} levels that are read; close its brackets, or make it flatter")
}

/// Returns what is wrong and what to write, for the errors that people make.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest speak in the parser's own words")]
fn words(kind: &ErrorKind) -> Option<(&'static str, &'static str)> {
    let words = match kind {
        ErrorKind::TabInPlainScalar
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabAtBlockScalarStart => TAB,
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("the quote that begins here is never closed", "close it on the same line")
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "there is text behind the closing quote",
            "put all of the value in one pair of quotes; within single quotes write '' for a quote",
        ),
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape => {
            ("this is no escape that double quotes know", "use single quotes, in which '\\' is itself")
        }
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => UNCLOSED_BRACKET,
        ErrorKind::MismatchedFlowCollectionEnd { .. }
        | ErrorKind::MisplacedFlowCollectionEnd
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator => {
            ("a bracket or a comma is missing or too many here", "check the brackets of this line or of one above")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            ("there is a second ': ' in this value", "put a value that holds ': ' in quotes")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            ("a setting without a colon", "write 'name: value', with a space behind the colon")
        }
        ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedDocumentStart
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::InvalidBlockScalarIndent => {
            ("the indentation does not fit the lines above", "line it up with the settings it belongs to")
        }
        ErrorKind::UnexpectedCharacter { .. } => {
            ("a value cannot begin with this character", "put the value in quotes")
        }
        ErrorKind::UndeclaredTagHandle | ErrorKind::MissingTagUri | ErrorKind::InvalidTagTerminator => {
            ("YAML takes a value that begins with '!' for a tag", "put the whole value in quotes")
        }
        ErrorKind::MissingAnchorOrAliasName => {
            ("YAML takes '&' and '*' at the beginning for an anchor or alias", "put the whole value in quotes")
        }
        _ => return None,
    };
    Some(words)
}

/// Finds the first tab at the beginning of a line, in the line of `offset` or below: the parser notices it from the
/// value above.
fn tab_place(file: &Arc<str>, text: &str, offset: usize) -> Option<Place> {
    let mut begins = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    for line in text[begins..].split_inclusive('\n') {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indentation].find('\t') {
            return Some(place_of_end(file, &text[..begins + tab]));
        }
        begins += line.len();
    }
    None
}

/// Finds the quote that opens the unclosed value: the parser notices only where a later line no longer fits.
fn quote_place(file: &Arc<str>, text: &str, offset: usize) -> Option<Place> {
    let at_mark = text[offset..].starts_with(['"', '\'']);
    let start = if at_mark { offset } else { opening_quote(&text[..offset])? };
    Some(place_of_end(file, &text[..start]))
}

/// Returns where the last quote that follows a blank or bracket stands in `before`: the beginning of a value.
fn opening_quote(before: &str) -> Option<usize> {
    before
        .char_indices()
        .filter(|(at, c)| {
            matches!(c, '"' | '\'') && before[..*at].ends_with([' ', '\t', '\n', '[', '{', ','])
                || (*at == 0 && *c == '"')
        })
        .map(|(at, _)| at)
        .next_back()
}

/// Finds the innermost bracket that is open before the line of `offset`: the parser takes the lines below for its items.
fn open_bracket_above(file: &Arc<str>, text: &str, offset: usize) -> Option<Place> {
    let line_start = text[..offset].rfind('\n')?;
    let mut open = Vec::new();
    let mut quote = None;
    for (at, c) in text[..line_start].char_indices() {
        match (quote, c) {
            (Some(opening), _) if opening == c || c == '\n' => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => open.push(at),
            (None, ']' | '}') => drop(open.pop()),
            (Some(_) | None, _) => {}
        }
    }
    open.last().map(|at| place_of_end(file, &text[..*at]))
}
