//! Which user will serve, and whether privileges must be given up for it.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::config::nearest::nearest;
use crate::config::settings::{Global, Located};
use crate::daemon::finding::{Finding, Report, Severity};
use crate::sys::access::{self, Subject, Want};
use crate::sys::user::{self, Group, User};

/// User that serves when root names none.
const NOBODY: &str = "nobody";
/// Its group.
const NOGROUP: &str = "nogroup";
/// Ids of both where the system has no such names.
const NOBODY_ID: u32 = 65534;

/// Who will serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The ids that every access will have.
    pub subject: Subject,
    /// The user's name, or its id where it has none.
    pub user: String,
    /// The process has to become this user ([`crate::sys::privileges::drop_to`]).
    pub must_drop: bool,
}

/// The ids of the calling process.
#[must_use]
pub(in crate::daemon) fn starter() -> Subject {
    Subject {
        uid: user::effective_uid(),
        gid: user::effective_gid(),
        groups: user::groups().unwrap_or_default(),
    }
}

/// Who will serve by `username`, `groupname`, `uid` and `gid`, if `starter` starts the server;
/// names count more than numbers. The user keeps its supplementary groups, whatever its group is.
/// `None` after an error, all of which are reported.
pub(in crate::daemon) fn decide(
    global: &Global,
    starter: &Subject,
    report: &mut Report<'_>,
) -> Option<Identity> {
    let named_user = global.username.as_ref().map(|name| find_user(name, report));
    let named_group = global.groupname.as_ref().map(|name| find_group(name, report));
    if matches!(named_user, Some(None)) || matches!(named_group, Some(None)) {
        return None;
    }
    let (named_user, named_group) = (named_user.flatten(), named_group.flatten());
    if let (Some(user), Some(uid), Some(name)) = (&named_user, global.uid, &global.username)
        && user.uid != uid
    {
        let message = format!("username \"{}\" is user {}, not uid {uid}", user.name, user.uid);
        report(Finding::new(Severity::Warning, message).at(name.place).hint("remove \"uid\""));
    }
    let wanted = match (named_user, global.uid) {
        (Some(user), _) => Some(user),
        (None, Some(uid)) => Some(user_or_id(uid)),
        (None, None) => None,
    };
    let gid = named_group.map(|group| group.gid).or(global.gid);
    if starter.uid != 0 {
        return Some(keep(starter, wanted.as_ref(), global, report));
    }
    match wanted {
        Some(user) if user.uid == 0 => Some(stay_root(starter, global, report)),
        Some(user) => Some(become_user(user, gid, global, report)),
        None => Some(become_nobody(gid, global, report)),
    }
}

/// Who will serve in quick mode. Root gives up its rights here too, if anyone else can read the
/// directory: its owner first, then nobody.
pub(in crate::daemon) fn decide_quick(
    directory: &Path,
    starter: &Subject,
    report: &mut Report<'_>,
) -> Identity {
    if starter.uid != 0 {
        return kept(starter);
    }
    let owner = std::fs::metadata(directory).ok().map(|found| user_or_id(found.uid()));
    let nobody = nobody();
    let mut likely = owner.filter(|owner| owner.uid != 0).into_iter().chain([nobody]);
    let reads = |user: &User| {
        let subject = Subject { uid: user.uid, gid: user.gid, groups: vec![user.gid] };
        access::check(directory, &subject, Want::List).is_ok()
    };
    match likely.find(|user| user.gid != 0 && reads(user)) {
        Some(user) => {
            let subject = Subject { uid: user.uid, gid: user.gid, groups: vec![user.gid] };
            let identity = identity(subject, true);
            let message = format!("started as root: serving as user {}", identity.user);
            report(Finding::new(Severity::Note, message));
            identity
        }
        None => {
            let message = format!(
                "only root can read {}: the server keeps root's rights",
                directory.display()
            );
            report(
                Finding::new(Severity::Warning, message)
                    .hint("start it as another user, or let others read the directory"),
            );
            kept(starter)
        }
    }
}

/// The starter itself.
pub(super) fn kept(starter: &Subject) -> Identity {
    identity(starter.clone(), false)
}

fn identity(subject: Subject, must_drop: bool) -> Identity {
    let user = user_or_id(subject.uid).name;
    Identity { subject, user, must_drop }
}

fn keep(
    starter: &Subject,
    wanted: Option<&User>,
    global: &Global,
    report: &mut Report<'_>,
) -> Identity {
    let identity = kept(starter);
    if let Some(user) = wanted
        && user.uid != starter.uid
    {
        let message =
            format!("not started as root: serving as user {}, not as {}", identity.user, user.name);
        report(placed(Finding::new(Severity::Note, message), global.username.as_ref()));
    }
    identity
}

fn stay_root(starter: &Subject, global: &Global, report: &mut Report<'_>) -> Identity {
    let message = "the server keeps root's rights while it serves";
    let finding = Finding::new(Severity::Warning, message)
        .hint("name a user without rights, or leave \"username\" out to serve as nobody");
    report(placed(finding, global.username.as_ref()));
    kept(starter)
}

fn become_user(user: User, gid: Option<u32>, global: &Global, report: &mut Report<'_>) -> Identity {
    let gid = gid.unwrap_or(user.gid);
    let name = global.username.as_ref();
    let groups = user::groups_of(&user.name, gid).unwrap_or_else(|error| {
        let message = format!("user {} serves without its further groups: {error}", user.name);
        report(placed(Finding::new(Severity::Degraded, message), name));
        vec![gid]
    });
    if groups.contains(&0) {
        let message = format!("user {} will serve with root's group", user.name);
        let hint = match gid {
            0 => "set \"groupname\"",
            _ => "take the user out of that group, or name another user",
        };
        let finding = Finding::new(Severity::Warning, message).hint(hint);
        report(placed(finding, global.groupname.as_ref().or(name)));
    }
    let subject = Subject { uid: user.uid, gid, groups };
    Identity { subject, user: user.name, must_drop: true }
}

fn become_nobody(gid: Option<u32>, global: &Global, report: &mut Report<'_>) -> Identity {
    let user = nobody();
    let group = group_name(gid.unwrap_or(user.gid));
    let message = format!("started as root without \"username\": serving as {}:{group}", user.name);
    report(
        Finding::new(Severity::Note, message)
            .hint("name a user in \"global\"; \"username\": \"root\" keeps root's rights"),
    );
    become_user(user, gid, global, report)
}

/// The user without rights: never root, whatever the databases say.
fn nobody() -> User {
    let plain = |id: u32| (id != 0).then_some(id);
    let user = user::user_by_name(NOBODY).ok().flatten();
    let group = user::group_by_name(NOGROUP).ok().flatten();
    User {
        name: NOBODY.to_owned(),
        uid: user.as_ref().and_then(|user| plain(user.uid)).unwrap_or(NOBODY_ID),
        gid: group
            .and_then(|group| plain(group.gid))
            .or_else(|| user.and_then(|user| plain(user.gid)))
            .unwrap_or(NOBODY_ID),
    }
}

/// A user by id; one that has no entry is called by its number and has nobody's group.
fn user_or_id(uid: u32) -> User {
    let found = user::user_by_id(uid).ok().flatten();
    found.unwrap_or_else(|| User { name: uid.to_string(), uid, gid: nobody().gid })
}

/// The name of a group, or its number.
pub(super) fn group_name(gid: u32) -> String {
    let found = user::group_by_id(gid).ok().flatten();
    found.map_or_else(|| gid.to_string(), |group| group.name)
}

/// The group of a user by id; nobody's where it has no entry.
pub(super) fn group_of(uid: u32) -> u32 {
    user_or_id(uid).gid
}

/// The user of this name; after an unknown one, which is reported, none.
pub(super) fn find_user(name: &Located<String>, report: &mut Report<'_>) -> Option<User> {
    let found = user::user_by_name(&name.value);
    known(found, "user", name, user::user_names, report)
}

/// The group of this name; after an unknown one, which is reported, none.
pub(super) fn find_group(name: &Located<String>, report: &mut Report<'_>) -> Option<Group> {
    let found = user::group_by_name(&name.value);
    known(found, "group", name, user::group_names, report)
}

fn known<T>(
    found: io::Result<Option<T>>,
    what: &str,
    name: &Located<String>,
    names: impl Fn() -> Vec<String>,
    report: &mut Report<'_>,
) -> Option<T> {
    match found {
        Ok(Some(found)) => return Some(found),
        Ok(None) => {
            let message = format!("unknown {what} \"{}\"", name.value);
            let finding = Finding::new(Severity::Error, message).at(name.place);
            let names = names();
            report(match nearest(&name.value, names.iter().map(String::as_str)) {
                Some(near) => finding.hint(format!("did you mean \"{near}\"?")),
                None => finding.hint(format!("create the {what}, or name one that exists")),
            });
        }
        Err(error) => {
            let message = format!("the {what} \"{}\" cannot be looked up: {error}", name.value);
            report(Finding::new(Severity::Error, message).at(name.place));
        }
    }
    None
}

fn placed(finding: Finding, name: Option<&Located<String>>) -> Finding {
    match name {
        Some(name) => finding.at(name.place),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Place;
    use std::os::unix::fs::PermissionsExt as _;

    const PLACE: Place = Place { file: 0, start: 5, end: 9 };

    fn named(name: &str) -> Option<Located<String>> {
        Some(Located { value: name.to_owned(), place: PLACE })
    }

    fn root() -> Subject {
        Subject { uid: 0, gid: 0, groups: vec![0] }
    }

    fn run(global: &Global, starter: &Subject) -> (Option<Identity>, Vec<Finding>) {
        let mut findings = Vec::new();
        let identity = decide(global, starter, &mut |finding| findings.push(finding));
        (identity, findings)
    }

    #[test]
    fn root_without_a_name_becomes_nobody_and_says_so() {
        let (identity, findings) = run(&Global::default(), &root());
        let identity = identity.unwrap();
        assert!(identity.must_drop && identity.subject.uid != 0 && identity.subject.gid != 0);
        assert_eq!(identity.subject.groups, [identity.subject.gid]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, Severity::Note);
        assert!(findings[0].message.contains("nobody:"));
    }

    #[test]
    fn root_stays_root_only_when_told_to() {
        for global in [
            Global { username: named("root"), ..Global::default() },
            Global { uid: Some(0), ..Global::default() },
        ] {
            let (identity, findings) = run(&global, &root());
            let identity = identity.unwrap();
            assert_eq!((identity.must_drop, identity.subject.uid), (false, 0));
            assert_eq!(findings[0].severity, Severity::Warning);
        }
    }

    #[test]
    fn a_named_user_brings_its_group() {
        let nobody = user::user_by_name("nobody").unwrap().unwrap();
        let global = Global { username: named("nobody"), ..Global::default() };
        let (identity, findings) = run(&global, &root());
        let identity = identity.unwrap();
        assert_eq!((identity.subject.uid, identity.subject.gid), (nobody.uid, nobody.gid));
        assert!(identity.must_drop && findings.is_empty());

        let global = Global { gid: Some(4242), ..global };
        assert_eq!(run(&global, &root()).0.unwrap().subject.groups, [4242]);
        let global = Global { groupname: named("root"), uid: Some(4243), ..global };
        let (identity, findings) = run(&global, &root());
        // Names win over numbers; root's group and the other number are told.
        let identity = identity.unwrap();
        assert_eq!((identity.subject.uid, identity.subject.gid), (nobody.uid, 0));
        assert!(findings.iter().all(|finding| finding.severity == Severity::Warning));
        assert_eq!(findings.len(), 2);
    }

    #[test]
    fn a_number_needs_no_entry() {
        let global = Global { uid: Some(0x00ff_1234), ..Global::default() };
        let identity = run(&global, &root()).0.unwrap();
        assert_eq!((identity.subject.uid, identity.user.as_str()), (0x00ff_1234, "16716340"));
        assert_ne!(identity.subject.gid, 0);
    }

    #[test]
    fn unknown_names_are_errors_with_a_place() {
        let global =
            Global { username: named("nobdy"), groupname: named("qqqqqq"), ..Global::default() };
        for starter in [root(), Subject { uid: 1, gid: 1, groups: Vec::new() }] {
            let (identity, findings) = run(&global, &starter);
            assert_eq!(identity, None);
            assert_eq!(findings.len(), 2);
            assert!(findings.iter().all(|finding| finding.severity == Severity::Error));
            assert!(findings.iter().all(|finding| finding.place == Some(PLACE)));
            assert_eq!(findings[0].hint.as_deref(), Some("did you mean \"nobody\"?"));
            assert!(findings[1].hint.as_ref().unwrap().starts_with("create the group"));
        }
    }

    #[test]
    fn others_stay_who_they_are() {
        let me = Subject { uid: 4711, gid: 4711, groups: vec![4711, 4] };
        let (identity, findings) = run(&Global::default(), &me);
        assert_eq!(identity.unwrap().subject, me);
        assert!(findings.is_empty());
        let global = Global { username: named("nobody"), ..Global::default() };
        let (identity, findings) = run(&global, &me);
        assert!(!identity.unwrap().must_drop);
        assert_eq!((findings[0].severity, findings[0].place), (Severity::Note, Some(PLACE)));
    }

    #[test]
    fn quick_mode_keeps_root_only_for_roots_own_directories() {
        let name = format!("kinglet-drop-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let set = |bits| {
            let permissions = std::fs::Permissions::from_mode(bits);
            std::fs::set_permissions(&dir, permissions).unwrap();
        };
        let run = |starter: &Subject| {
            let mut findings = Vec::new();
            let identity = decide_quick(&dir, starter, &mut |finding| findings.push(finding));
            (identity, findings)
        };
        set(0o755);
        let (open, findings) = run(&root());
        assert!(open.must_drop && open.subject.uid != 0);
        assert_eq!(findings[0].severity, Severity::Note);
        set(0o700);
        let (closed, findings) = run(&root());
        if user::effective_uid() == 0 {
            assert!(!closed.must_drop && findings[0].severity == Severity::Warning);
        } else {
            assert_eq!(closed.subject.uid, user::effective_uid());
        }
        let me = Subject { uid: 4711, gid: 4711, groups: Vec::new() };
        assert_eq!(run(&me).0.subject, me);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
