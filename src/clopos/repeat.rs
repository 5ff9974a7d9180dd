//! A stop list that says the same again, recognised by its bytes before anything of it is decoded.
//!
//! Clopos puts a clock reading behind the rows of every answer, so that no two bodies are equal. Pure. Invariant: what is taken
//! for a repetition would be decoded to the same list, without an oddity.

use serde::{Deserialize, Deserializer};

use crate::clopos::decode::{Answer, Oddities, Reply, StopList, decode};
use crate::clopos::query::Request;
use crate::clopos::verdict::Verdict;
use crate::clopos::wire::{self, Raw};

/// Longer lists are decoded each time: a venue has 50 rows, and these are 1,500.
const REMEMBERED_BYTES_MAX: usize = 64 * 1024;

/// The bytes of an answer that was read to its end without an oddity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListBytes {
    /// From the beginning of the body to the end of its `data`.
    start: Box<[u8]>,
    /// What the rest said of how many rows there are.
    totals: [Option<Box<str>>; 2],
}

/// What an answer says, and its bytes when another one can be recognised by them.
pub type Read = (Result<(Answer, Oddities), Verdict>, Option<ListBytes>);

/// The members behind `data`, `null` among them: one that is there twice makes an answer unreadable.
#[derive(Deserialize)]
struct Rest<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    success: Option<Raw<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<Raw<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<Raw<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    message: Option<Raw<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    total: Option<Raw<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    pagination: Option<Raw<'a>>,
}

/// Takes a value whatever it is, where an `Option` would take `null` for absent.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Raw<'de>>, D::Error> {
    Raw::deserialize(value).map(Some)
}

/// Reads an answer; `known` is the newest whole stop list of the venue, as it was accepted.
pub fn read(asked: &Request, reply: &Reply<'_>, known: Option<&ListBytes>) -> Read {
    if known.is_some_and(|known| known.is_repeated_by(reply)) {
        return (Ok((Answer::SameStopList, Oddities::default())), None);
    }
    let result = decode(asked, reply);
    let is_plain = |odd: &Oddities| odd.count == 0;
    let bytes = match (&result, asked) {
        (Ok((Answer::StopList(StopList { whole: true, .. }), odd)), Request::StopList { only, .. })
            if only.is_empty() && is_plain(odd) =>
        {
            ListBytes::of(reply)
        }
        (Ok(_) | Err(_), _) => None,
    };
    (result, bytes)
}

impl ListBytes {
    fn of(reply: &Reply<'_>) -> Option<Self> {
        let data = wire::envelope(reply.body).ok()?.data?.get();
        let ends = data.as_ptr().addr() - reply.body.as_ptr().addr() + data.len();
        let (start, rest) = reply.body.split_at_checked(ends).filter(|_| ends <= REMEMBERED_BYTES_MAX)?;
        Some(Self { start: start.into(), totals: totals_of(rest)? })
    }

    fn is_repeated_by(&self, reply: &Reply<'_>) -> bool {
        let is_whole = reply.status == 200 && reply.redirect.is_none();
        let rest = reply.body.strip_prefix(&*self.start).filter(|_| is_whole);
        rest.and_then(totals_of).is_some_and(|totals| totals == self.totals)
    }
}

/// Reads what stands behind `data`, if it ends the answer as it should and decides nothing.
fn totals_of(rest: &[u8]) -> Option<[Option<Box<str>>; 2]> {
    // Any member in the place of those before the comma makes it an object of its own.
    let text = [br#"{"":0"#, rest].concat();
    let rest: Rest<'_> = serde_json::from_slice(&text).ok()?;
    let decides = [rest.success, rest.data, rest.error, rest.message].iter().any(Option::is_some);
    let totals = [rest.total, rest.pagination].map(|raw| raw.map(|raw| raw.get().into()));
    (!decides).then_some(totals)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clopos::budget::RateLimit;
    use crate::units::VenueId;

    const ASKED: Request = Request::StopList { venue: VenueId(1), only: Vec::new() };
    const ROWS: &str =
        r#"[{"id":54,"limit":0,"timestamp":1761202010781}, {"id":55,"limit":2.5,"timestamp":1761202010000}]"#;

    fn reply(body: &str) -> Reply<'_> {
        Reply { status: 200, rate_limit: RateLimit::default(), redirect: None, body: body.as_bytes(), secrets: &[] }
    }

    fn known(body: &str) -> Option<ListBytes> {
        read(&ASKED, &reply(body), None).1
    }

    fn is_repeated(known: &ListBytes, reply: &Reply<'_>) -> bool {
        matches!(read(&ASKED, reply, Some(known)), (Ok((Answer::SameStopList, _)), None))
    }

    #[test]
    fn a_later_answer_with_the_same_rows_is_recognised() {
        for (one, other) in [
            (r#","total":2,"time":12,"unix":1}"#, r#","total":2,"time":13,"unix":1761202010}"#),
            (r#","time":12}"#, r#" , "unix" : 3 } "#),
            ("}", "}\n"),
        ] {
            let known = known(&format!(r#"{{"success":true,"data":{ROWS}{one}"#)).expect("a plain list");
            let again = format!(r#"{{"success":true,"data":{ROWS}{other}"#);
            assert!(is_repeated(&known, &reply(&again)), "{again}");
        }
    }

    #[test]
    fn what_says_anything_else_is_decoded() {
        let body = |rows: &str, rest: &str| format!(r#"{{"success":true,"data":{rows}{rest}"#);
        let known = known(&body(ROWS, r#","total":2,"time":12}"#)).expect("a plain list");
        for (rows, rest) in [
            (ROWS.replace("2.5", "2.6").as_str(), r#","total":2}"#),
            (ROWS, r#","total":3}"#),
            (ROWS, "}"),
            (ROWS, r#","total":2,"success":false}"#),
            (ROWS, r#","total":2,"data":[]}"#),
            (ROWS, r#","total":2,"error":"resource_not_found"}"#),
            (ROWS, r#","total":2,"message":"x"}"#),
            (ROWS, r#","total":2,"data":null}"#),
            (ROWS, r#","total":2,"success":null}"#),
            (ROWS, r#","total":2,"message":null}"#),
            (ROWS, r#","total":2,"pagination":null}"#),
            (ROWS, r#","total":2,"pagination":{"total_pages":2}}"#),
            (ROWS, r#","total":2"#),
            (ROWS, r#","total":2}}"#),
            (ROWS, r#"x,"total":2}"#),
            (ROWS, ""),
        ] {
            let text = body(rows, rest);
            assert!(!is_repeated(&known, &reply(&text)), "{text}");
            assert_eq!(read(&ASKED, &reply(&text), Some(&known)).0, decode(&ASKED, &reply(&text)), "{text}");
        }
        let text = body(ROWS, r#","total":2,"time":12}"#);
        for status in [201, 206, 304, 500] {
            assert!(!is_repeated(&known, &Reply { status, ..reply(&text) }), "{status}");
        }
        assert!(!is_repeated(&known, &Reply { redirect: Some("example.com"), ..reply(&text) }));
    }

    #[test]
    fn only_a_whole_list_without_an_oddity_is_remembered() {
        for body in [
            r#"{"success":true,"data":[{"id":54,"limit":"?","timestamp":1761202010781}]}"#,
            r#"{"success":true,"data":[{"id":54,"limit":1,"timestamp":"?"}]}"#,
            r#"{"success":true,"data":[{"id":54,"limit":1,"timestamp":1761202010781}],"total":2}"#,
            r#"{"success":true,"data":null}"#,
            r#"{"success":false,"data":[]}"#,
        ] {
            assert_eq!(known(body), None, "{body}");
        }
        let second_look = Request::StopList { venue: VenueId(1), only: vec![crate::units::ProductId(54)] };
        assert_eq!(read(&second_look, &reply(&format!(r#"{{"success":true,"data":{ROWS}}}"#)), None).1, None);
        let row = r#"{"id":54,"limit":1,"timestamp":1761202010781},"#;
        let long = format!("{{\"data\":[{}]}}", row.repeat(1_500).trim_end_matches(','));
        assert!(long.len() > REMEMBERED_BYTES_MAX && known(&long).is_none());
        let marked = format!("\u{feff} {{\"data\":{ROWS}}}");
        assert!(is_repeated(&known(&marked).expect("a plain list"), &reply(&marked)));
    }

    proptest! {
        /// Whatever is done to an answer: one that is taken for a repetition would be decoded to the same.
        #[test]
        fn a_repetition_decodes_to_the_same(
            at in 0_usize..160,
            put in prop::sample::select(vec!["", "0", ",", "}", "]", "\"", " ", r#""data":[],"#, r#","success":false"#, r#","data":null"#]),
            cut in 0_usize..4,
        ) {
            let body = format!(r#"{{"success":true,"data":{ROWS},"total":2,"time":1,"unix":17}}"#);
            let known = known(&body).expect("a plain list");
            let (from, until) = (at.min(body.len()), (at + cut).min(body.len()));
            let changed = format!("{}{put}{}", &body[..from], &body[until..]);
            let (answer, _) = read(&ASKED, &reply(&changed), Some(&known));
            if matches!(answer, Ok((Answer::SameStopList, _))) {
                prop_assert_eq!(decode(&ASKED, &reply(&changed)), decode(&ASKED, &reply(&body)), "{}", changed);
            } else {
                prop_assert_eq!(answer, decode(&ASKED, &reply(&changed)), "{}", changed);
            }
        }
    }
}
