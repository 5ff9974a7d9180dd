//! The commands: what is asked for, in the words of the command line, and the exit code.
//!
//! Exit codes: 0 it worked; 1 it did not; 2 the command line or the configuration is wrong. Text for people goes to
//! standard output, logs and problems to standard error. Control characters from the POS reach neither.

mod check;
mod dead_letters;
mod demo;
mod desk;
mod explain;
mod orders;
mod output;
mod replay;
mod run;
mod schema;
mod status;
mod test;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::alerts::order::Reason;
use crate::telemetry::{self, LogFormat};
use crate::units::parse_duration;

/// Watches the stop lists of restaurants on the Clopos POS and tells everyone who must know.
#[derive(Parser)]
#[command(version, max_term_width = 100, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// What is logged: error, warn, info, debug, or filters such as warn,eightysix::clopos=debug.
    #[arg(long, global = true, value_name = "LEVELS", env = "EIGHTYSIX_LOG", default_value = "info")]
    log: String,
    /// How log lines are written: text, json or journal. By default journal under systemd, else text.
    #[arg(long, global = true, value_name = "FORMAT", env = "EIGHTYSIX_LOG_FORMAT")]
    log_format: Option<LogFormat>,
    /// Set by systemd when standard error is the journal.
    #[arg(long, hide = true, global = true, env = "JOURNAL_STREAM")]
    journal_stream: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Watch the configured brands until SIGTERM; SIGHUP reads the configuration and the rules again.
    Run(WithConfig),
    /// Show every mistake in the configuration and the rules; with --online, also try everything that they name.
    Check(CheckArguments),
    /// Run the tests of rules: files called *.test.yaml, beside the rules.
    Test(TestArguments),
    /// Print a JSON Schema: of the files that people write, for editors, or of what is published, for programs; or the AsyncAPI
    /// document of the MQTT feed.
    Schema(SchemaArguments),
    /// Show what other rules would have told of the recorded history; without any, what those in force told.
    Replay(ReplayArguments),
    /// Show eightysix at work on a simulated chain: no account, no broker, no configuration.
    Demo(DemoArguments),
    /// List the notices that were given up, or send them again.
    DeadLetters(DeadLetterArguments),
    /// Show when each venue was read, as noted once a minute, what the quota buys, and what waits to be told. The exit code is
    /// 1 when a venue was not read in time.
    Status(StatusArguments),
    /// List the alerts that are open, and who is not told of them, and why.
    Alerts(AlertsArguments),
    /// Say of a product why somebody was told or was not: the reading, the rules, what holds the news back, the attempts.
    Explain(ExplainArguments),
    /// Say that somebody takes care of an open alert.
    Ack(AckArguments),
    /// Make, list or end silences: what is not to be told for a while. Screens show it all the same.
    #[command(subcommand)]
    Silence(SilenceCommand),
}

#[derive(Args)]
struct WithBrand {
    #[command(flatten)]
    file: WithConfig,
    /// The brand, where the configuration has several.
    #[arg(long)]
    brand: Option<String>,
}

#[derive(Args)]
struct StatusArguments {
    #[command(flatten)]
    file: WithConfig,
    /// Only this brand.
    #[arg(long)]
    brand: Option<String>,
    /// Write one JSON object per line: one for each brand, and one for the outbox.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct AlertsArguments {
    #[command(flatten)]
    of: WithBrand,
    /// Write one JSON object per line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ExplainArguments {
    #[command(flatten)]
    of: WithBrand,
    /// The product, by its whole name or its number.
    product: String,
    /// The receiver, as the configuration calls it; without one, all.
    receiver: Option<String>,
    /// The venue, by name or number, where several have the product.
    #[arg(long)]
    venue: Option<String>,
    /// Write one JSON object per line, one for each venue.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct AckArguments {
    #[command(flatten)]
    of: WithBrand,
    /// What the alert is about, such as "Lamb kebab", or its episode as `alerts --json` has it.
    what: String,
    /// The venue, by name or number, where several have such an alert.
    #[arg(long)]
    venue: Option<String>,
    /// Who takes care of it.
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    by: String,
    /// Why it is so: ingredient, supplier, equipment, preparation, quality, season or other.
    #[arg(long, value_parser = reason)]
    reason: Option<Reason>,
    /// More about it.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// When it is expected back: 19:30, "2026-12-01 12:00" or 2h.
    #[arg(long, value_name = "TIME")]
    back: Option<String>,
}

#[derive(Subcommand)]
enum SilenceCommand {
    /// Make a silence; what it covers now is shown first.
    Add(Box<SilenceAddArguments>),
    /// List the silences.
    List(AlertsArguments),
    /// End a silence.
    End(SilenceEndArguments),
}

#[derive(Args)]
struct SilenceAddArguments {
    #[command(flatten)]
    of: WithBrand,
    /// The venue, by name or number.
    #[arg(long)]
    venue: Option<String>,
    /// The product with its variants, by name or number.
    #[arg(long)]
    product: Option<String>,
    /// The category of products, by name or number.
    #[arg(long)]
    category: Option<String>,
    /// The station with all that it prepares, by name or number.
    #[arg(long)]
    station: Option<String>,
    /// The rule.
    #[arg(long)]
    rule: Option<String>,
    /// How long it lasts, such as 2h.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, conflicts_with = "until")]
    lasts: Option<Duration>,
    /// When it ends: 23:00 or "2026-12-01 12:00".
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// End it earlier, as soon as nothing is open that it hides.
    #[arg(long)]
    until_back: bool,
    /// The window of the configuration in which alone it holds: a silence that repeats.
    #[arg(long, value_name = "WINDOW")]
    during: Option<String>,
    /// Who asks for it.
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Show what it would hide, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
struct SilenceEndArguments {
    #[command(flatten)]
    of: WithBrand,
    /// Its id, as `silence list` shows it.
    id: String,
}

fn reason(word: &str) -> Result<Reason, String> {
    let known = || Reason::ALL.map(Reason::word).join(", ");
    Reason::of_word(word).ok_or_else(|| format!("write one of {}", known()))
}

#[derive(Args)]
struct WithConfig {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "eightysix.yaml")]
    config: PathBuf,
}

#[derive(Args)]
struct CheckArguments {
    #[command(flatten)]
    file: WithConfig,
    /// Also try the database, the credentials, the venues, each address, broker, mail server and webhook. Nothing is
    /// sent to anybody.
    #[arg(long)]
    online: bool,
    /// Write one JSON object per line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct TestArguments {
    /// Files of tests, or folders that hold some.
    #[arg(value_name = "FILE", default_value = "rules")]
    files: Vec<PathBuf>,
    /// Write one JSON object per line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct SchemaArguments {
    /// What it is about.
    #[arg(value_name = "WHAT")]
    of: schema::Of,
}

#[derive(Args)]
struct ReplayArguments {
    #[command(flatten)]
    file: WithConfig,
    /// How far back, up to 400d.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = replay::since, allow_hyphen_values = true)]
    since: Duration,
    /// The rules to try instead of those in force: files, folders, or patterns such as 'new/*.yaml'.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    rules: Vec<PathBuf>,
    /// Write one JSON object per line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct DemoArguments {
    /// End by itself after this time, such as 20s, with a summary.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
    end_after: Option<Duration>,
    /// Where boards, pages, the API and the screens' WebSocket are. By default 127.0.0.1:8686, or any free port when that is taken. The MQTT
    /// broker listens on the same IP; beyond 127.0.0.1 everybody there can read the simulated stop lists.
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<std::net::SocketAddr>,
    /// The same seed plays the same service.
    #[arg(long, default_value_t = 86, allow_negative_numbers = true)]
    seed: u64,
    /// How many venues the chain has, 1 to 2000.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=2000))]
    venues: u64,
    /// Write one JSON object per line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct DeadLetterArguments {
    #[command(flatten)]
    file: WithConfig,
    /// Send these again, by their numbers.
    #[arg(long, value_name = "NUMBER", num_args = 1.., conflicts_with = "resend_all")]
    resend: Vec<i64>,
    /// Send all of them again.
    #[arg(long)]
    resend_all: bool,
    /// Write one JSON object per line.
    #[arg(long)]
    json: bool,
}

/// How a command ended, apart from success.
enum Failure {
    /// The command line or the configuration is wrong; it was shown already.
    Wrong,
    /// An argument is wrong, for this reason.
    Argument(String),
    /// It did not work; it was shown already.
    Shown,
    /// It did not work, for this reason.
    Error(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Error(error)
    }
}

/// Says what is wrong with the command line, or shows the help or the version that was asked for.
fn refuse(error: &clap::Error) -> ExitCode {
    let code = if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
    let shown = if error.use_stderr() && std::io::stderr().is_terminal() {
        error.render().ansi().to_string()
    } else if error.use_stderr() {
        error.render().to_string()
    } else {
        let _ = error.print();
        return code;
    };
    eprint!("{}", in_our_words(&shown));
    code
}

/// Says of a word that nobody asked for that there is no such thing here, instead of that it was not expected.
fn in_our_words(shown: &str) -> String {
    let shown = shown.replace("invalid UTF-8 was detected in one or more arguments", NOT_TEXT);
    let (start, rest) = shown.split_once('\n').unwrap_or((&shown, ""));
    let start = if start.contains("unexpected argument ") {
        start.replace("unexpected argument ", "there is no argument ").replace(" found", " here")
    } else {
        start.replace("unexpected value ", "the value ").replace(" found; no more were expected", " has no place")
    };
    format!("{start}\n{rest}")
}

/// An argument, or a variable of the environment that stands for one, whose bytes are no text.
const NOT_TEXT: &str = "an argument, EIGHTYSIX_LOG or EIGHTYSIX_LOG_FORMAT is not UTF-8 text; write it in UTF-8";

/// Runs the command line of this process and returns its exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was installed before");
    }
    let format =
        arguments.log_format.unwrap_or_else(|| telemetry::format_by_default(arguments.journal_stream.as_deref()));
    // The demo shows by itself who was told; the log adds the troubles only.
    let is_demo = matches!(arguments.command, Command::Demo(_));
    let levels = if is_demo && arguments.log == "info" { "warn" } else { &arguments.log };
    if let Err(error) = telemetry::start(format, levels) {
        eprintln!("error: {}", telemetry::chain(&error));
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        match arguments.command {
            Command::Run(file) => run::run(file.config).await,
            Command::Check(arguments) => check::check(&arguments.file.config, arguments.online, arguments.json).await,
            Command::Test(arguments) => test::test(&arguments.files, arguments.json),
            Command::Schema(arguments) => {
                schema::schema(arguments.of);
                Ok(())
            }
            Command::Replay(arguments) => replay::replay(arguments).await,
            Command::Demo(arguments) => demo::demo(arguments).await,
            Command::DeadLetters(arguments) => dead_letters::dead_letters(arguments).await,
            Command::Status(arguments) => status::status(arguments).await,
            Command::Alerts(arguments) => orders::alerts(arguments).await,
            Command::Explain(arguments) => explain::explain(arguments).await,
            Command::Ack(arguments) => orders::acknowledge(arguments).await,
            Command::Silence(command) => orders::silence(command).await,
        }
    });
    // A name look-up that hangs in a blocking thread must not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Wrong) => ExitCode::from(2),
        Err(Failure::Argument(why)) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
        Err(Failure::Shown) => ExitCode::FAILURE,
        Err(Failure::Error(error)) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
