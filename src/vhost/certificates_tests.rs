//! Tests of what vhosts show while their files are wrong, and afterwards.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::config::settings::SourceFile;
use crate::config::{self, Options};
use crate::tls::Identity;
use crate::tls::self_signed::{Request, make};

thread_local! {
    /// What the clock of the test says.
    static NOW_MS: Cell<u64> = const { Cell::new(0) };
}

/// A file of tests/tls.
fn fixture(name: &str) -> Vec<u8> {
    fs::read(format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("kinglet-certificates-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Writes `content` as `name`; nothing removes it.
    fn put(&self, name: &str, content: &[u8]) {
        let path = self.0.join(name);
        if content.is_empty() {
            fs::remove_file(path).unwrap();
        } else {
            fs::write(path, content).unwrap();
        }
    }

    fn put_certificate(&self) {
        self.put("cert", &fixture("p256.pem"));
        self.put("key", &fixture("p256.key"));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The keys of a vhost with files `cert`, `key` and `ca`, in which `more` may change something.
fn files(more: &str) -> String {
    format!(r#""host-ssl-cert": "DIR/cert", "host-ssl-key": "DIR/key"{more}"#)
}

const CA: &str = r#", "host-ssl-ca": "DIR/ca""#;
const CLOSED: &str = r#", "host-ssl-ca": "DIR/ca", "client-cert-required": "1""#;

struct Loaded {
    certificates: Certificates,
    faults: Vec<String>,
    stand_in: Certified,
    /// How often the self-signed certificate was asked for.
    asked: usize,
}

/// Loads a vhost with these keys.
fn load(folder: &Folder, keys: &str) -> Loaded {
    NOW_MS.set(0);
    let text = format!(r#"{{ "vhosts": [{{ "port": 443, {keys} }}] }}"#);
    let text = text.replace("DIR", folder.0.to_str().unwrap()).into_bytes();
    let file = SourceFile { path: "conf".to_owned(), text };
    let settings = config::load_texts(vec![file], &Options::default()).settings;
    let made = make(&Request { names: &["router"], now_secs: 0 }, None).unwrap();
    let identity = Identity::from_pem(made.certificate_pem.as_bytes(), made.key_pem.as_bytes());
    let stand_in = identity.unwrap().certified();
    let mut asked = 0;
    let mut means = Means {
        files: &PemFiles::default(),
        self_signed: &mut || {
            asked += 1;
            Ok(Arc::clone(&stand_in))
        },
        tickets: None,
        now_ms: || NOW_MS.get(),
        now_secs: || 0,
    };
    let (certificates, troubles) = Certificates::load(&settings, &mut means);
    let faults = troubles.into_iter().map(|trouble| trouble.fault.message).collect();
    Loaded { certificates, faults, stand_in, asked }
}

impl Loaded {
    /// What is shown: none while the vhost is closed.
    fn shown(&self) -> Option<Option<Certified>> {
        self.certificates.policy(VhostId(0))?;
        Some(self.certificates.entries[0].as_ref().unwrap().shown.certified())
    }

    fn shows_stand_in(&self) -> bool {
        self.shown().flatten().is_some_and(|shown| Arc::ptr_eq(&shown, &self.stand_in))
    }

    /// Whether it shows p256.pem after the next look at the files.
    fn shows_own_later(&self) -> bool {
        NOW_MS.set(NOW_MS.get() + RETRY_MS);
        let own = Identity::from_pem(&fixture("p256.pem"), &fixture("p256.key")).unwrap();
        self.shown().flatten().is_some_and(|shown| shown.cert == own.chain())
    }

    fn requires_certificate(&self) -> bool {
        self.certificates.policy(VhostId(0)).unwrap().requires_certificate()
    }

    /// What is said about the only fault.
    fn fault(&self) -> &str {
        assert_eq!(self.faults.len(), 1, "{:?}", self.faults);
        &self.faults[0]
    }
}

#[test]
fn a_stand_in_goes_when_the_files_are_right() {
    let folder = Folder::new("stand-in");
    let wrong: [(&[u8], &[u8]); 4] = [
        (b"", b""),
        (b"no certificate", b"no key"),
        (&fixture("p256.pem"), &fixture("p384.key")),
        (&fixture("p256.pem"), b"no key"),
    ];
    for (certificate, key) in wrong {
        folder.put("cert", b"-");
        folder.put("key", b"-");
        folder.put("cert", certificate);
        folder.put("key", key);
        let loaded = load(&folder, &files(""));
        assert!(
            loaded.fault().ends_with("a self-signed certificate stands in until this is fixed")
        );
        assert!(loaded.shows_stand_in() && !loaded.requires_certificate());
        assert!(!loaded.shows_own_later() && loaded.shows_stand_in());
        folder.put_certificate();
        // Not looked at before it is time.
        assert!(loaded.shows_stand_in());
        assert!(loaded.shows_own_later());
        // Nobody looks at files that were right once.
        folder.put("cert", b"gone");
        assert!(loaded.shows_own_later());
    }
}

#[test]
fn good_files_need_nothing_else() {
    let folder = Folder::new("good");
    folder.put_certificate();
    folder.put("ca", &fixture("root.pem"));
    for (keys, certified) in [("", false), (CA, false), (CLOSED, true)] {
        let loaded = load(&folder, &files(keys));
        assert_eq!((loaded.faults.len(), loaded.asked), (0, 0));
        assert!(loaded.shows_own_later());
        assert_eq!(loaded.requires_certificate(), certified);
    }
}

#[test]
fn who_demands_certificates_stays_closed_until_all_is_right() {
    let folder = Folder::new("closed");
    let states: [[&[u8]; 3]; 4] = [
        [b"-", &fixture("p256.key"), &fixture("root.pem")],
        [&fixture("p256.pem"), &fixture("p384.key"), &fixture("root.pem")],
        [&fixture("p256.pem"), &fixture("p256.key"), b"-"],
        [b"-", b"-", b"-"],
    ];
    for [certificate, key, ca] in states {
        folder.put("cert", certificate);
        folder.put("key", key);
        folder.put("ca", ca);
        let keys = files(&format!("{CLOSED}, \"ignore-missing-cert\": \"1\""));
        let loaded = load(&folder, &keys);
        assert!(loaded.fault().ends_with("the vhost stays closed until this is fixed"));
        assert!(loaded.shown().is_none());
        assert!(!loaded.shows_own_later() && loaded.shown().is_none());
        folder.put_certificate();
        folder.put("ca", &fixture("root.pem"));
        assert!(loaded.shows_own_later());
        assert!(loaded.requires_certificate());
    }
    let loaded = load(&folder, &files(r#", "client-cert-required": "1""#));
    assert!(loaded.fault().contains("there is no CA for them"), "{}", loaded.fault());
    assert!(!loaded.shows_own_later() && loaded.shown().is_none());
}

#[test]
fn a_self_signed_vhost_opens_when_its_authorities_are_there() {
    let folder = Folder::new("self-signed");
    let loaded = load(&folder, &format!(r#""host-ssl-cert": "self-signed"{CLOSED}"#));
    assert!(loaded.fault().ends_with("the vhost stays closed until this is fixed"));
    assert!(loaded.shown().is_none());
    folder.put("ca", &fixture("root.pem"));
    assert!(loaded.shown().is_none());
    NOW_MS.set(RETRY_MS);
    assert!(loaded.shows_stand_in() && loaded.requires_certificate());
}

#[test]
fn a_good_certificate_is_shown_though_the_authorities_are_bad() {
    let folder = Folder::new("ca");
    folder.put_certificate();
    for ca in [None, Some(&b"no certificate"[..])] {
        if let Some(ca) = ca {
            folder.put("ca", ca);
        }
        let loaded = load(&folder, &files(CA));
        assert!(loaded.fault().contains("/ca") && loaded.fault().contains("chain"));
        assert_eq!(loaded.asked, 0);
        assert!(loaded.shows_own_later() && !loaded.requires_certificate());
    }
    // The chain is completed when that can be done.
    folder.put("ca", b"-");
    let loaded = load(&folder, &files(CA));
    let chain = |loaded: &Loaded| loaded.shown().flatten().unwrap().cert.len();
    assert_eq!(chain(&loaded), 1);
    folder.put("ca", &fixture("middle.pem"));
    NOW_MS.set(RETRY_MS);
    assert_eq!(chain(&loaded), 2);
}

#[test]
fn a_certificate_may_be_missing_where_that_is_said() {
    let folder = Folder::new("missing");
    let keys = files(r#", "ignore-missing-cert": "1""#);
    let loaded = load(&folder, &keys);
    assert!(loaded.fault().ends_with("handshakes fail until the file is there"));
    assert!(matches!(loaded.shown(), Some(None)) && loaded.asked == 0);
    folder.put_certificate();
    assert!(loaded.shows_own_later());
    // One that is there and wrong is another matter.
    folder.put("cert", b"-");
    assert!(load(&folder, &keys).shows_stand_in());
}
