//! What brokers, mail servers and receivers have in common, and the `feed`.
//!
//! Invariant: a reference that is returned names an entry of the file, though perhaps one in a broken section.

use std::path::PathBuf;
use std::str::FromStr;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::config::{Names, Surroundings, reference};
use crate::document::{Fields, Node, Problems};
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
    let shown = printable(&path.display().to_string(), 200);
    let (message, help) = match std::fs::read(&path) {
        Ok(bytes) => match broken_certificate(&bytes) {
            Broken::None => return Some(path),
            Broken::Empty => (
                format!("there is no PEM certificate in {shown}"),
                "name a file that has -----BEGIN CERTIFICATE----- in it",
            ),
            Broken::Number(number) => (
                format!("the certificate number {number} in {shown} is broken"),
                "copy it again, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----",
            ),
        },
        Err(error) => (
            format!("the certificates in {shown} cannot be read: {error}"),
            "name a file that is there and that this user may read",
        ),
    };
    problems.tell_with_help(&node.place, message, help);
    None
}

enum Broken {
    None,
    Empty,
    Number(usize),
}

/// Reads every certificate as TLS will: one that is cut must not be found out by the first connection.
fn broken_certificate(pem: &[u8]) -> Broken {
    let mut roots = RootCertStore::empty();
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        count += 1;
        if certificate.map_or(true, |certificate| roots.add(certificate).is_err()) {
            return Broken::Number(count);
        }
    }
    if count == 0 { Broken::Empty } else { Broken::None }
}
