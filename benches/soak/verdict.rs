//! Whether what was measured again and again grew: the last third against the first, and the slope between; and whether
//! the service kept up at all, since what is bad from the beginning does not grow.
//!
//! Medians, so that one bad second of a shared machine decides nothing; a leak moves all of them.

/// How much more the last third may be than the first before that is called growth: the larger of the two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slack {
    /// A share of the first third.
    pub(crate) share: f64,
    /// An amount.
    pub(crate) amount: f64,
}

/// What became of one thing that was measured.
#[derive(Clone, Debug)]
pub(crate) struct Judgement {
    /// The median of the first third.
    pub(crate) first: f64,
    /// The median of the last third.
    pub(crate) last: f64,
    /// The least-squares slope, for each measurement.
    pub(crate) slope: f64,
    /// By how much the last third may be more.
    pub(crate) allowed: f64,
}

impl Judgement {
    /// Says whether it grew by more than the slack.
    pub(crate) fn grows(&self) -> bool {
        self.last - self.first > self.allowed
    }
}

/// Judges at least three values in the order in which they were measured.
pub(crate) fn judge(values: &[f64], slack: Slack) -> Judgement {
    assert!(values.len() >= 3, "{} values have no thirds", values.len());
    let third = values.len() / 3;
    let (first, last) = (median(&values[..third]), median(&values[values.len() - third..]));
    Judgement { first, last, slope: slope(values), allowed: (first * slack.share).max(slack.amount) }
}

/// The least share of the polls that were asked for: a median below it is a service that falls behind.
const RATE_SHARE_MIN: f64 = 0.98;
/// The most that a poll in a hundred may be late.
const LATE_P99_MAX_MS: f64 = 2_000.0;

/// What a run must show, whether or not something grew.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Polls a second that were asked for.
    pub(crate) rate_wanted: f64,
    /// Polls a second, of each stretch.
    pub(crate) rates: Vec<f64>,
    /// How late each poll was, in milliseconds.
    pub(crate) late_ms: Vec<f64>,
    /// Requests that nobody looked at in time: what was measured is not all.
    pub(crate) missed: u64,
    /// Requests over Clopos's quota.
    pub(crate) refused: u64,
    /// Changes that not everybody was told of at the end of the grace.
    pub(crate) changes_open: usize,
    /// Notices that wait in the outbox at the end of the grace; `None` when it could not be read.
    pub(crate) notices_waiting: Option<u64>,
    /// What the service wrote into its log.
    pub(crate) log: String,
}

/// Says each way in which a run fell short; none when it kept up.
pub(crate) fn shortfalls(run: &Run) -> Vec<String> {
    let Run { rate_wanted, rates, late_ms, missed, refused, changes_open, notices_waiting, log } = run;
    let (rate, rate_min) = (median(rates), rate_wanted * RATE_SHARE_MIN);
    let late_p99_ms = quantile(late_ms, 0.99);
    let errors = log.lines().filter(|line| line.contains("ERROR")).count();
    let mut found = Vec::new();
    if rate < rate_min {
        found.push(format!("{rate:.2} polls a second (median), not {rate_min:.2} at least"));
    }
    if late_p99_ms > LATE_P99_MAX_MS {
        found.push(format!("a poll in a hundred is late by {late_p99_ms:.0} ms, not {LATE_P99_MAX_MS:.0} at most"));
    }
    if *missed > 0 {
        found.push(format!("{missed} requests were not looked at in time"));
    }
    if *refused > 0 {
        found.push(format!("{refused} requests were over the quota"));
    }
    if *changes_open > 0 {
        found.push(format!("{changes_open} changes were not told to everybody"));
    }
    match notices_waiting {
        Some(0) => {}
        Some(count) => found.push(format!("{count} notices still wait in the outbox")),
        None => found.push("the outbox could not be read".to_owned()),
    }
    if errors > 0 {
        found.push(format!("{errors} lines of the log are errors"));
    }
    found
}

/// Returns the value below which this share of all lies; 0 when there is none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list"
    )]
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred measurements")]
fn slope(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let (mean_x, mean_y) = ((count - 1.0) / 2.0, values.iter().sum::<f64>() / count);
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in values.iter().enumerate() {
        let from_mean = x as f64 - mean_x;
        above += from_mean * (y - mean_y);
        below += from_mean * from_mean;
    }
    above / below
}
