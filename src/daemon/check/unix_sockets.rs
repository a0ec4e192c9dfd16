//! Owners of unix sockets: the names of `unix-socket-perms` become ids.

use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use super::identity::{find_group, find_user, group_of};
use crate::config::settings::{ListenOn, Located, Settings, UnixPerms};
use crate::daemon::finding::{Finding, Report, Severity};
use crate::sys::access::{self, Refusal, Subject, Want};
use crate::sys::unix_listener::UnixAccess;
use crate::vhost::Listener;

/// Owner and mode of the socket of `listener`; none for TCP and for abstract names, which have
/// neither. Unknown names are reported: [`check`] has made errors of them before.
pub(in crate::daemon) fn of_listener(
    listener: &Listener,
    report: &mut Report<'_>,
) -> Option<UnixAccess> {
    match (&listener.on, &listener.access) {
        (ListenOn::Unix(path), _) if path.starts_with('@') => None,
        (ListenOn::Unix(_), Some(perms)) => owner(perms, report),
        (ListenOn::Unix(_), None) => Some(UnixAccess { owner: None, mode: UnixPerms::MODE_OWNER }),
        _ => None,
    }
}

/// Looks up who owns a socket. `None` after an error, all of which are reported with the place
/// of the key.
pub(in crate::daemon) fn owner(
    perms: &Located<UnixPerms>,
    report: &mut Report<'_>,
) -> Option<UnixAccess> {
    let Located { value: perms, place } = perms;
    let named = |name: &str| Located { value: name.to_owned(), place: *place };
    let user = match number(&perms.user) {
        Some(uid) => Some((uid, group_of(uid))),
        None => find_user(&named(&perms.user), report).map(|user| (user.uid, user.gid)),
    };
    let group = perms.group.as_deref().map(|group| match number(group) {
        Some(gid) => Some(gid),
        None => find_group(&named(group), report).map(|group| group.gid),
    });
    let (uid, own_gid) = user?;
    let gid = match group {
        Some(found) => found?,
        None => own_gid,
    };
    Some(UnixAccess { owner: Some((uid, gid)), mode: perms.mode_bits() })
}

/// A name of digits alone is an id, as everywhere in this configuration.
fn number(name: &str) -> Option<u32> {
    name.bytes().all(|b| b.is_ascii_digit()).then(|| name.parse().ok())?
}

/// Reports unknown owners, and those that `starter` may not give a socket to.
pub(in crate::daemon) fn check(settings: &Settings, starter: &Subject, report: &mut Report<'_>) {
    let mut seen: Vec<&UnixPerms> = Vec::new();
    for perms in settings.vhosts.iter().filter_map(|vhost| vhost.unix_access.as_ref()) {
        if seen.contains(&&perms.value) {
            continue;
        }
        seen.push(&perms.value);
        let Some((uid, gid)) = owner(perms, report).and_then(|access| access.owner) else {
            continue;
        };
        let own = starter.uid == uid && (starter.gid == gid || starter.groups.contains(&gid));
        if starter.uid != 0 && !own {
            let who = perms.value.text();
            let message = format!("only root can give the unix socket to {who}");
            report(Finding::new(Severity::Degraded, message).at(perms.place).hint(
                "start as root (the server gives its rights up), or name the user who starts it",
            ));
        }
    }
}

/// Reports sockets that cannot be made where they are wanted.
pub(super) fn places(settings: &Settings, starter: &Subject, report: &mut Report<'_>) {
    for vhost in &settings.vhosts {
        let Located { value: ListenOn::Unix(path), place } = &vhost.listen_on else { continue };
        if path.starts_with('@') {
            continue;
        }
        if let Some(finding) = obstacle(Path::new(path), starter) {
            report(finding.at(*place));
        }
    }
}

/// What keeps `starter` from making a socket at `path`; one that is there already is replaced
/// when nobody listens on it, and perhaps belongs to the running server.
fn obstacle(path: &Path, starter: &Subject) -> Option<Finding> {
    let shown = path.display();
    let finding = |message| Some(Finding::new(Severity::Degraded, message));
    if path.symlink_metadata().is_ok_and(|found| !found.file_type().is_socket()) {
        let message = format!("{shown} exists and is not a socket");
        return finding(message).map(|it| it.hint("move it away, or name another \"interface\""));
    }
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let parent = parent.unwrap_or_else(|| Path::new("."));
    match access::check(parent, starter, Want::Create) {
        Ok(_) => None,
        Err(Refusal::Missing(at)) => {
            let message = format!("{shown} cannot be made: there is no {}", at.display());
            let hint = format!("mkdir -p {}", parent.display());
            finding(message).map(|it| it.hint(hint))
        }
        Err(refusal) => finding(format!("{shown} cannot be made: {refusal}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::{Place, Vhost};
    use crate::vhost::World;

    const PLACE: Place = Place { file: 0, start: 3, end: 8 };

    fn perms(user: &str, group: &str, mode: Option<u32>) -> Located<UnixPerms> {
        let group = Some(group.to_owned()).filter(|group| !group.is_empty());
        Located { value: UnixPerms { user: user.to_owned(), group, mode }, place: PLACE }
    }

    fn run(perms: &Located<UnixPerms>) -> (Option<UnixAccess>, Vec<Finding>) {
        let mut findings = Vec::new();
        (owner(perms, &mut |finding| findings.push(finding)), findings)
    }

    #[test]
    fn names_and_numbers_become_ids() {
        let root = |mode| Some(UnixAccess { owner: Some((0, 0)), mode });
        for (user, group, mode, want) in [
            ("root", "root", None, root(0o660)),
            ("0", "0", Some(0o666), root(0o666)),
            ("root", "", Some(0o600), root(0o600)),
            ("0", "", Some(0o640), root(0o640)),
            ("4711", "4712", None, Some(UnixAccess { owner: Some((4711, 4712)), mode: 0o660 })),
        ] {
            assert_eq!(run(&perms(user, group, mode)), (want, Vec::new()), "{user} {group}");
        }
    }

    #[test]
    fn who_does_not_exist_is_an_error_with_a_place() {
        let (owner, findings) = run(&perms("nobdy", "qqqqqq", None));
        assert_eq!((owner, findings.len()), (None, 2));
        assert!(findings.iter().all(|finding| finding.severity == Severity::Error));
        assert!(findings.iter().all(|finding| finding.place == Some(PLACE)));
        assert_eq!(findings[0].message, "unknown user \"nobdy\"");
        assert_eq!(findings[1].message, "unknown group \"qqqqqq\"");
        // More than an id can be.
        let (owner, findings) = run(&perms("99999999999", "0", None));
        assert_eq!((owner, findings.len()), (None, 1));
        assert_eq!(run(&perms("root", "qqqqqq", None)).0, None);
    }

    #[test]
    fn only_sockets_that_are_files_have_an_owner() {
        let access = |on: ListenOn, unix_access| {
            let listen_on = Located { value: on, place: PLACE };
            let vhost = Vhost { listen_on, unix_access, ..Vhost::default() };
            let settings = Settings { vhosts: vec![vhost], ..Settings::default() };
            let (world, _) = World::build(&settings);
            of_listener(&world.listeners[0], &mut |finding| panic!("{finding:?}"))
        };
        let unix = |path: &str| ListenOn::Unix(path.to_owned());
        let given = UnixAccess { owner: Some((1, 2)), mode: 0o660 };
        assert_eq!(access(unix("/run/k"), Some(perms("1", "2", None))), Some(given));
        let own = UnixAccess { owner: None, mode: 0o600 };
        assert_eq!(access(unix("/run/k"), None), Some(own));
        assert_eq!(access(unix("@k"), None), None);
        assert_eq!(access(ListenOn::Any, None), None);
    }

    #[test]
    fn a_socket_needs_a_directory_and_nothing_else_in_its_place() {
        let dir = std::env::temp_dir().join(format!("kinglet-places-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("file"), "").unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(dir.join("old")).unwrap();
        let me = super::super::identity::starter();
        let found = |path: &str| {
            let value = ListenOn::Unix(path.to_owned());
            let listen_on = Located { value, place: PLACE };
            let vhost = Vhost { listen_on, ..Vhost::default() };
            let settings = Settings { vhosts: vec![vhost], ..Settings::default() };
            let mut findings = Vec::new();
            places(&settings, &me, &mut |finding| findings.push(finding));
            findings
        };
        let at = |name: &str| found(dir.join(name).to_str().unwrap());
        assert!(at("new").is_empty() && at("old").is_empty() && found("@name").is_empty());
        for (name, says) in [("file", "is not a socket"), ("none/x", "there is no")] {
            let findings = at(name);
            assert_eq!(findings.len(), 1, "{name}");
            assert_eq!(
                (findings[0].severity, findings[0].place),
                (Severity::Degraded, Some(PLACE))
            );
            assert!(findings[0].message.contains(says), "{}", findings[0].message);
            assert!(findings[0].hint.is_some());
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn others_than_root_keep_their_sockets() {
        let vhost = |perms| Vhost { unix_access: Some(perms), ..Vhost::default() };
        let found = |starter: &Subject, perms: Vec<Located<UnixPerms>>| {
            let settings =
                Settings { vhosts: perms.into_iter().map(vhost).collect(), ..Settings::default() };
            let mut findings = Vec::new();
            check(&settings, starter, &mut |finding| findings.push(finding));
            findings
        };
        let root = Subject { uid: 0, gid: 0, groups: vec![0] };
        let me = Subject { uid: 4711, gid: 4711, groups: vec![4711, 33] };
        let other = || perms("4712", "33", None);
        assert!(found(&root, vec![other()]).is_empty());
        assert!(
            found(&me, vec![perms("4711", "33", None), perms("4711", "4711", None)]).is_empty()
        );
        assert!(found(&me, vec![]).is_empty());
        // The same words are told once.
        let findings = found(&me, vec![other(), other(), perms("4711", "34", None)]);
        assert_eq!(findings.len(), 2);
        assert!(findings.iter().all(|finding| finding.severity == Severity::Degraded));
        assert_eq!(findings[0].message, "only root can give the unix socket to 4712:33");
        // A wrong name is as wrong for root.
        assert_eq!(found(&root, vec![perms("nobdy", "0", None)])[0].severity, Severity::Error);
    }
}
