//! Logging: the one place that sets it up, prints chains of errors, and keeps a repeated failure to one line.
//!
//! Everything goes to stderr, so that stdout belongs to the commands. It reads no environment: `config` hands over what
//! it found there. Invariant: a broken pipe or a full disk behind stderr never ends the process.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::units::printable;

/// The links of an error chain that are printed: real chains have three or four, and a cycle must end.
const CHAIN_LINKS_MAX: usize = 16;

/// The characters of a printed chain: one log line, while a server may answer a page of HTML as its reason.
const CHAIN_LENGTH_MAX: usize = 2_000;

/// The failing things that [`Repeats`] remembers: every receiver and endpoint of a large chain at once, in about 100 KB.
const REPEATS_MAX: usize = 1_000;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people, in colour on a terminal.
    Text,
    /// One JSON object a line, with its time.
    Json,
    /// One JSON object a line without its time (journald has its own), after the `<3>` mark that gives journald the level.
    Journal,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "journal" => Ok(Self::Journal),
            _ => Err(format!("'{text}' is no log format; write text, json or journal")),
        }
    }
}

/// Chooses the format when none was asked for: journald gets its own, everything else is read by people.
///
/// `journal_stream` is the value of `JOURNAL_STREAM`, which systemd sets to `device:inode` of the stream it connected.
pub fn format_by_default(journal_stream: Option<&str>) -> LogFormat {
    // The variable outlives a redirection (`eightysix run 2>file` inside a service), hence the comparison (systemd.exec(5)).
    let stderr = fs::metadata("/dev/stderr").map(|m| (m.dev(), m.ino())).ok();
    match journal_stream.and_then(parse_stream) {
        Some(stream) if Some(stream) == stderr => LogFormat::Journal,
        Some(_) | None => LogFormat::Text,
    }
}

fn parse_stream(text: &str) -> Option<(u64, u64)> {
    let (device, inode) = text.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

/// Why logging did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The levels are in no form that could be meant.
    #[error(
        "log levels '{levels}': {why}; write a level (error, warn, info, debug, trace, off) or pairs such as info,eightysix::store=debug"
    )]
    Levels {
        /// What was asked for.
        levels: String,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody in this process started logging before.
    #[error("start logging")]
    Started(#[source] tracing_subscriber::util::TryInitError),
}

/// Starts logging to stderr for the whole process; once, at the start of a command.
///
/// `levels` is what `EIGHTYSIX_LOG` or `--log` says: empty for the default (info), one level for eightysix's own lines,
/// or `target=level` pairs as tracing-subscriber's `EnvFilter` reads them.
///
/// # Errors
/// Says which part of `levels` cannot be read, or that logging had been started before.
pub fn start(format: LogFormat, levels: &str) -> Result<(), StartError> {
    let filter = filter(levels)?;
    let colour = io::stderr().is_terminal();
    subscriber(format, colour, filter, BoxMakeWriter::new(io::stderr)).try_init().map_err(StartError::Started)
}

fn filter(levels: &str) -> Result<EnvFilter, StartError> {
    let refuse = |why: &str| StartError::Levels { levels: levels.to_owned(), why: why.to_owned() };
    let levels_trimmed = levels.trim();
    if levels_trimmed.is_empty() {
        return Ok(EnvFilter::new(directives(LevelFilter::INFO)));
    }
    if let Ok(level) = levels_trimmed.parse::<LevelFilter>() {
        return Ok(EnvFilter::new(directives(level)));
    }
    // EnvFilter takes a bare word for a target, so that the typo `inof` would log nothing at all.
    let bare = levels_trimmed.split(',').map(str::trim).find(|d| !d.contains('=') && d.parse::<LevelFilter>().is_err());
    if let Some(word) = bare {
        return Err(refuse(&format!("'{word}' is no level")));
    }
    EnvFilter::try_new(levels_trimmed).map_err(|error| refuse(&chain(&error)))
}

/// One level means our own lines; libraries stay at info or below, and those of MQTT at error: the embedded broker logs
/// every client that leaves as a warning, and the client each connection that our own line tells of as well.
fn directives(level: LevelFilter) -> String {
    let libraries = level.min(LevelFilter::INFO);
    let mqtt = level.min(LevelFilter::ERROR);
    format!("{libraries},mqtt5={mqtt},rumqttc={mqtt},eightysix={level}")
}

fn subscriber(format: LogFormat, colour: bool, filter: EnvFilter, out: BoxMakeWriter) -> Dispatch {
    // Internal errors would be printed by eprintln!, which panics when stderr is gone.
    let base = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    match format {
        LogFormat::Text => base.with_ansi(colour).with_writer(out).into(),
        LogFormat::Json => base.json().flatten_event(true).with_span_list(false).with_writer(out).into(),
        LogFormat::Journal => {
            base.json().flatten_event(true).with_span_list(false).without_time().with_writer(Journal { out }).into()
        }
    }
}

/// Marks each line with its level as sd-daemon(3) wants it, so that `journalctl -p warning` works.
struct Journal {
    out: BoxMakeWriter,
}

struct Marked<'a> {
    mark: &'static str,
    out: Box<dyn Write + 'a>,
}

impl<'a> MakeWriter<'a> for Journal {
    type Writer = Marked<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Marked { mark: "<6>", out: self.out.make_writer() }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        let mark = match *meta.level() {
            Level::ERROR => "<3>",
            Level::WARN => "<4>",
            Level::INFO => "<6>",
            Level::DEBUG | Level::TRACE => "<7>",
        };
        Marked { mark, out: self.out.make_writer() }
    }
}

impl Write for Marked<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // One write for mark and line: two could be torn apart by another thread's line.
        self.out.write_all(&[self.mark.as_bytes(), line].concat())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Prints an error and everything that caused it, outermost first, in one line: `read the price lists: connection refused`.
///
/// Links that only repeat the end of what stands already are left out: some libraries print their source themselves.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let links = std::iter::successors(Some(error), |link: &&dyn Error| (*link).source()).take(CHAIN_LINKS_MAX);
    let text = links.fold(String::new(), |text, link| {
        let link = link.to_string();
        match (text.is_empty(), text.ends_with(&link)) {
            (true, _) => link,
            (false, true) => text,
            (false, false) => format!("{text}: {link}"),
        }
    });
    printable(&text, CHAIN_LENGTH_MAX)
}

/// What to do with a failure that was just seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Log it: nobody was told of this failure yet.
    First {
        /// How often the failure before this one, of the same thing, had been seen without a line.
        unsaid: u64,
    },
    /// Do not log it: it was said, and has now been seen this many times more.
    Again {
        /// The repetitions so far, from 1.
        times: u64,
    },
}

/// Keeps the same failure of the same thing to one log line (style 49): the rest is a count.
///
/// At most 1,000 things are remembered; beyond that the one that failed longest ago is forgotten, which costs one
/// more line if it fails again.
#[derive(Debug, Default)]
pub struct Repeats {
    failing: BTreeMap<String, Failing>,
    calls: u64,
}

#[derive(Debug)]
struct Failing {
    text: String,
    times: u64,
    last_call: u64,
}

impl Repeats {
    /// Counts a failure: `what` failed (`receiver managers`), for the reason `text`.
    pub fn failed(&mut self, what: &str, text: &str) -> Repeat {
        self.calls += 1;
        let last_call = self.calls;
        if let Some(known) = self.failing.get_mut(what) {
            known.last_call = last_call;
            if known.text == text {
                known.times += 1;
                return Repeat::Again { times: known.times };
            }
            let unsaid = known.times;
            (known.text, known.times) = (text.to_owned(), 0);
            return Repeat::First { unsaid };
        }
        if self.failing.len() >= REPEATS_MAX {
            self.forget_oldest();
        }
        self.failing.insert(what.to_owned(), Failing { text: text.to_owned(), times: 0, last_call });
        Repeat::First { unsaid: 0 }
    }

    /// Ends the failing of `what`; returns how often it had failed without a line, or `None` when it was not failing.
    pub fn works(&mut self, what: &str) -> Option<u64> {
        self.failing.remove(what).map(|known| known.times)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.failing.iter().min_by_key(|(_, known)| known.last_call).map(|(what, _)| what.clone());
        if let Some(what) = oldest {
            self.failing.remove(&what);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Failed {
        #[error("connection refused")]
        Refused,
        #[error("read the price lists")]
        Lists(#[source] Box<Failed>),
        #[error("ask the server: {0}")]
        SaysItsSource(#[source] Box<Failed>),
        #[error("bad \u{1b}[31m name\nwith lines")]
        Hostile,
    }

    #[test]
    fn chains_are_one_line_and_say_each_link_once() {
        let cases = [
            (Failed::Refused, "connection refused"),
            (Failed::Lists(Box::new(Failed::Refused)), "read the price lists: connection refused"),
            (Failed::SaysItsSource(Box::new(Failed::Refused)), "ask the server: connection refused"),
            (
                Failed::Lists(Box::new(Failed::SaysItsSource(Box::new(Failed::Refused)))),
                "read the price lists: ask the server: connection refused",
            ),
            (Failed::Hostile, "bad  [31m name with lines"),
        ];
        for (error, text) in cases {
            assert_eq!(chain(&error), text);
        }
        let deep = (0..100).fold(Failed::Refused, |inner, _| Failed::Lists(Box::new(inner)));
        assert!(chain(&deep).chars().count() <= CHAIN_LENGTH_MAX);
    }

    #[test]
    fn levels_are_checked() {
        let cases = [
            ("", Ok("eightysix=info,rumqttc=error,mqtt5=error,info")),
            ("debug", Ok("eightysix=debug,rumqttc=error,mqtt5=error,info")),
            ("error", Ok("eightysix=error,rumqttc=error,mqtt5=error,error")),
            ("off", Ok("eightysix=off,rumqttc=off,mqtt5=off,off")),
            ("warn,eightysix::store=debug", Ok("eightysix::store=debug,warn")),
            ("inof", Err("log levels 'inof': 'inof' is no level;")),
            ("info,store", Err("log levels 'info,store': 'store' is no level;")),
            ("eightysix=loud", Err("log levels 'eightysix=loud': ")),
        ];
        for (levels, expected) in cases {
            match (filter(levels), expected) {
                (Ok(filter), Ok(directives)) => assert_eq!(filter.to_string(), directives, "{levels}"),
                (Err(error), Err(start)) => assert!(error.to_string().starts_with(start), "{error}"),
                (got, _) => panic!("{levels}: {got:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn the_journal_is_recognised_by_its_stream() {
        let stderr = fs::metadata("/dev/stderr").unwrap();
        let ours = format!("{}:{}", stderr.dev(), stderr.ino());
        let cases = [
            (Some(ours.as_str()), LogFormat::Journal),
            (Some("0:0"), LogFormat::Text),
            (Some("nonsense"), LogFormat::Text),
            (None, LogFormat::Text),
        ];
        for (stream, format) in cases {
            assert_eq!(format_by_default(stream), format, "{stream:?}");
        }
    }

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, log: fn()) -> String {
        let captured = Captured::default();
        let out = captured.clone();
        let filter = EnvFilter::new("info");
        let dispatch = subscriber(format, false, filter, BoxMakeWriter::new(move || out.clone()));
        tracing::dispatcher::with_default(&dispatch, log);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_format_carries_message_and_fields() {
        fn log() {
            let venue = 7;
            tracing::warn!(venue.id = venue, "venue 7 is blind");
            tracing::debug!("not asked for");
        }
        let text = logged(LogFormat::Text, log);
        assert!(text.contains(" WARN ") && text.contains("venue 7 is blind venue.id=7"), "{text}");

        let json: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json, log)).unwrap();
        assert_eq!((&json["message"], &json["venue.id"]), (&"venue 7 is blind".into(), &7.into()));
        assert!(json["timestamp"].is_string(), "{json}");

        let journal = logged(LogFormat::Journal, log);
        let json: serde_json::Value = serde_json::from_str(journal.strip_prefix("<4>").unwrap()).unwrap();
        assert_eq!(json["level"], "WARN");
        assert!(json["timestamp"].is_null(), "journald has its own: {json}");
    }

    #[test]
    fn a_failure_is_said_once_until_it_changes_or_ends() {
        let mut repeats = Repeats::default();
        let steps = [
            ("managers", "refused", Repeat::First { unsaid: 0 }),
            ("managers", "refused", Repeat::Again { times: 1 }),
            ("kitchen", "refused", Repeat::First { unsaid: 0 }),
            ("managers", "refused", Repeat::Again { times: 2 }),
            ("managers", "timed out", Repeat::First { unsaid: 2 }),
            ("managers", "timed out", Repeat::Again { times: 1 }),
        ];
        for (what, text, expected) in steps {
            assert_eq!(repeats.failed(what, text), expected, "{what}: {text}");
        }
        assert_eq!(repeats.works("managers"), Some(1));
        assert_eq!(repeats.works("managers"), None);
        assert_eq!(repeats.failed("managers", "timed out"), Repeat::First { unsaid: 0 });
    }

    #[test]
    fn the_longest_quiet_failure_is_forgotten_first() {
        let mut repeats = Repeats::default();
        for n in 0..REPEATS_MAX {
            repeats.failed(&n.to_string(), "refused");
        }
        repeats.failed("0", "refused");
        repeats.failed("one more", "refused");
        assert_eq!(repeats.failing.len(), REPEATS_MAX);
        assert_eq!(repeats.failed("0", "refused"), Repeat::Again { times: 2 });
        assert_eq!(repeats.failed("1", "refused"), Repeat::First { unsaid: 0 });
    }
}
