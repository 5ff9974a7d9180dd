//! Reads secrets from where they are kept: a systemd credential, a file, or a variable of the environment.
//!
//! A secret never stands in the configuration itself, which is copied, mailed and committed. Nothing here repeats what
//! it read or what stood where a reference should. Invariant: a secret that is returned is not empty.

use std::env::VarError;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::config::Surroundings;
use crate::document::{Node, Problems, nearest};
use crate::units::{Secret, printable};

/// Bytes of a secret; a larger file is the wrong one.
const BYTES_MAX: usize = 64 * 1024;
/// The variable in which systemd names the directory of credentials.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
/// Where a secret can be kept.
pub(super) const PLACES: [&str; 3] = ["credential", "file", "env"];
/// What to write instead of a secret.
pub(super) const FORMS: &str = "{ credential: name }, { file: /path } or { env: NAME }";

/// Reads the secret that `node` refers to; a final line break does not belong to it.
pub(super) fn read(node: &Node, around: &Surroundings<'_>, problems: &mut Problems) -> Option<Secret> {
    if node.as_scalar().is_some() {
        problems.conceal(node);
        let message = format!("'{}' stands in the file itself", node.label);
        problems.tell_with_help(&node.place, message, format!("keep it elsewhere and write {FORMS}"));
        return None;
    }
    let entries = node.entries(FORMS, problems)?;
    let [credential, file, env] = PLACES.map(|key| entries.iter().find(|entry| &*entry.key == key).map(|it| &it.node));
    for entry in entries.iter().filter(|entry| !PLACES.contains(&&*entry.key)) {
        // Neither key nor value is repeated: one of them may be the secret.
        problems.conceal(&entry.node);
        let near = nearest(&entry.key, PLACES);
        let help = near.map_or_else(|| format!("write {FORMS}"), |near| format!("did you mean '{near}'?"));
        problems.tell_with_help(&entry.place, "this is no place where a secret can be kept", help);
    }
    let found = match (credential, file, env) {
        (Some(name), None, None) => from_credential(name, around, problems)?,
        (None, Some(path), None) => {
            let path_written = path.text(problems)?;
            from_file(path, &around.path(path_written), problems)?
        }
        (None, None, Some(name)) => from_variable(name, around, problems)?,
        (None, None, None) => {
            if entries.is_empty() {
                problems.tell_with_help(&node.place, format!("'{}' is empty", node.label), format!("write {FORMS}"));
            }
            return None;
        }
        (Some(_), Some(_), _) | (Some(_), None, Some(_)) | (None, Some(_), Some(_)) => {
            let message = format!("'{}' is kept in more than one place", node.label);
            problems.tell_with_help(&node.place, message, format!("write one of {FORMS}"));
            return None;
        }
    };
    let secret = found.strip_suffix('\n').map_or(found.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if secret.trim().is_empty() {
        let message = format!("the secret for '{}' is empty where it is kept", node.label);
        problems.tell_with_help(&node.place, message, "put it there");
        return None;
    }
    // It goes into headers, logins and commands of mail servers, each of which ends with its line.
    if secret.contains(['\n', '\r', '\0']) {
        let message = format!("the secret for '{}' has more than one line", node.label);
        problems.tell_with_help(&node.place, message, "keep each secret alone, in one line");
        return None;
    }
    Some(Secret::new(secret))
}

fn from_credential(name: &Node, around: &Surroundings<'_>, problems: &mut Problems) -> Option<String> {
    let written = name.text(problems)?;
    if written.contains('/') || written.starts_with('.') {
        return name.refuse("the name of a credential, without a path", problems);
    }
    let Ok(directory) = (around.environment)(CREDENTIALS_DIRECTORY) else {
        let message = format!("there are no credentials: systemd did not set {CREDENTIALS_DIRECTORY}");
        let help = format!("start it as a service with LoadCredential={written}:/path, or write {{ file: /path }}");
        problems.tell_with_help(&name.place, message, help);
        return None;
    };
    from_file(name, &PathBuf::from(directory).join(written), problems)
}

fn from_file(node: &Node, path: &Path, problems: &mut Problems) -> Option<String> {
    let shown = printable(&path.display().to_string(), 200);
    let mut bytes = Vec::new();
    let limit = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let read = std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    if let Err(error) = read {
        let help = "put it there, where this user may read it, or name another place";
        problems.tell_with_help(&node.place, format!("the secret in {shown} cannot be read: {error}"), help);
        return None;
    }
    if bytes.len() > BYTES_MAX {
        let message = format!("{shown} is larger than the {BYTES_MAX} bytes of a secret");
        problems.tell_with_help(&node.place, message, "name the file that holds the secret alone");
        return None;
    }
    let text = String::from_utf8(bytes).ok();
    if text.is_none() {
        let message = format!("the secret in {shown} is not UTF-8 text");
        problems.tell_with_help(&node.place, message, "save it as UTF-8, or name another file");
    }
    text
}

fn from_variable(node: &Node, around: &Surroundings<'_>, problems: &mut Problems) -> Option<String> {
    let name = node.text(problems)?;
    let (what, help) = match (around.environment)(name) {
        Ok(value) => return Some(value),
        Err(VarError::NotPresent) => ("is not set", "set it where eightysix is started, or write { file: /path }"),
        Err(VarError::NotUnicode(_)) => ("is not UTF-8 text", "set it to text, or write { file: /path }"),
    };
    let message = format!("the environment variable '{}' {what}", printable(name, 200));
    problems.tell_with_help(&node.place, message, help);
    None
}
