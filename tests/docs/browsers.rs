//! The scripts of the pages are of the language that browsers of 2020 speak, as README.md promises of boards.
//!
//! A parser (acorn) reads them as ECMAScript 2019. What they call of a browser, and their styles, are not looked at.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::contract::npm;

/// Has a script read as one of 2019.
fn read(script: &Path) -> Output {
    let parser = npm("acorn/bin/acorn");
    assert!(parser.exists(), "{} is not there; install it by tests/run tools", parser.display());
    Command::new("node").arg(parser).args(["--ecma2019", "--silent"]).arg(script).output().expect("node")
}

#[test]
fn the_scripts_are_of_a_language_that_old_browsers_speak() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/page");
    let all = fs::read_dir(pages).expect("the pages").map(|entry| entry.expect("an entry").path());
    let scripts: Vec<_> = all.filter(|path| path.extension().is_some_and(|kind| kind == "js")).collect();
    assert!(scripts.len() >= 3, "{scripts:?}");
    for script in scripts {
        let said = read(&script);
        assert!(said.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&said.stderr));
    }
    // What came with 2020 would be seen.
    let folder = tempfile::tempdir().expect("a folder");
    let newer = folder.path().join("newer.js");
    for text in ["a?.b", "a ?? b", "a ||= b", "class A { #b = 1 }"] {
        fs::write(&newer, text).expect("written");
        assert!(!read(&newer).status.success(), "{text}");
    }
}
