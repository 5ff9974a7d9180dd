//! The binary under test: started with a log file of its own, signalled, and waited for.
//!
//! Only processes that were started here are signalled, by their ids.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::{assert_silent, wait};

/// A running `eightysix run`.
pub(crate) struct Service {
    child: Child,
    log: PathBuf,
}

/// How a command ended and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Reads standard output as one JSON object a line.
    pub(crate) fn objects(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }
}

impl Service {
    /// Starts the command with both outputs in `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let file = File::create(log).expect("a log file");
        let both = file.try_clone().expect("a second handle");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(both).spawn().expect("the binary starts");
        Self { child, log: log.to_owned() }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).expect("the log")).into_owned()
    }

    /// Waits until it has logged this text.
    pub(crate) fn says(&self, text: &str) {
        self.says_times(text, 1);
    }

    /// Waits until it has logged this text so many times.
    pub(crate) fn says_times(&self, text: &str, times: usize) {
        let found = wait::within_patience(|| (self.log().matches(text).count() >= times).then_some(()));
        assert!(found.is_some(), "never said {times} times: {text}\n{}", self.story());
    }

    /// The log without what nobody reads by default.
    pub(crate) fn story(&self) -> String {
        let quiet = [" TRACE ", " DEBUG ", "\"TRACE\"", "\"DEBUG\""];
        self.log().lines().filter(|line| !quiet.iter().any(|word| line.contains(word))).collect::<Vec<_>>().join("\n")
    }

    /// Sends a signal by its name, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.child.id())).status().expect("sh");
        assert!(sent.success(), "kill -{name}");
    }

    /// The most memory that it ever held, in KiB.
    pub(crate) fn memory_peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Ends it by `TERM` or `KILL` and returns how it ended.
    pub(crate) fn end(mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        self.ended()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let ended = wait::within_patience(|| self.child.try_wait().expect("its status"));
        ended.unwrap_or_else(|| panic!("it does not end\n{}", self.story()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A failure means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        assert_silent(&self.log);
    }
}

/// A command on its way, with its outputs kept apart.
pub(crate) struct Begun {
    child: Child,
    out: PathBuf,
    error: PathBuf,
}

/// Runs a command to its end, with its outputs kept beside `log`.
pub(crate) fn run(command: Command, log: &Path) -> Ended {
    Begun::new(command, log).ended()
}

impl Begun {
    /// Starts a command with its outputs beside `log`.
    pub(crate) fn new(mut command: Command, log: &Path) -> Self {
        let (out, error) = (log.with_extension("out"), log.with_extension("err"));
        command.stdout(File::create(&out).expect("a file")).stderr(File::create(&error).expect("a file"));
        let child = command.stdin(Stdio::null()).spawn().expect("the binary starts");
        Self { child, out, error }
    }

    /// Waits until it has ended.
    pub(crate) fn ended(mut self) -> Ended {
        let status = wait::until("the command ends", || self.child.try_wait().expect("its status"));
        let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).expect("an output")).into_owned();
        Ended { code: status.code(), stdout: read(&self.out), stderr: read(&self.error) }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        // A failure means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for output in [&self.out, &self.error] {
            assert_silent(output);
        }
    }
}
