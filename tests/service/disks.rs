//! The disk and the database fail: full, read-only, locked, cut, garbage, of a newer version, deleted. What is said, and
//! what is told once they work again.
//!
//! Mounts small file systems of its own (as root, as the mail server needs it too), and unmounts them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::process::Service;
use crate::stage::Stage;
use crate::wait;
use crate::webhook::Answer;

const DATABASE: &str = "disk/eightysix.db";
const NOT_STORED: &str = "nothing is taken in until the store works: ";
const NOT_NOTED: &str = "delivery waits for the store: ";
const NO_ORDERS: &str = "nobody's orders are taken in until the store can be read: ";
/// What the look after the process says.
const NOT_USED: &str = "the database cannot be used: ";
/// What nobody is by default: without rights to files of others.
const NOBODY: u32 = 65_534;

/// A file system of 16 MiB, mounted as long as it lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> Self {
        fs::create_dir(&path).expect("a folder");
        mount(&["-t", "tmpfs", "-o", "size=16m", "tmpfs"], &path);
        Self(path)
    }

    /// Leaves not one block free.
    fn fill(&self) {
        let mut filler = fs::File::create(self.0.join("filler")).expect("a file");
        while filler.write_all(&[0; 4_096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.0.join("filler")).expect("the filler");
    }

    fn set_writable(&self, is_writable: bool) {
        mount(&["-o", if is_writable { "remount,rw" } else { "remount,ro" }], &self.0);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: after a failure the program may still have files open there.
        run("umount", &["-l"], &self.0);
    }
}

/// A disk in a file that turns read-only under its open files, as a kernel does to one that fails.
struct FailingDisk {
    image: PathBuf,
    disk: SmallDisk,
}

impl FailingDisk {
    fn mount(image: PathBuf, path: PathBuf) -> Self {
        fs::File::create(&image).and_then(|file| file.set_len(24 * 1024 * 1024)).expect("an image");
        run("mkfs.ext4", &["-q", "-F"], &image);
        fs::create_dir(&path).expect("a folder");
        let failing = Self { image, disk: SmallDisk(path) };
        failing.mount_image();
        failing
    }

    fn mount_image(&self) {
        mount(&["-o", "loop", &self.image.display().to_string()], &self.disk.0);
    }

    fn fail(&self) {
        mount(&["-o", "remount,abort"], &self.disk.0);
    }

    /// Does what a person does: nothing but a new mount makes it writable again.
    fn repair(&self) {
        run("umount", &[], &self.disk.0);
        // It answers 1 when it has mended something.
        let mended = Command::new("e2fsck").args(["-f", "-y"]).arg(&self.image).output().expect("e2fsck");
        assert!(mended.status.code().is_some_and(|code| code <= 1), "{mended:?}");
        self.mount_image();
    }
}

fn run(program: &str, options: &[&str], path: &Path) {
    let status = Command::new(program).args(options).arg(path).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} {options:?} {}", path.display());
}

fn mount(options: &[&str], path: &Path) {
    // It needs root with the right to mount.
    run("mount", options, path);
}

async fn stage_on_a_small_disk() -> (SmallDisk, Stage) {
    let stage = stage_with_a_database_of_its_own().await;
    let disk = SmallDisk::mount(stage.path("disk"));
    (disk, stage)
}

async fn stage_with_a_database_of_its_own() -> Stage {
    let stage = Stage::open(1).await;
    stage.append("eightysix.yaml", &format!("store: sqlite:{DATABASE}\n"));
    stage
}

async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.expect("a connection")
}

async fn execute(connection: &mut SqliteConnection, statement: &'static str) {
    sqlx::query(statement).execute(connection).await.expect("a statement");
}

#[tokio::test]
async fn a_full_disk_takes_nothing_in_says_so_once_and_loses_nothing() {
    let (disk, stage) = stage_on_a_small_disk().await;
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    screen.until("the first list", |seen| seen.listed("sahil/1/stop", "out") == [105]).await;

    // A notice is on its way, which cannot even be noted.
    stage.hooks.answer(Answer::status(503));
    stage.pos.limit(104, 0);
    service.says("not told yet: ");
    for told in
        ["told: sold-out: Mal tikə kabab", "told: product.stopped: Mal tikə kabab", "told: Sahil: Mal tikə kabab"]
    {
        service.says(told);
    }
    disk.fill();
    stage.pos.limit(102, 0);
    stage.pos.restock(105);
    service.says(NOT_STORED);
    service.says(NOT_NOTED);
    let log = service.story();
    for said in [NOT_STORED, NOT_NOTED] {
        let line = log.lines().find(|line| line.contains(said)).expect("it was said");
        assert!(line.contains("ERROR") && line.contains("database or disk is full"), "{line}");
    }
    // Polling goes on, and what began and ended meanwhile was never known.
    stage.pos.limit(103, 0);
    stage.pos.wait_for_polls(6);
    stage.pos.restock(103);
    stage.pos.wait_for_polls(6);
    for said in [NOT_STORED, NOT_NOTED] {
        assert_eq!(service.story().matches(said).count(), 1, "once: {}", service.story());
    }
    assert_eq!(screen.seen.listed("sahil/1/stop", "out"), [105], "screens show what is stored");
    assert_eq!(stage.told(102), Vec::<String>::new());

    disk.free();
    service.says("the store works again");
    service.says("delivery goes on: ");
    screen.event("alert.opened", 102).await;
    screen.event("alert.closed", 105).await;
    screen.until("the list", |seen| seen.listed("sahil/1/stop", "out") == [102, 104]).await;
    wait::until("the webhooks", || (stage.told(102).len() + stage.told(104).len() == 2).then_some(()));
    wait::until("the webhook of 105", || (stage.told(105) == ["alert.opened", "alert.closed"]).then_some(()));
    wait::until("the mail of 102", || {
        stage.distinct_mails().iter().any(|mail| mail.text.contains("Quzu tikə kabab is out")).then_some(())
    });
    assert_eq!((stage.told(102), stage.told(103).len()), (vec!["alert.opened".to_owned()], 0));
    assert!(service.end("TERM").success());
    stage.close_despite(&[NOT_STORED, NOT_NOTED, "not told yet: "]);
}

#[tokio::test]
async fn a_disk_that_turns_read_only_takes_nothing_in_and_the_start_after_its_repair_loses_nothing() {
    let stage = stage_with_a_database_of_its_own().await;
    let disk = FailingDisk::mount(stage.path("disk.img"), stage.path("disk"));
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    screen.until("the first list", |seen| seen.listed("sahil/1/stop", "out") == [105]).await;

    disk.fail();
    stage.pos.limit(102, 0);
    stage.pos.restock(105);
    // The write that fails first says no more; whatever is tried after it does.
    service.says("attempt to write a readonly database");
    // Polling goes on, and what began and ended meanwhile was never known.
    stage.pos.limit(103, 0);
    stage.pos.wait_for_polls(6);
    stage.pos.restock(103);
    stage.pos.wait_for_polls(6);
    let log = service.story();
    let said: Vec<&str> = log.lines().filter(|line| line.contains(NOT_STORED)).collect();
    assert!(said.iter().all(|line| line.contains("ERROR")), "{log}");
    let reasons: BTreeSet<&str> = said.iter().filter_map(|line| line.split(NOT_STORED).nth(1)).collect();
    assert_eq!(said.len(), reasons.len(), "each reason once: {log}");
    assert_eq!(screen.seen.listed("sahil/1/stop", "out"), [105], "screens show what is stored");
    assert_eq!((stage.told(102), stage.told(105)), (Vec::new(), vec!["alert.opened".to_owned()]));
    assert!(service.end("TERM").success());

    disk.repair();
    let service = stage.start();
    screen.event("alert.opened", 102).await;
    screen.event("alert.closed", 105).await;
    screen.until("the list", |seen| seen.listed("sahil/1/stop", "out") == [102]).await;
    wait::until("the webhook of 105", || (stage.told(105) == ["alert.opened", "alert.closed"]).then_some(()));
    wait::until("the webhook of 102", || (stage.told(102) == ["alert.opened"]).then_some(()));
    assert_eq!(stage.told(103).len(), 0);
    assert!(service.end("TERM").success());
    stage.close_despite(&[NOT_STORED, NOT_NOTED, NO_ORDERS, NOT_USED]);
}

#[tokio::test]
async fn a_database_that_another_process_locks_is_waited_for() {
    let stage = Stage::open(1).await;
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    let mut other = connect(&stage.path("eightysix.db")).await;
    execute(&mut other, "BEGIN IMMEDIATE").await;
    stage.pos.limit(102, 0);
    service.says(NOT_STORED);
    let log = service.story();
    let line = log.lines().find(|line| line.contains(NOT_STORED)).expect("it was said");
    assert!(line.contains("ERROR") && line.contains("database is locked"), "{line}");
    stage.pos.wait_for_polls(2);
    assert_eq!(stage.told(102), Vec::<String>::new());
    execute(&mut other, "ROLLBACK").await;
    service.says("the store works again");
    screen.event("alert.opened", 102).await;
    wait::until("the webhook", || (stage.told(102) == ["alert.opened"]).then_some(()));
    assert!(service.end("TERM").success());
    stage.close_despite(&[NOT_STORED, NOT_NOTED, NOT_USED]);
}

/// Writes over the pages behind the first two, where the tables are.
fn scramble(path: &Path) {
    let mut bytes = fs::read(path).expect("the database");
    bytes[2 * 4_096..].fill(0x5a);
    fs::write(path, bytes).expect("written");
}

fn cut(path: &Path, length: u64) {
    fs::OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(length)).expect("cut");
}

#[tokio::test]
async fn a_database_that_is_none_of_ours_ends_the_start_and_is_left_alone() {
    let stage = stage_with_a_database_of_its_own().await;
    fs::create_dir(stage.path("disk")).expect("a folder");
    let service = stage.start_with_baseline();
    assert!(service.end("TERM").success());
    let path = stage.path(DATABASE);
    let good = fs::read(&path).expect("the database");
    let damaged =
        "error: cannot open the database ./disk/eightysix.db: it is damaged or none at all; put a copy back, or";
    let newer = "error: cannot bring the database ./disk/eightysix.db up to date; was it written by a newer version?: ";
    for case in ["garbage", "cut within the header", "cut within a page", "cut in half", "scrambled", "newer"] {
        fs::write(&path, &good).expect("written");
        let expected = match case {
            "garbage" => {
                fs::write(&path, "this is no database, whatever its name says\n".repeat(200)).expect("written");
                damaged
            }
            "cut within the header" => {
                cut(&path, 50);
                damaged
            }
            "cut within a page" => {
                cut(&path, 6_000);
                damaged
            }
            "cut in half" => {
                cut(&path, 4_096 * (good.len() as u64 / 8_192));
                damaged
            }
            "scrambled" => {
                scramble(&path);
                damaged
            }
            _ => {
                let mut connection = connect(&path).await;
                let statement =
                    "INSERT INTO _sqlx_migrations SELECT version + 1, description, installed_on, 1, checksum, 0
                    FROM _sqlx_migrations ORDER BY version DESC LIMIT 1";
                execute(&mut connection, statement).await;
                connection.close().await.expect("closed, and all of it in the file");
                newer
            }
        };
        let before = fs::read(&path).expect("the database");
        let ended = stage.eightysix(&["run", "--config", "eightysix.yaml"]);
        assert_eq!(ended.code, Some(1), "{case}: {ended:?}");
        assert!(ended.stderr.lines().any(|line| line.starts_with(expected)), "{case}: {}", ended.stderr);
        assert!(fs::read(&path).expect("the database") == before, "{case}: it was written to");
    }
    // A copy that is put back goes on where it was: nothing is told again.
    fs::write(&path, &good).expect("written");
    let service = stage.start();
    stage.pos.limit(102, 0);
    stage.hooks.wait_for(2);
    wait::until("the mail", || (stage.mail.count() == 2).then_some(()));
    assert_eq!((stage.told(105), stage.told(102)), (vec!["alert.opened".to_owned()], vec!["alert.opened".to_owned()]));
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn a_database_that_cannot_be_written_ends_the_start_by_its_name() {
    let (disk, stage) = stage_on_a_small_disk().await;
    let refused = |what: &str, expected: &str| {
        let ended = stage.eightysix(&["run", "--config", "eightysix.yaml"]);
        assert_eq!(ended.code, Some(1), "{what}: {ended:?}");
        // The lock beside the database is what is made first.
        let is_named = |line: &str| line.starts_with("error: cannot ") && line.contains("./disk/eightysix.db");
        assert!(ended.stderr.lines().any(|line| is_named(line) && line.contains(expected)), "{what}: {}", ended.stderr);
    };
    disk.fill();
    refused("full", "database or disk is full");
    disk.free();
    let service = stage.start_with_baseline();
    assert!(service.end("TERM").success());
    disk.set_writable(false);
    refused("read-only", "Read-only file system");
    disk.set_writable(true);

    // The file alone, for a program that is not root.
    let program = stage.path("disk-of-the-program");
    fs::copy(env!("CARGO_BIN_EXE_eightysix"), &program).expect("a copy that nobody can run");
    let given = Command::new("chown").args(["-R", &NOBODY.to_string()]).arg(stage.folder.path()).status();
    assert!(given.expect("chown").success());
    for file in fs::read_dir(stage.path("disk")).expect("a folder") {
        let path = file.expect("a file").path();
        let mut permissions = fs::metadata(&path).expect("a file").permissions();
        permissions.set_readonly(!path.ends_with("eightysix.db.lock"));
        fs::set_permissions(path, permissions).expect("chmod");
    }
    let mut command = Command::new(&program);
    command.args(["run", "--config", "eightysix.yaml"]).current_dir(stage.folder.path()).env_clear();
    let ended = command.uid(NOBODY).gid(NOBODY).output().expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    let expected = "error: cannot open the database ./disk/eightysix.db";
    let is_said = |line: &str| line.starts_with(expected) && line.contains("attempt to write a readonly database");
    assert!(ended.status.code() == Some(1) && said.lines().any(is_said), "{said}");
    fs::remove_file(program).expect("the copy");
    stage.close();
}

#[tokio::test]
async fn a_database_deleted_under_it_is_written_on_and_the_next_start_begins_anew() {
    let stage = stage_with_a_database_of_its_own().await;
    fs::create_dir(stage.path("disk")).expect("a folder");
    let service = stage.start_with_baseline();
    let mut screen = stage.screen("pass").await;
    fs::remove_dir_all(stage.path("disk")).expect("deleted");
    fs::create_dir(stage.path("disk")).expect("a folder");
    stage.pos.limit(102, 0);
    screen.event("alert.opened", 102).await;
    wait::until("the webhook", || (stage.told(102) == ["alert.opened"]).then_some(()));
    stage.mail.wait_for(2);
    assert!(service.end("TERM").success());

    // What was known is gone: one summary, and no screen rings.
    let service = stage.start();
    let mails = stage.mail.wait_for(3);
    assert!(mails[2].subject.starts_with("Sahil: 2 already open ("), "{}", mails[2].subject);
    stage.pos.restock(102);
    screen.event("alert.closed", 102).await;
    let rung = screen.seen.kinds(102).iter().filter(|kind| *kind == "alert.opened").count();
    assert_eq!(rung, 1, "{:#?}", screen.seen.events);
    screen.until("the list", |seen| seen.listed("sahil/1/stop", "out") == [105]).await;
    // The ledger is gone as well: two topics of alerts stay that nobody knows of, until their expiry of a day.
    screen.until("its alert and two old ones", |seen| seen.alerts().len() == 3).await;
    assert!(service.end("TERM").success());
    stage.close();
}

#[tokio::test]
async fn a_database_cut_under_it_resolves_nothing_and_the_next_start_says_so() {
    let stage = stage_with_a_database_of_its_own().await;
    fs::create_dir(stage.path("disk")).expect("a folder");
    // Ended once, so that everything is in the file and not in its write-ahead log.
    assert!(stage.start_with_baseline().end("TERM").success());
    let service = stage.start();
    service.says("watching 1 venues");
    let mut screen = stage.screen("pass").await;
    screen.until("the first list", |seen| seen.listed("sahil/1/stop", "out") == [105]).await;
    stage.pos.wait_for_polls(2);
    cut(&stage.path(DATABASE), 6_000);
    stage.pos.limit(102, 0);
    stage.pos.restock(105);
    service.says(NOT_STORED);
    let log = service.story();
    let line = log.lines().find(|line| line.contains(NOT_STORED)).expect("it was said");
    assert!(line.contains("ERROR") && line.contains("database disk image is malformed"), "{line}");
    // Polling goes on, and screens show what was stored.
    stage.pos.wait_for_polls(3);
    assert_eq!((stage.told(105), stage.told(102).len()), (vec!["alert.opened".to_owned()], 0));
    assert_eq!(screen.seen.listed("sahil/1/stop", "out"), [105]);
    service.end("KILL");
    let ended = stage.eightysix(&["run", "--config", "eightysix.yaml"]);
    assert!(ended.code == Some(1) && ended.stderr.contains("it is damaged or none at all"), "{ended:?}");
    stage.close_despite(&[NOT_STORED, NOT_NOTED, NO_ORDERS, NOT_USED]);
}

#[tokio::test]
async fn a_full_disk_behind_the_log_disturbs_nobody() {
    let stage = Stage::open(1).await;
    stage.pos.limit(105, 0);
    let mut command = stage.command(&["run", "--config", "eightysix.yaml"]);
    command.args(["--log", "trace"]);
    let service = Service::start(command, Path::new("/dev/full"));
    stage.mail.wait_for(1);
    stage.pos.limit(102, 0);
    wait::until("the webhook", || (stage.told(102) == ["alert.opened"]).then_some(()));
    assert!(service.end("TERM").success());
    stage.close();
}
