//! The `heartbeat` section: the address that hears of us as long as the job is done.
//!
//! Connects nowhere. The address may be kept as a secret, and is never repeated.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::{Surroundings, channels, receivers};
use crate::document::{Node, Problems};
use crate::heartbeat::{Heartbeat, Settings};

/// `every`: more often tells nobody more, and an hour is long for a kitchen that waits.
pub(super) const EVERY_RANGE: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_hours(1);
/// A minute, as services of the kind expect.
const EVERY_DEFAULT: Duration = Duration::from_mins(1);

pub(super) fn heartbeat(node: &Node, around: &Surroundings<'_>, problems: &mut Problems) -> Option<Settings> {
    let told = problems.count();
    let such_as = "https://hc.example.com/3f0c.., or the place of a secret";
    let mut fields = node.fields("{ url: { file: /path }, every: 60s }", problems)?;
    let url = fields.required("url", such_as, problems);
    let url = url.and_then(|node| receivers::address(node, around, problems).map(|url| (node, url)));
    let every = fields.optional("every").map_or(Some(EVERY_DEFAULT), |node| node.duration(&EVERY_RANGE, problems));
    let ca_file = channels::ca_file(&mut fields, around, problems);
    fields.finish(problems);
    let (place, url) = url?;
    let settings = Settings { url, every: every?, ca_file };
    if let Err(why) = Heartbeat::new(&settings) {
        problems.conceal(place);
        problems.tell_with_help(&place.place, why, format!("write {such_as}"));
    }
    (problems.count() == told).then_some(settings)
}
