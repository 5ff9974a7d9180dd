//! The bytes of a mail: a pure function of the notice and its addresses, so that every attempt sends the same bytes.
//!
//! Owns the headers. Draws nothing and reads no clock: the date is the notice's, the boundary comes from its id.
//! Invariant: the result is ASCII, and no text from the POS can add a header.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};

use crate::alerts::notice::{Mail, NoticeId};
use crate::units::{Timestamp, printable};

/// Characters of a subject: mail clients show fewer than 100, and a header must not grow with a product's name.
const SUBJECT_MAX: usize = 200;
/// Characters of the left part of a message id: RFC 5322 allows 998 a line, and some servers refuse long ids.
const ID_MAX: usize = 200;

/// Builds the mail, headers included, with CRLF line ends.
///
/// # Errors
/// Returns the reason when no mail can be made of it, such as an empty list of addresses.
pub(super) fn compose(
    from: &Mailbox,
    to: &[Mailbox],
    mail: &Mail,
    id: &NoticeId,
    at: Timestamp,
) -> Result<Vec<u8>, String> {
    let domain = from.email.domain();
    let message_id = angled(&mail.message_id, domain);
    let thread_id = angled(&mail.thread_id, domain);
    let since_1970 = Duration::from_millis(u64::try_from(at.unix_ms()).unwrap_or(0));
    let mut builder = Message::builder()
        .from(from.clone())
        .subject(printable(&mail.subject, SUBJECT_MAX))
        .date(UNIX_EPOCH + since_1970)
        .message_id(Some(message_id.clone()))
        // Keeps holiday replies and ticket systems from answering (RFC 3834; Exchange obeys only its own header).
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Auto-Response-Suppress", "All"))
        .raw_header(header("Content-Language", mail.language.code()))
        .raw_header(header("X-Eightysix-Notice", id_characters(id.as_str()).as_str()));
    for mailbox in to {
        builder = builder.to(mailbox.clone());
    }
    if thread_id != message_id {
        builder = builder.in_reply_to(thread_id.clone()).references(thread_id);
    }
    let parts = MultiPart::alternative()
        .boundary(boundary(id))
        .singlepart(SinglePart::plain(without_nul(&mail.text)))
        .singlepart(SinglePart::html(without_nul(&mail.html)));
    let message = builder.multipart(parts).map_err(|error| format!("compose the mail: {error}"))?;
    Ok(message.formatted())
}

fn angled(left: &str, domain: &str) -> String {
    format!("<{}@{domain}>", id_characters(left))
}

/// Keeps what is allowed between `<` and `@` without quotes (RFC 5322 dot-atom).
fn id_characters(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    text.chars().take(ID_MAX).map(|c| if allowed(c) { c } else { '-' }).collect()
}

/// Returns a line that the parts do not contain: `=_` cannot occur in quoted-printable or base64.
fn boundary(id: &NoticeId) -> String {
    let digits: String = id.as_str().chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    format!("=_86_{digits}")
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// RFC 5321 forbids NUL in a mail, whatever its encoding.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::language::Language;

    fn mail(subject: &str, text: &str) -> Mail {
        Mail {
            message_id: "n.4fd1".to_owned(),
            thread_id: "sahil.1.2026-05-08".to_owned(),
            language: Language::En,
            subject: subject.to_owned(),
            text: text.to_owned(),
            html: format!("<p>{text}</p>"),
        }
    }

    fn compose_to(to: &[&str], mail: &Mail) -> Result<String, String> {
        let from: Mailbox = "86 <alerts@example.com>".parse().expect("a mailbox");
        let to: Vec<Mailbox> = to.iter().map(|one| one.parse().expect("a mailbox")).collect();
        let id = NoticeId::from_stored("4fd1c0de4fd1c0de4fd1c0de4fd1c0de");
        let at = Timestamp::from_unix_ms(1_778_252_651_204);
        compose(&from, &to, mail, &id, at).map(|bytes| String::from_utf8(bytes).expect("ASCII"))
    }

    #[test]
    fn the_same_notice_is_the_same_bytes() {
        let mail = mail("Sahil: Lamb kebab is out", "Lamb kebab is out since 19:04");
        let sent = compose_to(&["Manager <manager@example.com>"], &mail).expect("composed").replace('\r', "");
        insta::assert_snapshot!(sent, @r#"
        From: 86 <alerts@example.com>
        Subject: Sahil: Lamb kebab is out
        Date: Fri, 08 May 2026 15:04:11 +0000
        Message-ID: <n.4fd1@example.com>
        Auto-Submitted: auto-generated
        X-Auto-Response-Suppress: All
        Content-Language: en
        X-Eightysix-Notice: 4fd1c0de4fd1c0de4fd1c0de4fd1c0de
        To: Manager <manager@example.com>
        In-Reply-To: <sahil.1.2026-05-08@example.com>
        References: <sahil.1.2026-05-08@example.com>
        MIME-Version: 1.0
        Content-Type: multipart/alternative;
         boundary="=_86_4fd1c0de4fd1c0de4fd1c0de4fd1c0de"

        --=_86_4fd1c0de4fd1c0de4fd1c0de4fd1c0de
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: 7bit

        Lamb kebab is out since 19:04
        --=_86_4fd1c0de4fd1c0de4fd1c0de4fd1c0de
        Content-Type: text/html; charset=utf-8
        Content-Transfer-Encoding: 7bit

        <p>Lamb kebab is out since 19:04</p>
        --=_86_4fd1c0de4fd1c0de4fd1c0de4fd1c0de--
        "#);
    }

    #[test]
    fn a_mail_to_nobody_is_refused() {
        assert!(compose_to(&[], &mail("s", "t")).is_err_and(|why| why.starts_with("compose the mail")));
    }

    proptest! {
        #[test]
        fn no_text_adds_a_header(text in "[\\PC\r\n\0\u{202e}]{0,300}") {
            let mut hostile = mail(&text, &text);
            hostile.message_id.clone_from(&text);
            hostile.thread_id = format!("x{text}");
            let sent = compose_to(&["a@example.com"], &hostile).expect("composed");
            prop_assert!(sent.is_ascii() && !sent.contains('\0'));
            let names: Vec<&str> = sent
                .split("\r\n\r\n")
                .next()
                .expect("headers")
                .split("\r\n")
                .filter(|line| !line.starts_with([' ', '\t']))
                .map(|line| line.split(':').next().expect("a name"))
                .collect();
            prop_assert_eq!(names, [
                "From", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress",
                "Content-Language", "X-Eightysix-Notice", "To", "In-Reply-To", "References", "MIME-Version", "Content-Type",
            ]);
            prop_assert!(sent.split("\r\n").all(|line| line.len() <= 998));
        }
    }
}
