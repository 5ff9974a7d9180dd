//! A certificate authority of the test's own, a certificate for this machine and spoilt ones, made by the openssl command.
#![allow(dead_code, unreachable_pub, reason = "each test crate includes the harness and uses its part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Files of a throw-away authority in a folder.
pub struct Authority {
    folder: PathBuf,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It ended on 2020-01-02.
    Expired,
    /// It begins on 2090-01-01.
    NotYet,
    /// It is for `elsewhere.example.com`.
    OtherName,
    /// Nobody but its owner has signed it.
    SelfSigned,
}

impl Authority {
    /// Makes the authority and a certificate for `localhost` and `127.0.0.1` in `folder`.
    pub fn new(folder: &Path) -> Self {
        let extensions = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n";
        std::fs::write(folder.join("extensions"), extensions).expect("write the extensions");
        let authority = Self { folder: folder.to_owned() };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256";
        authority.openssl(&format!("req -x509 {key} -days 2 -subj /CN=tests -keyout ca.key -out ca.pem"));
        authority.openssl(&format!("req {key} -subj /CN=localhost -keyout server.key -out server.csr"));
        authority.openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions \
             -out server.pem",
        );
        authority
    }

    /// Makes a certificate for the same key with this flaw, and returns its file.
    pub fn flawed(&self, flaw: Flaw) -> PathBuf {
        let file = self.folder.join(format!("{flaw:?}.pem"));
        let name = if flaw == Flaw::OtherName { "elsewhere.example.com" } else { "localhost" };
        let extensions = format!("subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth\n");
        let write = |name: &str, text: &str| std::fs::write(self.folder.join(name), text).expect("write for openssl");
        write("flawed", &extensions);
        // `openssl ca` is the one command of all versions that takes the dates as they are.
        let settings = "[ca]\ndefault_ca=own\n[own]\ndatabase=index\nserial=number\nnew_certs_dir=.\ndefault_md=sha256\n\
                        policy=names\nunique_subject=no\n[names]\ncommonName=supplied\n";
        write("ca.cnf", settings);
        write("index", "");
        write("number", "01\n");
        let (start, end) = match flaw {
            Flaw::Expired => ("20200101000000Z", "20200102000000Z"),
            Flaw::NotYet => ("20900101000000Z", "20900102000000Z"),
            Flaw::OtherName | Flaw::SelfSigned => ("20200101000000Z", "20900102000000Z"),
        };
        match flaw {
            Flaw::Expired | Flaw::NotYet | Flaw::OtherName => self.openssl(&format!(
                "ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -in server.csr -extfile flawed \
                 -startdate {start} -enddate {end} -out {flaw:?}.pem"
            )),
            Flaw::SelfSigned => self.openssl(&format!(
                "req -x509 -key server.key -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
                 -out {flaw:?}.pem"
            )),
        }
        file
    }

    fn openssl(&self, arguments: &str) {
        let made = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(&self.folder)
            .output()
            .expect("openssl must be installed (tests/run does it)");
        assert!(made.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
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
