//! The soak: 1,000 venues, each polled once a second, for 10 minutes, and nothing may grow.
//!
//! `cargo bench --bench soak` runs the release binary against a simulated Clopos over loopback HTTP, with dishes that
//! run out and come back, rules, a real mosquitto and a webhook receiver; it prints what it measured and a verdict, and
//! fails when memory, descriptors, threads, the outbox or a delay grew, when the service fell behind or told not
//! everybody, and when it logged an error. `-- --help` lists what can be changed.

#[path = "../../tests/support/canary.rs"]
mod canary;
#[allow(dead_code, reason = "the load measures more")]
mod chain;
mod floor;
mod verdict;
#[path = "../../tests/support/wait.rs"]
mod wait;
#[allow(dead_code, reason = "the load measures more")]
mod watched;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eightysix::clock;
use eightysix::simulator::limits::Rates;
use eightysix::store::Store;
use tokio::time::{MissedTickBehavior, interval};

use crate::chain::{Awaited, Chain, Size};
use crate::verdict::{Run, Slack, judge, quantile, shortfalls};
use crate::watched::{AS_USUAL, Told, Usage, Watched};

/// How often everything is measured.
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// How often the simulator's list of requests is looked at: it keeps 5,000.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Every venue must have been polled this soon: 250 logins at 40 a minute, which is what the watcher allows itself of
/// the 60 that Clopos allows to an address, and the first walks.
const START_MAX: Duration = Duration::from_mins(20);
/// How long the last changes may take until everybody was told: the longest `for` of the rules is 20 s.
const GRACE: Duration = Duration::from_mins(1);

const HELP: &str = "cargo bench --bench soak -- [--minutes 10] [--settle 2] [--brands 250] [--venues 4] \
[--products 300] [--rows 50] [--changes 20]

  --minutes   how long is measured
  --settle    minutes between the first poll of the last venue and the first measurement
  --brands    how many brands; each has Clopos's quota of 300 requests a minute
  --venues    venues of each brand; 4 are what the quota allows at a poll a second
  --products  products of each venue
  --rows      rows of each stop list
  --changes   dishes that run out or come back each second; with more than half as many as there are venues, a dish
              may be back before anybody saw that it was out";

#[tokio::main]
async fn main() -> ExitCode {
    let plan = match Plan::read(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(why) => {
            println!("{why}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    println!("floor: {}", floor::measure(plan.size));
    let told: Told = Arc::new(Mutex::new(Awaited::default()));
    let chain = Chain::open(plan.size, Rates::default());
    let folder = tempfile::TempDir::new().expect("a folder");
    let watched = Watched::start(Path::new(env!("CARGO_BIN_EXE_eightysix")), folder, &chain, &told, AS_USUAL);
    let mut soak = Soak { plan, chain, watched, told, store: None, samples: Vec::new() };
    let passed = soak.run().await;
    soak.watched.assert_no_secret();
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is to be run.
#[derive(Clone, Copy, Debug)]
struct Plan {
    size: Size,
    minutes: u64,
    settle: u64,
    changes: u64,
}

impl Plan {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let size = Size { brands: 250, venues: 4, products: 300, rows: 50 };
        let mut plan = Self { size, minutes: 10, settle: 2, changes: 20 };
        // Cargo adds `--bench` by itself.
        let mut arguments = arguments.filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments.next().and_then(|value| value.parse::<u64>().ok()).filter(|value| *value > 0);
            let value = value.ok_or_else(|| format!("{name} needs a number"))?;
            let count = || usize::try_from(value).map_err(|_| format!("{name} is too large"));
            match name.as_str() {
                "--minutes" => plan.minutes = value,
                "--settle" => plan.settle = value,
                "--brands" => plan.size.brands = value,
                "--venues" => plan.size.venues = value,
                "--products" => plan.size.products = count()?,
                "--rows" => plan.size.rows = count()?,
                "--changes" => plan.changes = value,
                _ => return Err(format!("there is no {name}")),
            }
        }
        Ok(plan)
    }
}

/// What was measured in one stretch of [`SAMPLE_EVERY`].
struct Sample {
    usage: Usage,
    waiting: f64,
    polls_per_s: f64,
    cpu_percent: f64,
    late_ms: Vec<f64>,
    hook_ms: Vec<f64>,
    screen_ms: Vec<f64>,
    status_ms: Vec<f64>,
}

struct Soak {
    plan: Plan,
    chain: Chain,
    watched: Watched,
    told: Told,
    store: Option<Store>,
    samples: Vec<Sample>,
}

impl Soak {
    /// Runs to the end and says whether nothing grew and the service kept up.
    async fn run(&mut self) -> bool {
        let begun = clock::uptime();
        if let Err(why) = self.warm_up().await {
            println!("{why}\n{}", self.watched.log());
            return false;
        }
        println!("every venue was polled after {} s", clock::uptime().since(begun).as_secs());
        if let Err(why) = self.measure(Duration::from_secs(60 * self.plan.settle)).await {
            println!("{why}\n{}", self.watched.log());
            return false;
        }
        self.samples.clear();
        let before = self.chain.polls();
        if let Err(why) = self.measure(Duration::from_secs(60 * self.plan.minutes)).await {
            println!("{why}\n{}", self.watched.log());
            return false;
        }
        let polls = self.chain.polls();
        self.print_run(polls.all - before.all);
        let (changes_open, notices_waiting) = self.end().await;
        let counters = self.chain.counters();
        let refused = counters.refused.total();
        println!("simulator: {} requests, {refused} over the quota, {} failed", counters.requests, counters.errors);
        let log = self.watched.log();
        println!("the service said in its log: {} lines\n{log}", log.lines().count());
        let grows = self.print_thirds();
        let shortfalls = shortfalls(&Run {
            rate_wanted: number(self.plan.size.all_venues()),
            rates: self.samples.iter().map(|sample| sample.polls_per_s).collect(),
            late_ms: self.samples.iter().flat_map(|sample| &sample.late_ms).copied().collect(),
            missed: polls.missed - before.missed,
            refused,
            changes_open,
            notices_waiting,
            log,
        });
        for shortfall in &shortfalls {
            println!("FALLS SHORT: {shortfall}");
        }
        println!(
            "verdict: {}, {}",
            if grows { "something grows" } else { "nothing grows" },
            if shortfalls.is_empty() { "the service kept up" } else { "the service fell short" }
        );
        !grows && shortfalls.is_empty()
    }

    /// Waits until everybody was told of every change, and returns what is still open and waiting when the grace is over.
    async fn end(&mut self) -> (usize, Option<u64>) {
        let begun = clock::uptime();
        let mut look = ticks(LOOK_EVERY);
        loop {
            look.tick().await;
            let open = self.told.lock().unwrap_or_else(PoisonError::into_inner).open();
            let waiting = self.notices_waiting().await;
            let passed = clock::uptime().since(begun);
            if (open, waiting) == (0, Some(0)) || passed >= GRACE {
                let waiting_shown = waiting.map_or("?".to_owned(), |count| count.to_string());
                println!(
                    "{} s later {open} changes are on their way and {waiting_shown} notices wait",
                    passed.as_secs()
                );
                return (open, waiting);
            }
        }
    }

    /// Waits until every venue was polled once.
    async fn warm_up(&mut self) -> Result<(), String> {
        let until = clock::uptime().plus(START_MAX);
        let mut look = ticks(LOOK_EVERY);
        while clock::uptime() < until {
            look.tick().await;
            if self.watched.usage().is_none() {
                return Err("the service has ended".to_owned());
            }
            if self.chain.polls().venues == self.plan.size.all_venues() {
                return Ok(());
            }
        }
        Err(format!("only {} of {} venues were ever polled", self.chain.polls().venues, self.plan.size.all_venues()))
    }

    /// Lets dishes turn and measures for so long.
    async fn measure(&mut self, long: Duration) -> Result<(), String> {
        let end = clock::uptime().plus(long);
        let mut change = ticks(Duration::from_secs(1) / u32::try_from(self.plan.changes).expect("few"));
        let (mut look, mut sample) = (ticks(LOOK_EVERY), ticks(SAMPLE_EVERY));
        sample.reset();
        let (mut late_ms, mut last) = (Vec::new(), (clock::uptime(), self.usage()?, self.chain.polls().all));
        while clock::uptime() < end {
            tokio::select! {
                _ = change.tick() => {
                    let turned = self.chain.change();
                    self.told.lock().unwrap_or_else(PoisonError::into_inner).changed(turned);
                }
                _ = look.tick() => late_ms.extend(self.chain.polls().late_ms),
                _ = sample.tick() => {
                    let polls = self.chain.polls();
                    late_ms.extend(polls.late_ms);
                    let now = (clock::uptime(), self.usage()?, polls.all);
                    self.take_sample(last, now, std::mem::take(&mut late_ms)).await;
                    last = now;
                }
            }
        }
        Ok(())
    }

    fn usage(&mut self) -> Result<Usage, String> {
        self.watched.usage().ok_or_else(|| "the service has ended".to_owned())
    }

    async fn take_sample(
        &mut self,
        (then, before, polls_before): (eightysix::units::Uptime, Usage, u64),
        (now, usage, polls): (eightysix::units::Uptime, Usage, u64),
        late_ms: Vec<f64>,
    ) {
        let waiting = self.notices_waiting().await;
        let s = now.since(then).as_secs_f64();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.screens.clear();
        self.samples.push(Sample {
            usage,
            waiting: number(waiting.unwrap_or(0)),
            polls_per_s: number(polls - polls_before) / s,
            cpu_percent: number(usage.cpu_cs - before.cpu_cs) / s,
            late_ms,
            hook_ms: std::mem::take(&mut told.hook_ms),
            screen_ms: std::mem::take(&mut told.screen_ms),
            status_ms: std::mem::take(&mut told.status_ms),
        });
    }

    /// Counts the notices in the service's outbox; `None` when it cannot be read now.
    async fn notices_waiting(&mut self) -> Option<u64> {
        if self.store.is_none() {
            self.store = self.watched.store().await;
        }
        self.store.as_ref()?.outbox_depth().await.ok().map(|depth| depth.waiting)
    }

    fn print_run(&self, polls: u64) {
        let Plan { size, minutes, changes, .. } = self.plan;
        println!(
            "{} venues of {} brands, {} products and {} rows each, {changes} changes a second, for {minutes} min",
            size.all_venues(),
            size.brands,
            size.products,
            size.rows
        );
        println!("{polls} polls, {:.0} a second", number(polls) / number(60 * minutes));
        let all = |of: &dyn Fn(&Sample) -> &Vec<f64>| self.samples.iter().flat_map(of).copied().collect::<Vec<f64>>();
        for (name, values) in [
            ("a poll is late by", all(&|sample| &sample.late_ms)),
            ("a change reaches the webhook after", all(&|sample| &sample.hook_ms)),
            ("a change reaches the screen after", all(&|sample| &sample.screen_ms)),
            ("a status on the screen is of a reading", all(&|sample| &sample.status_ms)),
        ] {
            let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| quantile(&values, share));
            println!("{name}: median {p50:.0} ms, p99 {p99:.0} ms, at most {most:.0} ms ({} times)", values.len());
        }
    }

    /// Prints the last third against the first, and says whether something grew.
    fn print_thirds(&self) -> bool {
        let of = |value: &dyn Fn(&Sample) -> f64| self.samples.iter().map(value).collect::<Vec<f64>>();
        let share = |share, amount| Slack { share, amount };
        let things = [
            ("memory, MB", of(&|s| number(s.usage.rss_kb) / 1024.0), share(0.03, 2.0)),
            ("descriptors", of(&|s| number(s.usage.descriptors)), share(0.02, 8.0)),
            // Each brand may keep one more after a hiccup of the machine; a leak goes beyond.
            ("connections to Clopos", of(&|s| number(s.usage.connections)), share(0.0, number(self.chain.size.brands))),
            ("threads", of(&|s| number(s.usage.threads)), share(0.0, 2.0)),
            ("outbox, waiting", of(&|s| s.waiting), share(0.0, 50.0)),
            ("polls late, median ms", of(&|s| quantile(&s.late_ms, 0.5)), share(0.5, 50.0)),
            ("polls late, p99 ms", of(&|s| quantile(&s.late_ms, 0.99)), share(0.5, 250.0)),
            ("to the webhook, median ms", of(&|s| quantile(&s.hook_ms, 0.5)), share(0.5, 100.0)),
            ("to the screen, median ms", of(&|s| quantile(&s.screen_ms, 0.5)), share(0.5, 100.0)),
            ("status, median ms", of(&|s| quantile(&s.status_ms, 0.5)), share(0.5, 50.0)),
            ("processor, %", of(&|s| s.cpu_percent), share(0.25, 10.0)),
        ];
        println!("{:<27}{:>10}{:>10}{:>12}{:>10}", "thirds", "first", "last", "a minute", "allowed");
        let mut grows = false;
        for (name, values, slack) in things {
            let judged = judge(&values, slack);
            let a_minute = judged.slope * 60.0 / SAMPLE_EVERY.as_secs_f64();
            let word = if judged.grows() { "GROWS" } else { "" };
            println!(
                "{name:<27}{:>10.1}{:>10.1}{a_minute:>+12.2}{:>+10.1}  {word}",
                judged.first, judged.last, judged.allowed
            );
            grows |= judged.grows();
        }
        let rates = of(&|s| s.polls_per_s);
        println!("polls a second, worst stretch {:.0}, median {:.0}", quantile(&rates, 0.0), quantile(&rates, 0.5));
        grows
    }
}

/// Ticks that are not made up for when one was late: a second of a busy machine must not become a burst.
fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[expect(clippy::cast_precision_loss, reason = "counts for people")]
fn number(count: u64) -> f64 {
    count as f64
}
