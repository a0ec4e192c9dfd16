//! Owners of unix sockets: the names of `unix-socket-perms` become ids.

use super::finding::{Finding, Report, Severity};
use super::identity::{find_group, find_user, group_of};
use crate::config::settings::{Located, Settings, UnixPerms};
use crate::sys::access::Subject;

/// Owner and mode of a unix socket, as the kernel wants them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) struct SocketOwner {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// Looks up who owns a socket. `None` after an error, all of which are reported with the place
/// of the key.
pub(in crate::daemon) fn owner(
    perms: &Located<UnixPerms>,
    report: &mut Report<'_>,
) -> Option<SocketOwner> {
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
    Some(SocketOwner { uid, gid, mode: perms.mode_bits() })
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
        let Some(owner) = owner(perms, report) else { continue };
        let own = starter.uid == owner.uid
            && (starter.gid == owner.gid || starter.groups.contains(&owner.gid));
        if starter.uid != 0 && !own {
            let who = perms.value.text();
            let message = format!("only root can give the unix socket to {who}");
            report(Finding::new(Severity::Degraded, message).at(perms.place).hint(
                "start as root (the server gives its rights up), or name the user who starts it",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::{Place, Vhost};

    const PLACE: Place = Place { file: 0, start: 3, end: 8 };

    fn perms(user: &str, group: &str, mode: Option<u32>) -> Located<UnixPerms> {
        let group = Some(group.to_owned()).filter(|group| !group.is_empty());
        Located { value: UnixPerms { user: user.to_owned(), group, mode }, place: PLACE }
    }

    fn run(perms: &Located<UnixPerms>) -> (Option<SocketOwner>, Vec<Finding>) {
        let mut findings = Vec::new();
        (owner(perms, &mut |finding| findings.push(finding)), findings)
    }

    #[test]
    fn names_and_numbers_become_ids() {
        let root = |mode| Some(SocketOwner { uid: 0, gid: 0, mode });
        for (user, group, mode, want) in [
            ("root", "root", None, root(0o660)),
            ("0", "0", Some(0o666), root(0o666)),
            ("root", "", Some(0o600), root(0o600)),
            ("0", "", Some(0o640), root(0o640)),
            ("4711", "4712", None, Some(SocketOwner { uid: 4711, gid: 4712, mode: 0o660 })),
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
