//! When a notice is tried again, and when it is given up: a pure function of what happened so far.
//!
//! Invariant: a notice is either delivered, due at a stored instant, or dead or expired with a reason; it is never forgotten.

pub mod fallback;
pub mod untold;
pub mod worker;

use std::time::Duration;

use crate::alerts::notice::{Channel, MqttMessage, NoticeId};
use crate::sinks::Outcome;
use crate::store::Finish;
use crate::units::{Timestamp, human_duration};

pub use crate::store::patience;

/// Waits before the second, third, ... attempt; the last one repeats. Short at first, since most troubles are restarts.
const WAITS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(3),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(2),
    Duration::from_hours(4),
];
/// The longest wait that a receiver may ask for: a `Retry-After` of a month must not lose a notice.
const ASKED_WAIT_MAX: Duration = Duration::from_hours(4);

/// What is left of the time in which a message is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLeft {
    /// It has no end: it carries no expiry, or is state, whose expiry counts from its publishing.
    Endless,
    /// This many seconds, to be sent as its expiry.
    Seconds(u32),
    /// None; `age` is how old it is.
    Over {
        /// The time since it was decided.
        age: Duration,
    },
}

/// Returns what is left to a message that was decided `at`. A fresh expiry on every attempt would let the bell of a
/// dish ring an hour after it came back.
pub fn time_left(message: &MqttMessage, at: Timestamp, now: Timestamp) -> TimeLeft {
    let Some(expiry_s) = message.expiry_s.filter(|_| !message.retain) else { return TimeLeft::Endless };
    let age = now.since(at);
    let left = Duration::from_secs(u64::from(expiry_s)).saturating_sub(age);
    if left.is_zero() {
        return TimeLeft::Over { age };
    }
    // Rounded up: zero means to many brokers that it is over.
    let left_s = left.as_millis().div_ceil(1000);
    TimeLeft::Seconds(u32::try_from(left_s).unwrap_or(expiry_s))
}

/// Decides what follows an attempt. `attempts` counts those made, this one included.
pub fn next(
    channel: Channel,
    id: &NoticeId,
    attempts: u32,
    outcome: Outcome,
    queued_at: Timestamp,
    now: Timestamp,
) -> Finish {
    match outcome {
        Outcome::Delivered => Finish::Delivered { but: None },
        Outcome::DeliveredInPart { why } => Finish::Delivered { but: Some(why) },
        Outcome::Never { why } | Outcome::Gone { why } => Finish::Dead { why },
        Outcome::Later { why, wait_min } => {
            let asked = wait_min.unwrap_or(Duration::ZERO).min(ASKED_WAIT_MAX);
            let at = now.plus(jittered(wait_after(attempts), id, attempts).max(asked));
            if at.since(queued_at) > patience(channel) {
                let tried = human_duration(now.since(queued_at));
                Finish::Dead { why: format!("given up after {attempts} attempts in {tried}: {why}") }
            } else {
                Finish::Retry { at, why }
            }
        }
    }
}

fn wait_after(attempts: u32) -> Duration {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    WAITS.get(index).copied().unwrap_or(WAITS[WAITS.len() - 1])
}

/// Spreads a wait over 80 to 120 %, by the notice's own id, so that a burst that failed together does not return together.
fn jittered(wait: Duration, id: &NoticeId, attempts: u32) -> Duration {
    let mixed = id.as_str().bytes().fold(attempts, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(u32::from(byte)));
    wait.saturating_mul(80 + mixed % 41) / 100
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(s * 1000)
    }

    fn later(wait_s: Option<u64>) -> Outcome {
        Outcome::Later { why: "451 try later".to_owned(), wait_min: wait_s.map(Duration::from_secs) }
    }

    #[test]
    fn the_schedule_thins_out_and_ends() {
        let id = NoticeId::from_stored("00112233445566778899aabbccddeeff");
        for channel in [Channel::Mqtt, Channel::Email, Channel::Webhook] {
            let (mut now, mut attempts) = (at(0), 0);
            let why = loop {
                attempts += 1;
                match next(channel, &id, attempts, later(None), at(0), now) {
                    Finish::Retry { at, .. } => {
                        assert!(at > now && at.since(now) >= wait_after(attempts) * 79 / 100);
                        now = at;
                    }
                    Finish::Dead { why } => break why,
                    Finish::Delivered { .. } | Finish::Expired { .. } => panic!("nothing was delivered"),
                }
            };
            assert!(
                now.since(at(0)) <= patience(channel) && now.since(at(0)) >= patience(channel) / 4,
                "{channel:?} {now}"
            );
            assert!(why.contains("451 try later") && why.contains(&attempts.to_string()), "{why}");
        }
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_it_within_reason() {
        let id = NoticeId::from_stored("aa");
        let Finish::Retry { at: due, .. } = next(Channel::Webhook, &id, 1, later(Some(120)), at(0), at(0)) else {
            panic!()
        };
        assert!(due >= at(120));
        let Finish::Retry { at: due, .. } = next(Channel::Webhook, &id, 1, later(Some(9_999_999)), at(0), at(0)) else {
            panic!()
        };
        assert!(due <= at(4 * 3600));
    }

    #[test]
    fn refusals_end_at_once_and_successes_too() {
        let id = NoticeId::from_stored("aa");
        let never = Outcome::Never { why: "550 no such user".to_owned() };
        assert_eq!(
            next(Channel::Email, &id, 1, never, at(0), at(0)),
            Finish::Dead { why: "550 no such user".to_owned() }
        );
        assert_eq!(
            next(Channel::Email, &id, 9, Outcome::Delivered, at(0), at(999_999)),
            Finish::Delivered { but: None }
        );
    }

    #[test]
    fn a_message_lives_once() {
        let message = |expiry_s, retain| MqttMessage {
            topic: "t".to_owned(),
            body: "{}".to_owned(),
            retain,
            expiry_s,
            content_type: None,
            properties: Vec::new(),
        };
        let over = |s| TimeLeft::Over { age: Duration::from_secs(s) };
        let cases = [
            (Some(600), false, 0, TimeLeft::Seconds(600)),
            (Some(600), false, 361, TimeLeft::Seconds(239)),
            (Some(600), false, 599, TimeLeft::Seconds(1)),
            (Some(600), false, 600, over(600)),
            (Some(600), false, 90_000, over(90_000)),
            // The clock was set back: it is no older than new.
            (Some(600), false, -50, TimeLeft::Seconds(600)),
            (Some(600), true, 601, TimeLeft::Endless),
            (None, false, 90_000, TimeLeft::Endless),
        ];
        for (expiry_s, retain, age_s, left) in cases {
            assert_eq!(
                time_left(&message(expiry_s, retain), at(1_000), at(1_000 + age_s)),
                left,
                "{expiry_s:?} {age_s}"
            );
        }
        assert_eq!(
            time_left(&message(Some(600), false), at(0), at(0).plus(Duration::from_millis(599_999))),
            TimeLeft::Seconds(1)
        );
    }

    proptest! {
        #[test]
        fn a_retry_is_always_ahead_and_the_same_for_the_same_history(
            attempts in 1_u32..100, queued in 0_i64..100_000, waited in 0_i64..400_000, asked in prop::option::of(0_u64..1_000_000),
        ) {
            let id = NoticeId::from_stored("0123456789abcdef");
            let now = at(queued + waited);
            let decide = || next(Channel::Webhook, &id, attempts, later(asked), at(queued), now);
            prop_assert_eq!(decide(), decide());
            if let Finish::Retry { at: due, .. } = decide() {
                prop_assert!(due > now && due.since(at(queued)) <= patience(Channel::Webhook));
            }
        }
    }
}
