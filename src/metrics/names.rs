//! The name of every metric, and what it means and asks of whoever looks at it; docs/metrics.md is made of them.
//!
//! Counters are named without the `_total` that both texts add. Invariant: what stands here is a contract with dashboards and
//! rules, and is renamed only with a line in the changelog.

pub(super) type Name = (&'static str, &'static str);

pub(super) const POLLS: Name = (
    "eightysix_polls",
    "Reads of Clopos that have ended, by how: ok, or why there is no reading (docs/metrics.md lists the verdicts). rate_limited should \
     stay at nought: lower clopos.requests_per_minute if it grows; forbidden and refused are for a person to mend",
);
pub(super) const LOGINS: Name = (
    "eightysix_logins",
    "Logins at Clopos that have ended, by outcome: ok or failed. Failures that go on are explained in the log",
);
pub(super) const POLL_DURATION: Name = (
    "eightysix_poll_duration_seconds",
    "How long a read of Clopos took, from sending to the last byte, of all brands. Above 8 s Clopos itself gives up",
);
pub(super) const DETECTION_DELAY: Name = (
    "eightysix_detection_delay_seconds",
    "How long after Clopos wrote a row of a stop list it was read, by Clopos's time of the row and corrected by its clock's skew. Rows that \
     are gone have no time; a first reading, and rows that come back with an old time, are not counted. Grows with the venues of a brand: see \
     eightysix status for what its quota buys",
);
pub(super) const COMMIT_DURATION: Name = (
    "eightysix_commit_duration_seconds",
    "How long a change took to the disk, its wait for those before it included; news go out after that. Look at the disk when a tenth takes more than \
     half a second",
);
pub(super) const OLDEST_READING_AGE: Name = (
    "eightysix_oldest_reading_age_seconds",
    "How old the oldest stop list of the brand is; one that was never read counts from when its venue was first watched. Compare it with \
     eightysix_planned_reading_age_seconds",
);
pub(super) const PLANNED_READING_AGE: Name = (
    "eightysix_planned_reading_age_seconds",
    "How old a stop list gets at most as long as Clopos answers, by the venues of the brand and its requests a minute. Too much means too \
     many venues for the quota",
);
pub(super) const VENUES: Name = ("eightysix_venues", "Venues that are watched");
pub(super) const VENUES_LATE: Name = (
    "eightysix_venues_late",
    "Venues whose stop list is more than 30 s older than planned. The log says why it is not read; nothing is told of these venues meanwhile",
);
pub(super) const ROWS: Name = ("eightysix_stop_list_rows", "Rows of the stop lists: what is out or limited");
pub(super) const ROWS_OUT: Name = ("eightysix_stop_list_rows_out", "Rows of the stop lists with nothing left");
pub(super) const BUDGET_USED: Name = (
    "eightysix_budget_used_requests",
    "Requests to Clopos within the last minute, logins included. Clopos counts those of every program with the same integrator: it allows \
     300 a minute and brand",
);
pub(super) const BUDGET_LIMIT: Name =
    ("eightysix_budget_limit_requests", "Requests a minute that clopos.requests_per_minute allows");
pub(super) const SKEW: Name = (
    "eightysix_clopos_clock_skew_seconds",
    "By how much the clock of Clopos is ahead of ours, from the dates of its answers; there when one was read. Mend our clock (NTP) when it is more than a few seconds",
);
pub(super) const ACCESS: Name = (
    "eightysix_access",
    "1 at the state of the brand at Clopos: untried, granted, unreachable (it may pass by itself) or refused (a person must mend it: see the log)",
);
pub(super) const ALERTS: Name = (
    "eightysix_alerts",
    "Alerts by severity and state: pending, firing, clearing, acknowledged, silenced (by somebody), explained (by another alert). Each is in one; counted every 5 s",
);
pub(super) const OUTBOX_WAITING: Name = (
    "eightysix_outbox_waiting",
    "Notices that wait on a channel: for their turn, or for a receiver that fails (see the log and eightysix status). Counted every 5 s",
);
pub(super) const OUTBOX_AGE: Name = (
    "eightysix_outbox_oldest_age_seconds",
    "How long the oldest notice of a channel has waited, 0 when none does. Mail is given up after 6 h, webhooks after 24 h, MQTT after 72 h",
);
pub(super) const DEAD_LETTERS: Name = (
    "eightysix_dead_letters",
    "Notices that were given up and are kept: eightysix dead-letters lists them with the reason and sends them again",
);
pub(super) const DELIVERIES: Name = (
    "eightysix_deliveries",
    "Attempts to tell somebody that have ended, by outcome: delivered, in_part (an address was refused), retried, dead (given up), expired (it was over before it could be told)",
);
pub(super) const HEARTBEATS: Name =
    ("eightysix_heartbeats", "Heartbeats by outcome: sent or failed. None is sent while eightysix_ready is 0");
pub(super) const READY: Name = (
    "eightysix_ready",
    "1 while the job is done, as /readyz says it; 0 otherwise, and then eightysix_check_ok says what is not",
);
pub(super) const CHECKS: Name = (
    "eightysix_check_ok",
    "1 where a check of /readyz holds: brands (read as planned), outbox (moves), loops (come back in time), store (takes writes). /readyz says it in words",
);
pub(super) const LOOPS: Name = ("eightysix_loops", "Loops that run in the process, by what they do");
pub(super) const LOOPS_OVERDUE: Name = (
    "eightysix_loops_overdue",
    "Loops that did not come back in time: they hang. systemd starts the service again when WatchdogSec is set; otherwise do, and report it",
);
pub(super) const RULES: Name = ("eightysix_rules", "Rules in force");
pub(super) const LAST_RELOAD: Name = (
    "eightysix_config_last_reload_successful",
    "1 when the last configuration was taken, 0 when it was refused and the one before it is in force: the log says what is wrong with it",
);
pub(super) const LAST_GOOD_RELOAD: Name = (
    "eightysix_config_last_reload_success_timestamp_seconds",
    "When the configuration in force was taken, in seconds since 1970",
);
pub(super) const STARTED: Name = (
    "process_start_time_seconds",
    "When the process started, in seconds since 1970; one that changes often is one that ends often",
);
pub(super) const BUILD: Name = ("eightysix_build", "1, with the version that runs");
