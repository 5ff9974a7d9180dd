//! A certificate authority of the test's own and a certificate for this machine, made by the openssl command.
#![allow(dead_code, unreachable_pub, reason = "each test crate includes the harness and uses its part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Files of a throw-away authority in a folder.
pub struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// Makes the authority and a certificate for `localhost` and `127.0.0.1` in `folder`.
    pub fn new(folder: &Path) -> Self {
        let extensions = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n";
        std::fs::write(folder.join("extensions"), extensions).expect("write the extensions");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256";
        for arguments in [
            format!("req -x509 {key} -days 2 -subj /CN=tests -keyout ca.key -out ca.pem"),
            format!("req {key} -subj /CN=localhost -keyout server.key -out server.csr"),
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions \
             -out server.pem"
                .to_owned(),
        ] {
            let made = Command::new("openssl")
                .args(arguments.split_whitespace())
                .current_dir(folder)
                .output()
                .expect("openssl must be installed (tests/run does it)");
            assert!(made.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
        }
        Self { folder: folder.to_owned() }
    }

    /// The certificate to trust.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("server.pem")
    }

    /// The server's key.
    pub fn key(&self) -> PathBuf {
        self.folder.join("server.key")
    }
}
