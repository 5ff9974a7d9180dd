//! TLS for every way out: the authorities that a `ca_file` holds, and why a handshake failed, in words for people.
//!
//! Makes no connection and no exception: a certificate that does not fit is refused by whoever asks here for the words.
//! Invariant: a reason names what to change and holds nothing but what the certificate itself says.

use std::error::Error;
use std::io;
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{AlertDescription, CertificateError, PeerIncompatible, RootCertStore};

use crate::units::{Timestamp, printable};

/// Bytes of a `ca_file`: the bundle of a whole system has a quarter of a MiB; a larger one is another file.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Names of a certificate that are repeated: one is enough to recognise it, and a hoster's holds a hundred.
const NAMES_MAX: usize = 3;
/// Characters of each of them: the longest part between two dots of a host's name.
const NAME_LENGTH_MAX: usize = 64;
/// Characters of a whole reason.
const REASON_LENGTH_MAX: usize = 400;

/// Reads the certificates of authorities from a PEM file, every one of which must be usable.
///
/// # Errors
/// What is wrong with the file, for people; the file is not named.
pub fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    if std::fs::metadata(path).map_err(|error| error.to_string())?.len() > FILE_BYTES_MAX {
        return Err(format!("it is larger than the {} MiB of a list of authorities", FILE_BYTES_MAX / 1024 / 1024));
    }
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut certificates = Vec::new();
    for read in CertificateDer::pem_slice_iter(&pem) {
        // The library's reason is about bytes; which certificate it is helps more.
        certificates
            .push(read.map_err(|_| format!("its certificate number {} cannot be read", certificates.len() + 1))?);
    }
    if certificates.is_empty() {
        return Err("there is no PEM certificate in it".to_owned());
    }
    let mut tried = RootCertStore::empty();
    for (index, certificate) in certificates.iter().enumerate() {
        tried.add(certificate.clone()).map_err(|error| {
            let cause = certificate_error(&error).map_or_else(|| error.to_string(), |cause| format!("{cause:?}"));
            format!("its certificate number {} cannot be read ({cause})", index + 1)
        })?;
    }
    Ok(certificates)
}

/// Says why TLS failed, when TLS is what failed: a certificate, a version, or a peer that does not speak it.
///
/// The text continues a sentence about the host, such as `could not agree on TLS with x: `.
pub fn reason(error: &(dyn Error + 'static)) -> Option<String> {
    let error = innermost(error)?;
    let text = certificate_error(error).map_or_else(|| other_reason(error), |it| certificate_reason(it, error));
    Some(printable(&text, REASON_LENGTH_MAX))
}

/// Finds rustls's own error in the wrappings of others.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(found) = current.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An io::Error keeps the error it wraps out of its chain of sources, and may wrap another io::Error.
        let wrapped = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|inner| innermost(inner)) {
            return Some(found);
        }
        cause = current.source();
    }
    None
}

const fn certificate_error(error: &rustls::Error) -> Option<&CertificateError> {
    if let rustls::Error::InvalidCertificate(certificate) = error { Some(certificate) } else { None }
}

fn certificate_reason(certificate: &CertificateError, error: &rustls::Error) -> String {
    if let CertificateError::ExpiredContext { time, not_after } = certificate {
        return format!(
            "its certificate expired on {}, and this machine's clock says {}; it must be renewed there",
            day(*not_after),
            day(*time)
        );
    }
    if let CertificateError::NotValidYetContext { time, not_before } = certificate {
        return format!(
            "its certificate begins on {}, and this machine's clock says {}; is the clock right?",
            day(*not_before),
            day(*time)
        );
    }
    if let CertificateError::NotValidForNameContext { expected, presented } = certificate {
        let host = expected.to_str();
        return format!("its certificate is for {}, not for {host}; write the name that it is for", names(presented));
    }
    if let CertificateError::UnknownIssuer = certificate {
        return "its certificate is signed by an authority that this machine does not know; if it is one of your own, \
                name the authority's certificate in ca_file"
            .to_owned();
    }
    // webpki has a word for it, and rustls hands it over as a text.
    if error.to_string().contains("CaUsedAsEndEntity") {
        return "its certificate is self-signed, as one of an authority; a server needs one that an authority has \
                signed for it, and the authority's own in ca_file"
            .to_owned();
    }
    error.to_string()
}

fn other_reason(error: &rustls::Error) -> String {
    if let rustls::Error::InvalidMessage(_) = error {
        return "what answers does not speak TLS on this port".to_owned();
    }
    let too_old = matches!(
        error,
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
            | rustls::Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                    | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            )
    );
    if too_old {
        return "it speaks only versions of TLS before 1.2, which are broken; it must be brought up to date".to_owned();
    }
    error.to_string()
}

/// Lists the names of a certificate, which rustls gives as `DnsName("a.example.com")`.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        printable(inner.trim_matches('"'), NAME_LENGTH_MAX)
    };
    let mut shown: Vec<String> = presented.iter().take(NAMES_MAX).map(plain).collect();
    if presented.len() > NAMES_MAX {
        shown.push(format!("{} more", presented.len() - NAMES_MAX));
    }
    if shown.is_empty() { "no name at all".to_owned() } else { shown.join(", ") }
}

fn day(time: UnixTime) -> String {
    let at = Timestamp::from_unix_ms(i64::try_from(time.as_secs()).unwrap_or(i64::MAX / 1000).saturating_mul(1000));
    at.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(error: rustls::Error) -> String {
        // As the clients wrap it: in an io::Error within another one.
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
        reason(&wrapped).expect("it is about TLS")
    }

    #[test]
    fn each_refusal_says_what_to_change() {
        let at = |days: u64| UnixTime::since_unix_epoch(std::time::Duration::from_secs(days * 86_400));
        let presented = |names: &[&str]| CertificateError::NotValidForNameContext {
            expected: "mail.example.com".try_into().expect("a name"),
            presented: names.iter().map(|name| format!("DnsName(\"{name}\")")).collect(),
        };
        let cases = [
            (
                CertificateError::ExpiredContext { time: at(20_000), not_after: at(19_990) },
                "its certificate expired on 2024-09-24, and this machine's clock says 2024-10-04",
            ),
            (
                CertificateError::NotValidYetContext { time: at(0), not_before: at(19_990) },
                "its certificate begins on 2024-09-24, and this machine's clock says 1970-01-01; is the clock right?",
            ),
            (presented(&["a.example.com"]), "its certificate is for a.example.com, not for mail.example.com"),
            (presented(&["a", "b", "c", "d", "e"]), "its certificate is for a, b, c, 2 more, not for"),
            (presented(&["a\u{1b}[31m\nb"]), "its certificate is for a [31m b, not for"),
            (presented(&[]), "its certificate is for no name at all, not for"),
            (CertificateError::UnknownIssuer, "name the authority's certificate in ca_file"),
            (CertificateError::BadSignature, "invalid peer certificate: BadSignature"),
        ];
        for (certificate, text) in cases {
            let told = said(rustls::Error::InvalidCertificate(certificate));
            assert!(told.contains(text), "{told}");
        }
        assert!(said(rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)).contains("before 1.2"));
        assert_eq!(reason(&io::Error::other("the line was cut")), None);
    }

    #[test]
    fn a_file_of_authorities_is_whole_or_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ca.pem");
        let said = |text: &str| {
            std::fs::write(&path, text).expect("written");
            authorities(&path).expect_err(text)
        };
        assert!(said("").starts_with("there is no PEM certificate in it"));
        assert!(said("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").starts_with("there is no PEM"));
        assert_eq!(said("-----BEGIN CERTIFICATE-----\nAAAA"), "its certificate number 1 cannot be read");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(said(broken).starts_with("its certificate number 1 cannot be read"), "{}", said(broken));
        assert!(authorities(folder.path()).is_err());
        assert!(authorities(&folder.path().join("none")).expect_err("none").contains("No such file"));
    }
}
