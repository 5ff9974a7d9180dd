//! A folder as an operator has it, with a sound configuration, and what a case breaks in it.
//!
//! Every secret in it is the canary. Invariant: what is not named by the case is as `site/` has it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::promises::CANARY;
use crate::table::{bytes, text};

/// A configuration with every section, in which cases break something.
const WHOLE: &str = include_str!("site/eightysix.yaml");
const RULES: &str = include_str!("site/rules/kitchen.yaml");
/// The same rules, in a configuration that can run anywhere: nobody is reached and nothing listens.
pub(crate) const RUNNING: &str = include_str!("site/running.yaml");

/// A folder and what is run in it.
pub(crate) struct Site {
    folder: PathBuf,
    /// The arguments of the case, if it has any.
    pub(crate) arguments: Option<Vec<OsString>>,
    variables: BTreeMap<String, Option<OsString>>,
}

impl Site {
    /// Builds the folder, and breaks in it what `given` says.
    pub(crate) fn build(folder: &Path, given: &[String]) -> Self {
        let mut site = Self { folder: folder.to_owned(), arguments: None, variables: BTreeMap::new() };
        for (file, text) in [("eightysix.yaml", WHOLE), ("running.yaml", RUNNING), ("rules/kitchen.yaml", RULES)] {
            site.write(file, text.as_bytes());
        }
        for file in ["secret", "whsec", "credentials/smtp"] {
            site.write(file, format!("{CANARY}\n").as_bytes());
        }
        site.write("empty", b"\n");
        site.write("latin1", b"\xe4\xf6\xfc");
        site.write("folder/x", b"");
        let mut old = None;
        for line in given {
            match line.strip_prefix("- ") {
                Some(passage) => old = Some(text(passage)),
                None => site.given(line, old.take()),
            }
        }
        assert!(old.is_none(), "a passage is replaced by nothing; write '+' below '-'");
        site
    }

    fn given(&mut self, line: &str, old: Option<String>) {
        let (word, value) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "+" => {
                let old = old.expect("'+' stands below '-'");
                let whole = fs::read_to_string(self.path("eightysix.yaml")).expect("the configuration");
                assert!(whole.contains(&old), "the configuration of the site does not hold: {old}");
                self.write("eightysix.yaml", whole.replacen(&old, &text(value), 1).as_bytes());
            }
            "when" => self.rule(&format!("when: {{ {value} }}")),
            "rule" => self.rule(value),
            "rules" => self.write("rules/kitchen.yaml", &bytes(value)),
            "write" => {
                let (file, content) = value.split_once(':').expect("write <file>: <content>");
                self.write(file, &bytes(content.strip_prefix(' ').unwrap_or(content)));
            }
            "remove" => self.remove(value),
            "folder" => {
                self.remove(value);
                fs::create_dir_all(self.path(value)).expect("a folder");
            }
            "link" => {
                let (file, target) = value.split_once(" -> ").expect("link <file> -> <target>");
                self.remove(file);
                symlink(target, self.path(file)).expect("a link");
            }
            "variable" => {
                let (name, value) = value.split_once('=').expect("variable <name>=<value>");
                self.variables.insert(name.to_owned(), Some(OsString::from_vec(bytes(value))));
            }
            "without" => drop(self.variables.insert(value.to_owned(), None)),
            "run" => self.arguments = Some(value.split_whitespace().map(|it| OsString::from_vec(bytes(it))).collect()),
            _ => panic!("nothing is called '{word}' in a site: {line}"),
        }
    }

    fn rule(&self, keys: &str) {
        let file = format!("rules: [{{ name: r, notify: [], {} }}]", text(keys));
        self.write("rules/kitchen.yaml", file.as_bytes());
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    fn write(&self, file: &str, content: &[u8]) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
    }

    fn remove(&self, file: &str) {
        let path = self.path(file);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).expect("removed");
        } else if path.symlink_metadata().is_ok() {
            fs::remove_file(path).expect("removed");
        }
    }

    /// Returns the binary with these arguments and the surroundings of the case.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eightysix"));
        command.args(arguments).current_dir(&self.folder).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("MQTT", CANARY).env("CREDENTIALS_DIRECTORY", "credentials");
        command.env("LATIN1", OsString::from_vec(b"\xe4\xf6\xfc".to_vec()));
        for (name, value) in &self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Returns every file of the folder with its bytes.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        collect(&self.folder, &mut found);
        found
    }
}

fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, found);
        } else if path.is_file() {
            let bytes = fs::read(&path).expect("a file");
            found.insert(path, bytes);
        }
    }
}
