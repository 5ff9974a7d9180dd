//! The only reader of the clocks: wall time for what people see and timers that survive a restart, uptime for pacing.
//!
//! Invariant: [`uptime`] never goes back; [`now`] follows the system's clock wherever it is set.
#![expect(clippy::disallowed_methods, reason = "this file owns the clocks")]

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::units::{Timestamp, Uptime};

/// Returns the wall-clock time, to the millisecond.
pub fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_unix_ms(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

/// Returns the time since the first call in this process; tokio's clock, so that paused tests move it.
pub fn uptime() -> Uptime {
    static START: OnceLock<Instant> = OnceLock::new();
    Uptime(START.get_or_init(Instant::now).elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_advance() {
        let (wall, up) = (now(), uptime());
        assert!(wall.unix_ms() > 1_700_000_000_000, "{wall}");
        assert!(now() >= wall && uptime() >= up);
    }
}
