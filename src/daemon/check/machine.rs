//! What `-t` can find out about this machine: directories, credentials, logs, ports, limits.
//!
//! Nothing is changed; ports are tried for a moment. Access is judged by owner and mode bits as
//! [`crate::sys::access`] describes, for the user that will serve.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::budget::descriptors_beside;
use super::identity::Identity;
use super::{tls, unix_sockets};
use crate::config::settings::{
    Global, ListenOn, Located, Mount, NonTls, Origin, Place, Settings, Vhost,
};
use crate::daemon::finding::{Finding, Report, Severity};
use crate::daemon::listening::places::{self, Bind, Interfaces};
use crate::daemon::listening::ports;
use crate::sys::access::{self, Refusal, Subject, Want};
use crate::sys::{limits, port_owner, stream};
use crate::vhost::certificate_files::PemFiles;

/// Mode bit: everybody may read.
const WORLD_READABLE: u32 = 0o004;
/// Mode bit: everybody may write.
const WORLD_WRITABLE: u32 = 0o002;
/// Mode bit: entries of the directory belong to who made them.
const STICKY: u32 = 0o1000;

/// Who does what with files.
#[derive(Debug, Clone, Copy)]
pub(in crate::daemon) struct Actors<'a> {
    /// Who serves: reads documents and credentials.
    pub server: &'a Identity,
    /// Who starts the server: opens access logs.
    pub starter: &'a Subject,
}

/// Checks everything and reports in the order of the files; what has no place comes last.
pub(in crate::daemon) fn run(
    settings: &Settings,
    actors: Actors<'_>,
    interfaces: &Interfaces,
    report: &mut Report<'_>,
) {
    let mut found: Vec<Finding> = Vec::new();
    let mut add = |finding| found.push(finding);
    names(settings, &mut add);
    for vhost in &settings.vhosts {
        let exposed = is_exposed(vhost, interfaces);
        for mount in &vhost.mounts {
            documents(mount, actors, &mut add);
            credentials(mount, actors, exposed, &mut add);
        }
        if let Some(log) =
            vhost.access_log.as_ref().filter(|log| stream::named(&log.value).is_none())
        {
            access_log(log, actors, &mut add);
        }
    }
    tls::run(settings, &PemFiles::default(), &mut add);
    unix_sockets::places(settings, actors.starter, &mut add);
    let listeners = listeners(settings, interfaces, &mut add);
    let mounts = settings.vhosts.iter().flat_map(|vhost| &vhost.mounts);
    let directories = mounts.filter(|mount| matches!(mount.origin.value, Origin::File(_))).count();
    descriptors(&settings.global, listeners + directories, actors.starter, &mut add);
    sort(&mut found);
    found.into_iter().for_each(report);
}

/// The part of [`run`] that a start repeats: directories and credentials, which may have gone
/// since the last check, or come back later.
pub(in crate::daemon) fn files(settings: &Settings, actors: Actors<'_>, report: &mut Report<'_>) {
    let mut found: Vec<Finding> = Vec::new();
    let mut add = |finding| found.push(finding);
    for mount in settings.vhosts.iter().flat_map(|vhost| &vhost.mounts) {
        documents(mount, actors, &mut add);
        credentials(mount, actors, false, &mut add);
    }
    sort(&mut found);
    found.into_iter().for_each(report);
}

/// By place, then by severity; the same finding about the same place is told once.
fn sort(found: &mut Vec<Finding>) {
    found.sort_by_key(|finding| {
        let place = finding.place.map(|place| (place.file, place.start));
        (place.is_none(), place, finding.severity)
    });
    found.dedup();
}

/// Two vhosts of one name where they cannot be told apart.
fn names(settings: &Settings, add: &mut dyn FnMut(Finding)) {
    for (at, vhost) in settings.vhosts.iter().enumerate() {
        let same = |other: &&Vhost| {
            other.port.value == vhost.port.value
                && other.listen_on.value == vhost.listen_on.value
                && other.name.value.eq_ignore_ascii_case(&vhost.name.value)
        };
        if settings.vhosts[..at].iter().find(same).is_some() {
            let message = format!(
                "another vhost \"{}\" listens here already: this one is never reached",
                vhost.name.value
            );
            add(Finding::new(Severity::Warning, message)
                .at(vhost.name.place)
                .hint("give it another name or port, or merge the two"));
        }
    }
}

/// The directory of a file mount, and its default document.
///
/// Who starts the server opens the directory, so the way to it need not be open to who serves.
fn documents(mount: &Mount, actors: Actors<'_>, add: &mut dyn FnMut(Finding)) {
    let server = actors.server;
    let Origin::File(directory) = &mount.origin.value else { return };
    let directory = Path::new(directory);
    let place = mount.origin.place;
    let refused = |refusal: &Refusal| cannot_serve(directory, refusal, server).at(place);
    let metadata = match access::check(directory, actors.starter, Want::Reach) {
        Ok(metadata) => metadata,
        Err(refusal) => return add(refused(&refusal)),
    };
    if !metadata.is_dir() {
        let message = format!("{} is not a directory", directory.display());
        return add(Finding::new(Severity::Degraded, message)
            .at(place)
            .hint("\"origin\" names a directory: \"file:///var/www\""));
    }
    let want = if mount.directory_listing { Want::List } else { Want::Search };
    if !server.subject.may(&metadata, want) {
        return add(refused(&Refusal::Forbidden(directory.to_owned())));
    }
    if metadata.mode() & WORLD_WRITABLE != 0 && metadata.mode() & STICKY == 0 {
        let message = format!("everybody on this machine may write to {}", directory.display());
        add(Finding::new(Severity::Warning, message)
            .at(place)
            .hint(format!("chmod o-w {}", directory.display())));
    }
    default_document(mount, directory, actors, add);
}

fn cannot_serve(directory: &Path, refusal: &Refusal, server: &Identity) -> Finding {
    let shown = directory.display();
    let user = &server.user;
    let finding = |message| Finding::new(Severity::Degraded, message);
    match refusal {
        Refusal::Missing(at) if at == directory => {
            finding(format!("{shown} does not exist")).hint(format!("mkdir -p {shown}"))
        }
        Refusal::Missing(at) => {
            finding(format!("{shown} does not exist: there is no {}", at.display()))
                .hint(format!("mkdir -p {shown}"))
        }
        Refusal::Unsearchable(at) => {
            finding(format!("user {user} cannot reach {shown}: it may not search {}", at.display()))
                .hint(let_in(at, "o+x", user))
        }
        Refusal::Forbidden(at) => finding(format!("user {user} may not open {}", at.display()))
            .hint(let_in(at, "o+rx", user)),
        Refusal::NotDirectory(_) | Refusal::Loop(_) => {
            finding(format!("{shown} cannot be served: {refusal}"))
        }
        // Not known is not broken.
        Refusal::Unknown(..) => {
            Finding::new(Severity::Warning, format!("{shown} could not be checked: {refusal}"))
                .hint("check as root")
        }
    }
}

/// How to open a directory; but private ones of users are closed for a reason.
fn let_in(directory: &Path, bits: &str, user: &str) -> String {
    let home = directory.starts_with("/root") || directory.starts_with("/home");
    if home {
        format!("move it to where {user} may read, for example below /srv or /var/www")
    } else {
        format!("chmod {bits} {}, or move it to where {user} may read", directory.display())
    }
}

fn default_document(
    mount: &Mount,
    directory: &Path,
    actors: Actors<'_>,
    add: &mut dyn FnMut(Finding),
) {
    let server = actors.server;
    let file = directory.join(&mount.default_document);
    let place = mount.origin.place;
    // Reached through the directory that was opened at start, read by who serves.
    let found = access::check(&file, actors.starter, Want::Reach).and_then(|metadata| {
        let may = server.subject.may(&metadata, Want::Read);
        if may { Ok(metadata) } else { Err(Refusal::Forbidden(file.clone())) }
    });
    match found {
        Ok(metadata) if metadata.is_file() => {}
        Err(Refusal::Missing(_)) if mount.directory_listing => {}
        Err(Refusal::Missing(_)) => {
            let message = format!(
                "{} has no {}: requests for the directory itself find nothing",
                directory.display(),
                mount.default_document
            );
            add(Finding::new(Severity::Note, message)
                .at(place)
                .hint("\"directory-listing\": \"1\" lists it, \"default\" names another file"));
        }
        Ok(_) => {
            let message = format!("{} is not a regular file", file.display());
            add(Finding::new(Severity::Degraded, message).at(place));
        }
        Err(Refusal::Unknown(..)) => {}
        Err(_) => {
            let message = format!("user {} may not read {}", server.user, file.display());
            add(Finding::new(Severity::Degraded, message)
                .at(place)
                .hint(format!("chmod o+r {}", file.display())));
        }
    }
}

/// The file of `basic-auth`.
fn credentials(mount: &Mount, actors: Actors<'_>, exposed: bool, add: &mut dyn FnMut(Finding)) {
    let server = actors.server;
    let Some(Located { value, place }) = &mount.basic_auth else { return };
    let (path, place) = (Path::new(value), *place);
    if exposed {
        let message = "basic-auth without TLS: everybody on the way can read the passwords";
        add(Finding::new(Severity::Warning, message)
            .at(place)
            .hint("serve it on a TLS vhost, or on the loopback interface only"));
    }
    if let Origin::File(directory) = &mount.origin.value
        && path.starts_with(directory)
    {
        let message = format!("{value} lies in the directory that is served");
        add(Finding::new(Severity::Warning, message).at(place).hint("move it out of there"));
    }
    match access::check(path, &server.subject, Want::Read) {
        Ok(metadata) if !metadata.is_file() => {
            add(Finding::new(Severity::Degraded, format!("{value} is not a regular file"))
                .at(place));
        }
        Ok(metadata) if metadata.mode() & WORLD_READABLE != 0 => {
            let message = format!("everybody on this machine may read {value}");
            add(Finding::new(Severity::Warning, message)
                .at(place)
                .hint(format!("chmod o-rwx {value}; the user {} must read it", server.user)));
        }
        Ok(_) => {}
        Err(Refusal::Unknown(at, error)) => {
            let message = format!("{value} could not be checked: {}: {error}", at.display());
            add(Finding::new(Severity::Warning, message).at(place).hint("check as root"));
        }
        Err(Refusal::Missing(_)) => {
            add(closed(format!("{value} does not exist")).at(place).hint(format!(
                "make it with a line \"user:password\" for each user: touch {value}"
            )));
        }
        Err(refusal) => {
            let mut message = format!("user {} may not read {value}", server.user);
            if !matches!(&refusal, Refusal::Forbidden(_)) {
                message += &format!(" ({refusal})");
            }
            let finding = if access::check(path, actors.starter, Want::Read).is_ok() {
                let message = message + ": its changes are seen only after a restart";
                Finding::new(Severity::Degraded, message)
            } else {
                closed(message)
            };
            let hint = format!("make it readable for a group of the user {}", server.user);
            add(finding.at(place).hint(hint));
        }
    }
}

fn closed(message: String) -> Finding {
    Finding::new(Severity::Degraded, message + ": nobody gets in")
}

/// Whether connections may come from other machines in the clear.
fn is_exposed(vhost: &Vhost, interfaces: &Interfaces) -> bool {
    match &vhost.listen_on.value {
        _ if vhost.over_tls && vhost.non_tls != NonTls::Serve => false,
        ListenOn::Any => true,
        ListenOn::Address(address, _) => !address.to_canonical().is_loopback(),
        ListenOn::Nic(name) => {
            let own = interfaces.addresses.iter().filter(|entry| entry.nic == *name);
            name != "lo" && own.into_iter().all(|entry| !entry.address.is_loopback())
        }
        ListenOn::Unix(_) => false,
    }
}

/// The file of `access-log`, or the directory that it will be made in.
fn access_log(log: &Located<String>, actors: Actors<'_>, add: &mut dyn FnMut(Finding)) {
    let starter = actors.starter;
    let (shown, path, place) = (&log.value, Path::new(&log.value), log.place);
    let finding = |message| Finding::new(Severity::Degraded, message).at(place);
    match access::check(path, starter, Want::Reach) {
        Ok(metadata) if metadata.is_dir() => {
            add(finding(format!("{shown} is a directory")).hint("name a file in it"));
        }
        Ok(metadata) if !starter.may(&metadata, Want::Write) => {
            add(finding(format!("{shown} may not be written")));
        }
        Ok(_) => {}
        Err(Refusal::Missing(at)) if at == path => {
            let parent = match path.parent() {
                Some(parent) if parent != Path::new("") => parent,
                _ => Path::new("."),
            };
            if let Err(refusal) = access::check(parent, starter, Want::Create) {
                add(finding(format!("{shown} cannot be made: {refusal}")));
            }
        }
        Err(Refusal::Missing(at)) => {
            let parent = path.parent().unwrap_or(path).display();
            add(finding(format!("{shown} cannot be made: there is no {}", at.display()))
                .hint(format!("mkdir -p {parent}")));
        }
        Err(refusal) => add(finding(format!("{shown} cannot be written: {refusal}"))),
    }
}

/// Interfaces, addresses and ports; says how many listeners there will be.
fn listeners(settings: &Settings, interfaces: &Interfaces, add: &mut dyn FnMut(Finding)) -> usize {
    let mut tried = BTreeSet::new();
    for vhost in &settings.vhosts {
        let (on, port) = (&vhost.listen_on.value, vhost.port.value);
        let on_place = placed(vhost.listen_on.place, vhost.port.place);
        match places::resolve(on, port, vhost.families, interfaces) {
            Ok(binds) => {
                for bind in binds {
                    if !tried.insert((bind.address, bind.v6_only)) {
                        continue;
                    }
                    if let Some(finding) = ports::probe(bind).map(|it| of_lwsws(bind, it)) {
                        let about_port = finding.severity != Severity::Degraded;
                        let place = if about_port { vhost.port.place } else { on_place };
                        add(finding.at(place));
                    }
                }
            }
            Err(finding) => add(finding.at(on_place)),
        }
    }
    tried.len()
}

/// A port that lwsws holds is no mistake of the configuration: the two take turns.
fn of_lwsws(bind: Bind, finding: Finding) -> Finding {
    let holders = || port_owner::listening_on(bind.address).into_iter();
    let is_lwsws = |owner: port_owner::Owner| owner.name == "lwsws";
    let busy = finding.severity == Severity::Error
        && holders().any(|held| port_owner::owners(held.inode).into_iter().any(is_lwsws));
    if !busy {
        return finding;
    }
    Finding { severity: Severity::Degraded, ..finding }
        .hint("stop lwsws with all of its processes before this server starts")
}

/// A key that is not written has the empty place.
fn placed(place: Place, otherwise: Place) -> Place {
    if place == Place::default() { otherwise } else { place }
}

/// RLIMIT_NOFILE against what the configuration promises.
fn descriptors(global: &Global, held: usize, starter: &Subject, add: &mut dyn FnMut(Finding)) {
    let Ok(limit) = limits::descriptors() else { return };
    let mut hard = limit.hard;
    match global.rlimit_nofile {
        Some(wanted) if wanted > hard && starter.uid != 0 => {
            let message = format!("rlimit-nofile {wanted} is more than the {hard} allowed here");
            add(Finding::new(Severity::Degraded, message)
                .hint("raise it from outside: LimitNOFILE= of systemd, or ulimit -Hn"));
        }
        Some(wanted) => hard = wanted,
        None => {}
    }
    let Some(connections) = global.connections_max else { return };
    let needed = u64::from(connections) + descriptors_beside(global, held);
    if needed > hard {
        let message = format!(
            "max-connections {connections} needs {needed} file descriptors and {hard} are allowed"
        );
        add(Finding::new(Severity::Warning, message)
            .hint("raise \"rlimit-nofile\", or LimitNOFILE= of systemd"));
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
