//! Quick mode: settings for `kinglet DIR`, without a configuration.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::args::{Args, QuickSource, Source};
use crate::config::diagnose::Diagnostic;
use crate::config::nearest::nearest;
use crate::config::settings::{
    Cache, CertificateSource, Located, Mount, Origin, Settings, Tls, Vhost,
};

/// Port of quick mode, the one that lwsws uses in its examples.
pub(in crate::daemon) const PORT: u16 = 7681;
/// Ports that are tried when none is asked for.
pub(in crate::daemon) const PORT_TRIES: u16 = 100;
/// Seconds that a browser may use a file without asking: edits show at the next look.
const CACHE_MAX_AGE_SECS: u32 = 1;
/// Directory entries that are compared for a suggestion.
const ENTRIES_MAX: usize = 1000;

/// Why the directory cannot be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct QuickError {
    /// What is wrong.
    pub message: String,
    /// What might have been meant.
    pub hint: Option<String>,
}

impl fmt::Display for QuickError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kinglet: {}", self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n  {hint}"))
    }
}

impl std::error::Error for QuickError {}

/// The port that quick mode asks for, or begins its search with.
#[must_use]
pub(in crate::daemon) fn port(args: &Args) -> u16 {
    match &args.source {
        Source::Quick(source) => source.port.unwrap_or(PORT),
        Source::Configured(_) => PORT,
    }
}

/// Settings that serve the directory on `port`: one vhost for every name, one mount, listings,
/// every regular file. The directory must exist and be readable. One whose name is not UTF-8
/// becomes the working directory of the process.
pub(in crate::daemon) fn settings(source: &QuickSource, port: u16) -> Result<Settings, QuickError> {
    let directory = origin(&source.directory)?;
    let mount = Mount {
        origin: located(Origin::File(directory)),
        cache: Cache {
            max_age_secs: CACHE_MAX_AGE_SECS,
            reuse: true,
            revalidate: true,
            ..Cache::default()
        },
        extra_mimetypes: vec![("*".to_owned(), "application/octet-stream".to_owned())],
        directory_listing: true,
        ..Mount::default()
    };
    let vhost = Vhost {
        name: located("localhost".to_owned()),
        port: located(port),
        listen_on: located(source.listen_on.clone()),
        mounts: vec![mount],
        over_tls: source.tls,
        tls: source.tls.then(|| Tls::new(located(CertificateSource::SelfSigned))),
        ..Vhost::default()
    };
    Ok(Settings { vhosts: vec![vhost], ..Settings::default() })
}

/// Host and port of URLs that reach this listener: from this machine, and for a wildcard from
/// others, at the addresses in `outward`.
#[must_use]
pub(in crate::daemon) fn url_hosts(address: SocketAddr, outward: &[IpAddr]) -> Vec<String> {
    if !address.ip().is_unspecified() {
        return vec![address.to_string()];
    }
    let port = address.port();
    // A wildcard of IPv6 takes IPv4 as well.
    let others = outward.iter().filter(|ip| address.is_ipv6() || ip.is_ipv4());
    let others = others.map(|ip| SocketAddr::new(*ip, port).to_string());
    std::iter::once(format!("localhost:{port}")).chain(others).collect()
}

fn located<T>(value: T) -> Located<T> {
    Located { value, place: Default::default() }
}

/// The absolute path of the directory, once it is clear that it is one.
fn origin(directory: &Path) -> Result<String, QuickError> {
    let shown = directory.display();
    let error = |message, hint| Err(QuickError { message, hint });
    match fs::metadata(directory) {
        Err(found) if found.kind() == io::ErrorKind::NotFound => {
            return error(format!("{shown} does not exist"), similar(directory));
        }
        Err(found) => return error(format!("{shown} cannot be opened: {found}"), None),
        Ok(metadata) if !metadata.is_dir() => {
            return error(format!("{shown} is not a directory"), Some(for_file(directory)));
        }
        Ok(_) => {}
    }
    if let Err(found) = fs::read_dir(directory) {
        return error(format!("{shown} cannot be read: {found}"), None);
    }
    let absolute = match fs::canonicalize(directory) {
        Ok(absolute) => absolute,
        Err(found) => return error(format!("{shown} cannot be opened: {found}"), None),
    };
    into_text(absolute)
}

/// Settings hold paths as text. A directory whose name is none becomes the current directory,
/// which has a name that is.
fn into_text(absolute: PathBuf) -> Result<String, QuickError> {
    absolute.into_os_string().into_string().or_else(|name| {
        std::env::set_current_dir(&name).map_err(|found| QuickError {
            message: format!("{} cannot be entered: {found}", Path::new(&name).display()),
            hint: None,
        })?;
        Ok("/proc/self/cwd".to_owned())
    })
}

/// Whether the directory looks like a configuration that was meant for `-c`: it has a `conf` and
/// nothing that would be served as its index.
pub(in crate::daemon) fn looks_like_configuration(directory: &Path) -> bool {
    directory.join("conf").is_file() && !directory.join("index.html").exists()
}

/// What to say when such a directory is served.
pub(in crate::daemon) fn served_configuration(directory: &Path) -> Diagnostic {
    let shown = directory.display();
    Diagnostic::warning(None, format!("{shown} looks like a configuration and is served as files"))
        .hint(format!("kinglet -c {shown} serves what it describes"))
}

fn for_file(file: &Path) -> String {
    let parent = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let name = file.file_name().unwrap_or_default();
    if name == OsStr::new("conf") || file.extension().is_some_and(|suffix| suffix == "json") {
        format!("did you mean kinglet -c {}?", parent.display())
    } else {
        format!("kinglet {} serves the directory that it is in", parent.display())
    }
}

/// Commands of other programs, and what does the same.
const COMMANDS: &[(&str, &str)] = &[
    ("help", "kinglet --help lists options and commands"),
    ("version", "kinglet --version prints the version"),
    ("start", "kinglet DIR serves a directory, kinglet -c DIR a configuration"),
    ("stop", "kinglet status shows the process of the server: kill PID stops it"),
    ("restart", "kinglet reload takes over a changed configuration"),
    ("check", "kinglet -t checks a configuration"),
    ("test", "kinglet -t checks a configuration"),
];

/// A neighbour with nearly the same name, a command of other programs, or `-c` for what looks like
/// a configuration's path.
fn similar(missing: &Path) -> Option<String> {
    if missing.starts_with("/etc") {
        return Some(format!("did you mean kinglet -c {}?", missing.display()));
    }
    let parent = match missing.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let names: Vec<String> = fs::read_dir(parent)
        .ok()?
        .take(ENTRIES_MAX)
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let name = missing.file_name()?.to_str()?;
    match nearest(name, names.iter().map(String::as_str)) {
        Some(found) => Some(format!("did you mean {}?", missing.with_file_name(found).display())),
        None => COMMANDS.iter().find(|(word, _)| *word == name).map(|(_, hint)| (*hint).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        self,
        settings::{ListenOn, SourceFile},
    };
    use std::net::{IpAddr, Ipv4Addr};

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let name = format!("kinglet-quick-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn source(directory: impl Into<PathBuf>) -> QuickSource {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        QuickSource {
            directory: directory.into(),
            listen_on: ListenOn::Address(loopback, None),
            port: None,
            tls: false,
        }
    }

    #[test]
    fn a_directory_becomes_one_mount() {
        let dir = Dir::new("mount");
        let settings = settings(&source(dir.0.join(".")), 7682).unwrap();
        assert_eq!(settings.vhosts.len(), 1);
        let vhost = &settings.vhosts[0];
        assert_eq!((vhost.name.value.as_str(), vhost.port.value), ("localhost", 7682));
        assert_eq!(vhost.mounts.len(), 1);
        let mount = &vhost.mounts[0];
        let real = fs::canonicalize(&dir.0).unwrap().into_os_string().into_string().unwrap();
        assert_eq!(mount.origin.value, Origin::File(real));
        assert_eq!(mount.mountpoint.value, "/");
        assert!(mount.directory_listing && !mount.dotfiles && !mount.follow_symlinks);
        assert_eq!(mount.extra_mimetypes[0].0, "*");
    }

    #[test]
    fn tls_is_self_signed() {
        let dir = Dir::new("tls");
        let plain = settings(&source(&dir.0), 1).unwrap();
        assert_eq!(plain.vhosts[0].tls, None);
        let secure = settings(&QuickSource { tls: true, ..source(&dir.0) }, 1).unwrap();
        let tls = secure.vhosts[0].tls.clone().unwrap();
        assert_eq!((&tls.certificate.value, &tls.key), (&CertificateSource::SelfSigned, &None));
        assert!(tls.tls12 && tls.tls13 && tls.tickets && tls.client_cert_required.is_none());
        // The same as in a configuration that says no more.
        let text = br#"{ "vhosts": [{ "port": 1, "host-ssl-cert": "self-signed" }] }"#.to_vec();
        let file = SourceFile { path: String::new(), text };
        let mut loaded = config::load_texts(vec![file], &config::Options::default());
        let mut written = loaded.settings.vhosts.remove(0).tls.unwrap();
        written.certificate.place = Default::default();
        assert_eq!(tls, written);
        assert!(secure.vhosts[0].over_tls && !plain.vhosts[0].over_tls);
    }

    #[test]
    fn what_is_no_directory_is_explained() {
        let dir = Dir::new("wrong");
        fs::create_dir(dir.0.join("public")).unwrap();
        fs::write(dir.0.join("page.html"), "x").unwrap();
        fs::write(dir.0.join("conf"), "{}").unwrap();
        let error = |name: &str| settings(&source(dir.0.join(name)), 1).unwrap_err();
        let missing = error("pubilc");
        assert!(missing.message.ends_with("pubilc does not exist"));
        assert!(missing.hint.unwrap().ends_with("public?"));
        assert_eq!(error("nothing-like-it").hint, None);
        assert!(error("help").hint.unwrap().contains("kinglet --help"));
        assert!(error("stop").hint.unwrap().contains("kill PID"));
        let file = error("page.html");
        assert!(file.message.ends_with("is not a directory"));
        assert!(file.hint.unwrap().contains("serves the directory"));
        assert!(error("conf").hint.unwrap().contains("kinglet -c"));
        let etc = settings(&source("/etc/no-such-kinglet"), 1).unwrap_err();
        assert!(etc.hint.unwrap().contains("kinglet -c /etc/no-such-kinglet"));
        assert!(looks_like_configuration(&dir.0));
        fs::write(dir.0.join("index.html"), "x").unwrap();
        assert!(!looks_like_configuration(&dir.0));
    }

    #[test]
    fn a_name_that_is_no_text_works_in_a_process_of_its_own() {
        let name = "daemon::command::quick::tests::child_enters_a_directory_whose_name_is_no_text";
        let output = std::process::Command::new("/proc/self/exe")
            .args(["--exact", "--ignored", "--test-threads=1", name])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    #[ignore = "changes the working directory; run by the test above"]
    fn child_enters_a_directory_whose_name_is_no_text() {
        use std::os::unix::ffi::OsStrExt as _;
        let dir = Dir::new("text");
        let odd = dir.0.join(OsStr::from_bytes(b"a\xff"));
        fs::create_dir(&odd).unwrap();
        fs::write(odd.join("page.html"), "x").unwrap();
        let settings = settings(&source(odd), 1).unwrap();
        let Origin::File(path) = &settings.vhosts[0].mounts[0].origin.value else {
            panic!("not a file mount")
        };
        assert!(Path::new(path).join("page.html").is_file());
        std::env::set_current_dir("/").unwrap();
    }

    #[test]
    fn urls_have_a_host_that_works_here_and_those_that_work_elsewhere() {
        let outward = ["192.0.2.7", "2001:db8::7"].map(|ip| ip.parse().unwrap());
        for (address, expected) in [
            ("0.0.0.0:80", &["localhost:80", "192.0.2.7:80"][..]),
            ("[::]:80", &["localhost:80", "192.0.2.7:80", "[2001:db8::7]:80"]),
            ("[::1]:80", &["[::1]:80"]),
            ("127.0.0.1:7681", &["127.0.0.1:7681"]),
        ] {
            assert_eq!(url_hosts(address.parse().unwrap(), &outward), expected);
        }
    }
}
