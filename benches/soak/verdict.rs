//! Whether what was measured again and again grew: the last third against the first, and the slope between.
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
