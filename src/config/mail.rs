//! The `smtp` section: mail servers, and folders of `.eml` files.
//!
//! Connects nowhere and makes no folder; what the sink itself finds wrong is told at the setting it names.

use crate::config::{Named, Surroundings, channels, named, secret};
use crate::document::{Entry, Fields, Node, Problems};
use crate::sinks::email::{Address, EmailSink, Login, Place, Settings, TIME_MAX_DEFAULT};

pub(super) fn all(node: &Node, around: &Surroundings<'_>, problems: &mut Problems) -> Named<Settings> {
    named(node, "main: { url: smtps://mail.example.com, from: .. }", problems, |entry, problems| {
        let such_as = "{ url: smtps://mail.example.com, from: .. } or { folder: mails, from: .. }";
        let mut fields = entry.node.fields(such_as, problems)?;
        let settings = server_or_folder(entry, &mut fields, around, problems);
        fields.finish(problems);
        settings
    })
}

fn server_or_folder(
    entry: &Entry,
    fields: &mut Fields<'_>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<Settings> {
    let told = problems.count();
    let from = fields.required("from", "\"86 <alerts@example.com>\"", problems);
    let from = from.and_then(|node| channels::parsed::<Address>(node, problems));
    let (place, login) = if let Some(folder) = fields.optional("folder").filter(|_| !fields.holds("url")) {
        let path = folder.text(problems).map(|written| around.path(written));
        (path.map(|path| Place::Folder { path }), None)
    } else {
        let such_as = "smtps://mail.example.com, or folder: mails for a folder of .eml files";
        let url = fields.required("url", such_as, problems);
        let place = url.and_then(|node| channels::parsed::<Place>(node, problems));
        (place.map(|place| relative(place, around)), login(fields, around, problems))
    };
    if let Some(folder) = fields.optional("folder").filter(|_| fields.holds("url")) {
        let message = "mail goes to a 'url' or to a 'folder', not to both";
        problems.tell_with_help(&folder.place, message, "remove one of the two");
    }
    let ca_file = channels::ca_file(fields, around, problems);
    let name = entry.key.to_string();
    let settings = Settings { name, place: place?, login, from: from?, ca_file, time_max: TIME_MAX_DEFAULT };
    if let Err(found) = EmailSink::new(&settings) {
        for problem in found {
            let key = if problem.field == "login" { "password" } else { problem.field };
            problems.tell(fields.place_of(key), problem.text);
        }
    }
    (problems.count() == told).then_some(settings)
}

/// Makes the folder of `url: folder:mails` relative to the file, as all paths are.
fn relative(place: Place, around: &Surroundings<'_>) -> Place {
    match place {
        Place::Folder { path } => Place::Folder { path: around.directory.join(path) },
        Place::Server { .. } => place,
    }
}

fn login(fields: &mut Fields<'_>, around: &Surroundings<'_>, problems: &mut Problems) -> Option<Login> {
    let username = fields.optional("username");
    let password = fields.optional("password");
    match (username, password) {
        (None, None) => None,
        (Some(username), Some(password)) => {
            let text = username.text(problems).map(str::to_owned);
            let secret = secret::read(password, around, problems);
            Some(Login { username: text?, password: secret? })
        }
        (Some(username), None) => {
            let message = "there is a 'username' and no 'password' beside it";
            problems.tell_with_help(&username.place, message, "write password: { file: /path }, or remove it");
            None
        }
        (None, Some(password)) => {
            let message = "there is a 'password' and no 'username' beside it";
            problems.tell_with_help(&password.place, message, "write the username that belongs to it");
            None
        }
    }
}
