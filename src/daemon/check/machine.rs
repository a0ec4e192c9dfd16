//! What `-t` can find out about this machine: directories, credentials, logs, ports, limits.
//!
//! Nothing is changed; ports are tried for a moment. Access is judged by owner and mode bits as
//! [`crate::sys::access`] describes, for the user that will serve.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::credentials::{credentials, users};
use super::descriptors::{self, Held};
use super::identity::{Identity, group_name};
use super::{error_document, tls, unix_sockets};
use crate::config::settings::{ListenOn, Located, Mount, NonTls, Origin, Place, Settings, Vhost};
use crate::daemon::finding::{Finding, Report, Severity};
use crate::daemon::listening::places::{self, Bind, Interfaces};
use crate::daemon::listening::ports;
use crate::sys::access::{self, Refusal, Subject, Want};
use crate::sys::user::user_by_name;
use crate::sys::{port_owner, stream};
use crate::vhost::certificate_files::PemFiles;

/// Mode bit: everybody may write.
const WORLD_WRITABLE: u32 = 0o002;
/// Mode bit: the group may search the directory.
const GROUP_SEARCHES: u32 = 0o010;
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
        vhost.mounts.iter().for_each(|mount| credentials(mount, actors, exposed, &mut add));
    }
    on_disk(settings, actors, &mut add);
    let listeners = listeners(settings, interfaces, &mut add);
    let mounts = settings.vhosts.iter().flat_map(|vhost| &vhost.mounts);
    let directories = mounts.filter(|mount| matches!(mount.origin.value, Origin::File(_))).count();
    let logs: BTreeSet<_> = settings
        .vhosts
        .iter()
        .filter_map(|vhost| Some(&vhost.access_log.as_ref()?.value))
        .collect();
    let held = Held { of_each: listeners + directories, of_all: logs.len() };
    descriptors::check(&settings.global, held, actors.starter, &mut add);
    sort(&mut found);
    found.into_iter().for_each(report);
}

/// What the machine lacks, for a text with errors: only what is certain whatever else it may say.
/// With `interfaces` ports are tried too, which a server that runs would be in the way of.
pub(in crate::daemon) fn lacks(
    settings: &Settings,
    actors: Actors<'_>,
    interfaces: Option<&Interfaces>,
    report: &mut Report<'_>,
) {
    let mut found: Vec<Finding> = Vec::new();
    let mut add = |finding| found.push(finding);
    let mounts = settings.vhosts.iter().flat_map(|vhost| &vhost.mounts);
    mounts.for_each(|mount| credentials(mount, actors, false, &mut add));
    on_disk(settings, actors, &mut add);
    if let Some(interfaces) = interfaces {
        listeners(settings, interfaces, &mut add);
    }
    found.retain(|finding| finding.severity <= Severity::Degraded);
    sort(&mut found);
    found.into_iter().for_each(report);
}

/// Directories, users, logs, certificates, sockets.
fn on_disk(settings: &Settings, actors: Actors<'_>, add: &mut dyn FnMut(Finding)) {
    for vhost in &settings.vhosts {
        for mount in &vhost.mounts {
            documents(mount, actors, add);
            users(mount, add);
        }
        error_document::check(vhost, actors, add);
        let log = vhost.access_log.as_ref();
        if let Some(log) = log.filter(|log| stream::named(&log.value).is_none()) {
            access_log(log, actors, add);
        }
    }
    tls::run(settings, &PemFiles::default(), add);
    unix_sockets::places(settings, actors.starter, &mut |finding| add(finding));
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
        let message = format!("any user of this machine can write to {}", directory.display());
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
pub(super) fn let_in(directory: &Path, bits: &str, user: &str) -> String {
    let home = directory.starts_with("/root") || directory.starts_with("/home");
    let found = std::fs::metadata(directory).ok();
    let group = found.filter(|found| found.gid() != 0 && found.mode() & GROUP_SEARCHES != 0);
    // A user that is only a number cannot join a group.
    let group = group.filter(|_| user_by_name(user).is_ok_and(|user| user.is_some()));
    if let Some(found) = group {
        let group = group_name(found.gid());
        format!("usermod -aG {group} {user} lets {user} into the group {group}, which may")
    } else if home {
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
                "{} has no {}: requests for the directory itself are answered with 404",
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
    for vhost in settings.vhosts.iter().filter(|vhost| !vhost.has_no_port()) {
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

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
