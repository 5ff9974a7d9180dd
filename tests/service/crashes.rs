//! A service that dies, by a signal or by itself, leaves no secret behind: not in what it printed last, not in a file.
//!
//! As the shipped unit and the compose file have it, it may leave no image of its memory, which holds every secret.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use crate::gate::{Does, Gate};
use crate::process::Service;
use crate::stage::Stage;

const ABORTED: i32 = 6;
const SEGMENTATION_FAULT: i32 = 11;

/// Starts the service as `LimitCORE=0` does, with all that it and its libraries can log, and lets it read.
fn start(stage: &Stage, log: &str) -> Service {
    let mut command = Command::new("sh");
    let script =
        "echo $$ >process && ulimit -c 0 && exec \"$0\" run --config eightysix.yaml --log trace,eightysix=trace";
    command.args(["-c", script, env!("CARGO_BIN_EXE_eightysix")]).current_dir(stage.folder.path());
    command.env_clear().env("PATH", "/usr/bin:/bin");
    let service = Service::start(command, &stage.path(log));
    service.says("connected to the broker");
    stage.pos.wait_for_polls(2);
    service
}

/// The end of the story searches the folder, in which it ran, with all that lies there then.
#[tokio::test]
async fn a_service_that_crashes_leaves_no_secret_behind() {
    let stage = Stage::open(1).await;
    let gate = Gate::open(stage.pos.address, "nowhere");
    stage.edit("eightysix.yaml", &stage.pos.address.to_string(), &gate.address.to_string());
    stage.pos.limit(105, 0);
    let service = start(&stage, "log-of-abort");
    assert_eq!(service.end("ABRT").signal(), Some(ABORTED));
    let service = start(&stage, "log-of-fault");
    // The first one only ends Rust's own look at such signals, which is for overflows of the stack.
    service.signal("SEGV");
    stage.pos.wait_for_polls(2);
    assert_eq!(service.end("SEGV").signal(), Some(SEGMENTATION_FAULT));
    // All that it sends with a secret was sent before it died.
    stage.mail.wait_for(1);
    stage.hooks.wait_for(1);

    // By itself: an answer grows, and there is no memory for it.
    let mut service = start(&stage, "log-of-memory");
    let process = std::fs::read_to_string(stage.path("process")).expect("its number");
    let limited = Command::new("prlimit").args(["--pid", process.trim(), "--data=1"]).status();
    assert!(limited.expect("prlimit, of util-linux").success());
    gate.set(Does::Endless);
    assert_eq!(service.ended().signal(), Some(ABORTED));
    assert!(service.log().contains("memory allocation of "), "{}", service.story());
}
