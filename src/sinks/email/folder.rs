//! Mails as `.eml` files in a folder, for the demo and for sites that pick mail up themselves.
//!
//! Owns the file names and how a file appears: whole or not at all, and only once per notice. Invariant: delivering a
//! notice again replaces its file by the same bytes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::alerts::notice::NoticeId;
use crate::units::Timestamp;

/// Mails are read by their owner and by a group that picks them up, and by nobody else on the machine.
const FILE_MODE: u32 = 0o640;
/// The same for a folder that is missing; one that is there keeps its own permissions.
const FOLDER_MODE: u32 = 0o750;

/// Returns the file's name: the notice's time in UTC, so that names sort by date, and its id.
pub(super) fn file_name(id: &NoticeId, at: Timestamp) -> String {
    let digits: String =
        id.as_str().chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(64).collect();
    let date: String = at.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{date}-{digits}.eml")
}

/// Writes the file so that a reader never sees half of it and a power cut after the return does not lose it.
pub(super) fn store(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    // The dot hides it from readers of *.eml; a leftover of a crash is overwritten by the next attempt.
    let unfinished = folder.join(format!(".{name}.part"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(name))?;
    File::open(folder)?.sync_all()
}

/// Checks that a mail could be stored, by storing and removing an empty file.
pub(super) fn probe(folder: &Path) -> io::Result<()> {
    let name = "probe.eml";
    store(folder, name, b"")?;
    fs::remove_file(folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_date_and_stay_in_the_folder() {
        let at = |ms: i64| Timestamp::from_unix_ms(1_778_252_651_204 + ms);
        let name = |id: &str, ms: i64| file_name(&NoticeId::from_stored(id), at(ms));
        assert_eq!(name("4fd1", 0), "20260508T150411.204Z-4fd1.eml");
        assert!(name("zzzz", 0) < name("aaaa", 1));
        assert_eq!(name("../../etc/passwd", 0), "20260508T150411.204Z-______etc_passwd.eml");
    }
}
