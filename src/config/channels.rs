//! What brokers, mail servers and receivers have in common, and the `feed`.
//!
//! Invariant: a reference that is returned names an entry of the file, though perhaps one in a broken section.

use std::path::PathBuf;
use std::str::FromStr;

use crate::config::{Names, Surroundings, reference};
use crate::document::{Fields, Node, Problems};
use crate::tls;
use crate::units::printable;

/// The ways that receivers and the feed may refer to.
pub(super) struct Ways<'a> {
    pub(super) brokers: &'a Names,
    pub(super) mail: &'a Names,
}

/// Reads the brokers that get the state topics; each counts once.
pub(super) fn feed(node: &Node, ways: &Ways<'_>, problems: &mut Problems) -> Vec<String> {
    let mut feed = Vec::new();
    for item in node.one_or_more() {
        let Some(broker) = reference(item, "broker", ways.brokers, problems) else { continue };
        if feed.contains(&broker) {
            problems.tell_with_help(
                &item.place,
                format!("the broker '{broker}' is listed twice"),
                "remove one of the two",
            );
        } else {
            feed.push(broker);
        }
    }
    feed
}

/// Reads a text that a type of its own understands; its error is a sentence for people.
pub(super) fn parsed<T: FromStr<Err = String>>(node: &Node, problems: &mut Problems) -> Option<T> {
    node.text(problems)?.parse().map_err(|why: String| problems.tell(&node.place, why)).ok()
}

/// Reads `ca_file` and looks whether there are certificates in it, so that the first connection is not what tells.
pub(super) fn ca_file(fields: &mut Fields<'_>, around: &Surroundings<'_>, problems: &mut Problems) -> Option<PathBuf> {
    let node = fields.optional("ca_file")?;
    let path = around.path(node.text(problems)?);
    if let Err(why) = tls::authorities(&path) {
        let shown = printable(&path.display().to_string(), 200);
        problems.tell_with_help(
            &node.place,
            format!("the certificates in {shown} cannot be used: {why}"),
            "name a file that this user may read, with whole PEM certificates: from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----",
        );
        return None;
    }
    Some(path)
}
