//! The cases of rules and of the configuration as an editor sees them: what the schemas refuse, and what they cannot know.
//!
//! The lists are exact: a case that a schema begins to refuse has to leave its list, and a new case stands in it or is
//! refused.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::editor::Editor;
use crate::site::Site;
use crate::table::{Case, cases};

/// About values, or about YAML itself.
const RULES: [&str; 36] = [
    "clock between a time and itself",
    "end of a set with a misspelt field",
    "escalation to somebody unknown",
    "escalation to somebody who is told at once",
    "for beyond a week",
    "group_by station of a category",
    "group_by station of what has none",
    "message of a category that names a station",
    "message of a rule without a set that names one",
    "message of a set over venues that names a venue",
    "message of a set that misspells its members",
    "message of a set that names an item",
    "message that misspells a field before a filter",
    "message that misspells a name which a filter may do without",
    "message with a mistake in one language",
    "name set twice",
    "opening of the doors of a set over venues",
    "pattern that grows beyond all bounds",
    "pattern with a stray bracket",
    "pattern with an open group",
    "price below zero",
    "range of one that is excluded",
    "range upside down",
    "range with nothing between",
    "receiver named twice",
    "remind at an opening that no venue has",
    "remind of a brand at its opening",
    "remind within a second",
    "tab in a rules file",
    "time below zero",
    "value that is both unset and small",
    "variants below zero",
    "window of hours that no venue has",
    "window that nobody wrote",
    "window twice",
    "windows of a set over venues",
];

/// What an expression says, no schema knows; these are about what stands there in its place, or about its length.
const EXPRESSION_FORMS: [&str; 3] = ["expression as a list", "expression left empty", "expression without end"];

/// About values, about other files, or about YAML itself.
const CONFIGURATION: [&str; 89] = [
    "base topic of displays is a wildcard",
    "base topic with an empty level",
    "base url with an account",
    "base url without encryption",
    "base url without its scheme",
    "bound of mails by the minute",
    "bound of mails that is none",
    "bound of mails that lets none through",
    "brand is listed twice",
    "broker far away without encryption",
    "broker with credentials in its url",
    "broker without its scheme",
    "certificates of a broker that are none",
    "certificates of a broker that are not there",
    "client secret in a file that is not there",
    "client secret in a folder",
    "client secret in a variable that is no text",
    "client secret in a variable that is not set",
    "client secret in another encoding",
    "client secret is empty",
    "credential that systemd did not give",
    "credential with a path",
    "embedded broker on a name",
    "embedded broker open to all without a password",
    "embedded broker with a password and for everybody",
    "fallback on a receiver that is not there",
    "fallback on oneself",
    "fallback that waits for a day",
    "fallbacks in a circle",
    "fastest slower than oldest",
    "feed is set twice",
    "feed to brokers that are not there, and twice",
    "group wait above its limit",
    "heartbeat every second",
    "heartbeat in a way of its own",
    "heartbeat that trusts what is no certificate",
    "heartbeat to an address in a file that is not there",
    "heartbeat to what is no address",
    "heartbeat with an account",
    "hours of dates alone",
    "hours of every day and of one more",
    "hours that end when they begin",
    "hours that overlap",
    "hours with a date that is none",
    "hours with a day twice",
    "http listens without a port",
    "http open to all and nobody is asked",
    "http open to all before an open broker",
    "http origin without its scheme",
    "http proxy of whose users nobody knows what they may",
    "http proxy that allows without asking",
    "http proxy whose users are reached by no name",
    "http proxy with no header",
    "http proxy without an address",
    "http public and nobody is asked",
    "http public url below one of our own pages",
    "http public url that goes on",
    "http public url with a pattern",
    "http public url with an account",
    "http public url without encryption",
    "http public url without end",
    "http public url without its scheme",
    "http token twice",
    "mail password in the open",
    "mail server without its scheme",
    "quiet hours of which there are none",
    "quiet hours without an end",
    "receiver at a broker that is not there",
    "receiver of a rule renamed",
    "receiver with a misspelt mail server and a bare name",
    "report a day before the doors open",
    "report named twice",
    "report of a week beside one by doors that no venue has",
    "reports of venues that have no hours",
    "reports of venues whose doors never close",
    "rules in folders that are not there",
    "rules of which there are only tests",
    "rules that are tests",
    "rules with another ending",
    "second embedded broker",
    "sender that is no address",
    "store in memory",
    "tab before the first key",
    "timezone that does not exist",
    "webhook secret as a tag",
    "webhook to this machine",
    "webhook with a header of our own",
    "webhook with a network that is none",
    "webhook without encryption",
];

#[test]
fn rules_of_a_wrong_shape_are_refused() {
    assert_refused("rules", "rules/kitchen.yaml", &eightysix::rules::parse::schema(), &RULES);
}

#[test]
fn a_configuration_of_a_wrong_shape_is_refused() {
    assert_refused("configuration", "eightysix.yaml", &eightysix::config::schema(), &CONFIGURATION);
}

fn assert_refused(surface: &str, file: &str, schema: &Value, not_known: &[&str]) {
    let editor = Editor::of(schema);
    let mut taken = BTreeSet::new();
    for case in cases(surface) {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Site::build(folder.path(), &case.given).files();
        let told = files.get(&folder.path().join(file)).map(|bytes| editor.told(bytes));
        if told.flatten().is_none() {
            taken.insert(case.name);
        }
    }
    let says_expression = |case: &Case| {
        case.given.iter().any(|line| line.contains("expr: ")) && !EXPRESSION_FORMS.contains(&case.name.as_str())
    };
    let expressions = cases(surface).into_iter().filter(says_expression).map(|case| case.name);
    let not_known: BTreeSet<String> = not_known.iter().map(|name| (*name).to_owned()).chain(expressions).collect();
    assert_eq!(taken, not_known, "{surface}: what the schema takes, and what is said of it here");
}
