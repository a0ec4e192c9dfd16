//! `cgi-chroot`: only root may change the root directory, and CGI programs are started after
//! root's rights were given up.

use super::identity::Identity;
use crate::config::settings::{Mount, Origin, Settings};
use crate::daemon::finding::{Finding, Report, Severity};

/// The key.
const KEY: &str = "cgi-chroot";

/// Reports every `cgi-chroot` of a CGI mount that cannot work for `server`. Without it the
/// program would run in the whole file system: that is no fault to serve on with.
pub(in crate::daemon) fn check(settings: &Settings, server: &Identity, report: &mut Report<'_>) {
    if server.subject.uid == 0 && !server.must_drop {
        return;
    }
    for mount in settings.vhosts.iter().flat_map(|vhost| &vhost.mounts).filter(|m| is_cgi(m)) {
        for kept in mount.later.iter().filter(|kept| kept.key == KEY) {
            let message = format!(
                "\"{KEY}\" needs root's rights, and the server runs as user {}",
                server.user
            );
            let hint = if server.must_drop {
                "remove it, or keep root's rights with \"username\": \"root\" in \"global\""
            } else {
                "remove it, or start as root with \"username\": \"root\" in \"global\""
            };
            report(Finding::new(Severity::Error, message).at(kept.place).hint(hint));
        }
    }
}

fn is_cgi(mount: &Mount) -> bool {
    matches!(mount.origin.value, Origin::NotBuilt { scheme: "cgi", .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::SourceFile;
    use crate::config::{self, Options};
    use crate::sys::access::Subject;

    fn found(origin: &str, uid: u32, must_drop: bool) -> Vec<Finding> {
        let text = format!(
            r#"{{ "vhosts": [{{ "port": 80, "mounts": [{{ "mountpoint": "/",
            "origin": "{origin}", "cgi-chroot": "/srv/jail" }}] }}] }}"#
        );
        let file = SourceFile { path: "conf".to_owned(), text: text.into_bytes() };
        let settings = config::load_texts(vec![file], &Options::default()).settings;
        let subject = Subject { uid, gid: uid, groups: vec![uid] };
        let server = Identity { subject, user: "www".to_owned(), must_drop };
        let mut findings = Vec::new();
        check(&settings, &server, &mut |finding| findings.push(finding));
        findings
    }

    #[test]
    fn a_server_without_rights_can_not_change_the_root_directory() {
        for (must_drop, way) in [(true, "keep root's rights"), (false, "start as root")] {
            let findings = found("cgi:///bin/x", 33, must_drop);
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].severity, Severity::Error);
            assert!(findings[0].place.is_some());
            assert!(findings[0].message.contains("user www"));
            assert!(findings[0].hint.as_ref().unwrap().contains(way));
        }
        assert!(found("cgi:///bin/x", 0, false).is_empty());
        assert!(found("file:///srv", 33, true).is_empty());
    }
}
