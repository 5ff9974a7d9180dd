//! A running service that is told to reload each broken configuration of the table: it refuses it in the same words,
//! and goes on with the old one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use crate::process::Service;
use crate::promises;
use crate::site::{RUNNING, Site};
use crate::table::{self, Outcome};
use crate::wait;

const KEPT: &str = "the old configuration in force";
const REFUSED: &str = "the old configuration stays in force";

/// Lets `here`, where the service reads, be another folder.
fn turn_to(root: &Path, folder: &str) {
    let (new, here) = (root.join("new"), root.join("here"));
    symlink(folder, &new).expect("a link");
    fs::rename(new, here).expect("the link is turned");
}

#[test]
fn a_reload_refuses_broken_configurations_and_the_old_one_stays_in_force() {
    refuses_all_of("configuration", 90);
}

#[test]
fn a_reload_refuses_broken_rules_and_the_old_ones_stay_in_force() {
    refuses_all_of("rules", 100);
}

#[test]
fn a_reload_refuses_broken_files_and_the_old_ones_stay_in_force() {
    refuses_all_of("files", 40);
}

/// Puts the cases of a surface to one service, one after the other; so many are there at least.
fn refuses_all_of(surface: &str, least: usize) {
    let root = TempDir::new().expect("a folder");
    let root = root.path();
    let site = Site::build(&root.join("sound"), &[]);
    // Its own database stays where it is, wherever the files are.
    fs::write(root.join("sound/eightysix.yaml"), RUNNING.replace("sqlite:", &format!("sqlite:{}/", root.display())))
        .expect("written");
    turn_to(root, "sound");
    let mut command = site.command(&["run", "--config", "here/eightysix.yaml"]);
    command.current_dir(root).env("CREDENTIALS_DIRECTORY", "here/credentials");
    let service = Service::start(command, &root.join("log"));
    service.says("watching sahil with 1 rules for 2 receivers");
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in table::cases(surface).iter().filter(|case| case.keeps(KEPT)) {
        count += 1;
        let folder = format!("case-{count}");
        Site::build(&root.join(&folder), &case.given);
        turn_to(root, &folder);
        service.signal("HUP");
        service.says_times(REFUSED, count);
        let refusal = || {
            let log = service.log().replace("here/", "");
            log.rsplit_once(REFUSED).expect("it was said").1.to_owned()
        };
        // The last line of a report counts its problems.
        let whole = wait::until("the report ends", || {
            Some(refusal()).filter(|told| told.contains(" problem") && told.ends_with('\n'))
        });
        // The first line is the end of the sentence before the report.
        let told: Vec<&str> = whole.lines().skip(1).take_while(|line| !line.contains(" problem")).collect();
        // In a folder of its own a path is told as it is written there; ` ./` means the same.
        let expected: Vec<String> = case.said.iter().map(|line| line.replace(" ./", " ")).collect();
        if !table::updates() && told != expected {
            wrong.push(format!("{surface}, {}:\n{whole}\nand not\n{}", case.name, case.said.join("\n")));
        }
        wrong.extend(promises::broken(surface, case, &Outcome { seen: whole, ..Outcome::default() }));
        fs::remove_dir_all(root.join(folder)).expect("removed");
    }
    assert!(
        wrong.is_empty(),
        "{} of {count} refusals are not as the table says:\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
    assert!(count >= least, "{count} configurations were reloaded");
    turn_to(root, "sound");
    service.signal("HUP");
    service.says("the configuration was reloaded: watching sahil with 1 rules for 2 receivers");
    assert_eq!(service.end("TERM").code(), Some(0));
}
