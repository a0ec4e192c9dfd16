//! Rules about several keys at once: whole mounts, whole vhosts, the whole configuration.

use std::net::IpAddr;

use super::check;
use super::diagnose::{Diagnostic, Severity};
use super::draft::{MountDraft, VhostDraft, located};
use super::keys::{Feature, Key, Level, find};
use super::read::{NotBuilt, Reader, Seen};
use super::settings::{Families, Later, ListenOn, Located, Origin, Place, Typed, Vhost};

/// The value of a key that is kept for later.
fn kept<'l>(later: &'l [Later], key: &str) -> Option<&'l Later> {
    later.iter().find(|l| l.key == key)
}

/// Where a flag that is kept for later is on.
pub(super) fn kept_on(later: &[Later], key: &str) -> Option<Place> {
    kept(later, key).filter(|l| l.value == Typed::Flag(true)).map(|l| l.place)
}

/// Whether a protocol takes raw connections by its option `raw`.
fn names_raw_protocol(later: &[Later]) -> bool {
    let Some(Typed::Protocols(all)) = kept(later, "ws-protocols").map(|l| &l.value) else {
        return false;
    };
    all.iter().flat_map(|protocol| &protocol.options).any(|(name, _)| name == "raw")
}

/// The bracket that opens an object, to point at the object as a whole.
fn first_byte(place: Place) -> Place {
    Place { end: place.end.min(place.start.saturating_add(1)), ..place }
}

impl Reader<'_> {
    /// Checks a mount and adds it to its vhost. `seen` has the keys that the mount gives, be
    /// their values right or wrong; a damaged one may have given more.
    pub(super) fn finish_mount(
        &mut self,
        vhost: &mut VhostDraft,
        draft: MountDraft,
        place: Place,
        damaged: bool,
        seen: &Seen,
    ) {
        let at = |name: &str| seen.iter().rev().find(|(key, _)| *key == name).map(|&(_, at)| at);
        let MountDraft { mut mount, mountpoint, origin } = draft;
        if at("mountpoint").is_none() && !damaged {
            self.missing(place, "mount", "mountpoint");
        }
        if at("origin").is_none() && !damaged {
            self.missing(place, "mount", "origin");
        }
        let mountpoint = mountpoint.and_then(|m| self.mountpoint(m));
        let origin = origin.and_then(|o| self.origin(o));
        if mount.default_document.split('/').any(|s| s == "..") {
            let message = format!("\"default\" leaves the mount: {:?}", mount.default_document);
            let hint = "requests for a directory are answered with 404";
            self.report.push(Diagnostic::warning(at("default"), message).hint(hint));
        }
        if mount.cache.max_age_secs > 0 && !mount.cache.reuse {
            let message = "\"cache-max-age\" has no effect without \"cache-reuse\"";
            let note = Diagnostic::note(at("cache-max-age"), message);
            self.report.push(note.hint("add \"cache-reuse\": \"1\""));
        }
        // What is wrong has been reported; the rest of the mount is still checked.
        let mountpoint = mountpoint.unwrap_or_else(|| located(String::new(), place));
        let nowhere = || Origin::NotBuilt { scheme: "", rest: String::new() };
        let origin = origin.unwrap_or_else(|| located(nowhere(), place));
        if let Some(first) = vhost
            .vhost
            .mounts
            .iter()
            .find(|m| !mountpoint.value.is_empty() && m.mountpoint.value == mountpoint.value)
        {
            let message = format!("mountpoint {:?} is given twice", mountpoint.value);
            let is_key = |key: &Key| key.protects && at(key.name).is_some();
            let protects = Level::Mount.keys().iter().any(is_key);
            let severity = if protects { Severity::Error } else { Severity::Warning };
            let hint = match protects {
                true => "this mount is ignored, and what it protects would be open",
                false => "this mount is ignored",
            };
            let found = Diagnostic::new(severity, mountpoint.place, message)
                .hint(hint)
                .related(first.mountpoint.place, "the first one counts");
            self.report.push(found);
            return;
        }
        if let (Some(auth), Origin::Redirect(_)) = (&mount.basic_auth, &origin.value) {
            let message = "\"basic-auth\" has no effect on a redirect";
            let warning = Diagnostic::warning(auth.place, message);
            self.report.push(warning.hint("the redirect is sent without asking for a password"));
        }
        if mount.realm.is_some() && mount.basic_auth.is_none() {
            let message = "\"basic-auth-realm\" has no effect without \"basic-auth\"";
            self.report.push(Diagnostic::note(at("basic-auth-realm"), message));
        }
        mount.mountpoint = mountpoint;
        mount.origin = origin;
        vhost.vhost.mounts.push(mount);
    }

    fn mountpoint(&mut self, text: Located<String>) -> Option<Located<String>> {
        match check::mountpoint(&text.value) {
            Ok((normal, bare)) => {
                if bare {
                    let message = format!("mountpoint {:?} does not begin with '/'", text.value);
                    let warning = Diagnostic::warning(text.place, message);
                    self.report.push(warning.hint(format!("it is read as {normal:?}")));
                }
                if normal.contains('*') {
                    let message = "mountpoint with a '*'";
                    let hint = "it means the character itself; a mount has everything below its \
                                mountpoint anyway";
                    self.report.push(Diagnostic::warning(text.place, message).hint(hint));
                }
                if normal.contains('%') {
                    let message = "mountpoint with a '%'";
                    let hint = "requests are matched after decoding: write the character itself";
                    self.report.push(Diagnostic::warning(text.place, message).hint(hint));
                }
                Some(located(normal, text.place))
            }
            Err(fault) => self.refuse(Level::Mount, "mountpoint", text.place, fault),
        }
    }

    fn origin(&mut self, text: Located<String>) -> Option<Located<Origin>> {
        let origin = match check::origin(&text.value) {
            Ok(origin) => origin,
            Err(fault) => return self.refuse(Level::Mount, "origin", text.place, fault),
        };
        match &origin {
            Origin::File(path) if !path.starts_with('/') => {
                let message = format!("{path:?} starts from the working directory");
                let hint = format!("for the directory /{path} write \"file:///{path}\"");
                self.report.push(Diagnostic::note(text.place, message).hint(hint));
            }
            Origin::Redirect(url) if !check::is_reachable(url) => {
                let message = format!("clients cannot follow a redirect to {url:?}");
                let hint = "name the host; path and query are kept: \">https://example.com\"";
                self.report.push(Diagnostic::warning(text.place, message).hint(hint));
            }
            Origin::NotBuilt { scheme, .. } => {
                let feature = match *scheme {
                    "cgi" => Feature::Cgi,
                    "callback" => Feature::Plugins,
                    "gzip" | "file" => Feature::Zip,
                    _ => Feature::Proxy,
                };
                self.unbuilt.push(NotBuilt { feature, key: "origin", place: text.place });
            }
            _ => {}
        }
        Some(located(origin, text.place))
    }

    /// Checks a vhost and adds it. `silent`: a missing port is no news.
    pub(super) fn finish_vhost(&mut self, draft: VhostDraft, place: Place, silent: bool) {
        let VhostDraft { mut vhost, port, interface, unix_socket, noipv6, ipv6only, tls } = draft;
        if vhost.name.place == Place::default() {
            vhost.name.place = first_byte(place);
        }
        let unix = unix_socket.filter(|u| u.value);
        let listen_on = self.listen_on(interface, unix.as_ref());
        let is_unix = unix.is_some();
        let port = match port {
            Some(port) if port.value > 0 || is_unix => Some(port),
            Some(port) => {
                let message = "\"port\" must be a whole number from 1 to 65535, not 0";
                self.report.push(Diagnostic::error(port.place, message));
                None
            }
            None if silent || is_unix => None,
            None => {
                self.missing(place, "vhost", "port");
                None
            }
        };
        // What is wrong has been reported; the rest of the vhost is still checked.
        vhost.port = port.filter(|_| listen_on.is_some()).unwrap_or_else(|| located(0, place));
        vhost.families = Families::Both;
        if let Some(listen_on) = listen_on {
            vhost.listen_on = listen_on;
            vhost.families = self.families(&vhost, noipv6, ipv6only);
            self.socket_owner(&mut vhost);
        }
        let undecided = self.tls(&mut vhost, tls);
        self.raw(&mut vhost);
        if self.add(vhost) {
            self.undecided.push(undecided);
        }
    }

    fn listen_on(
        &mut self,
        interface: Option<Located<String>>,
        unix: Option<&Located<bool>>,
    ) -> Option<Located<ListenOn>> {
        let (text, place) = match (interface, unix) {
            (Some(i), _) => (i.value, i.place),
            (None, None) => return Some(Located::default()),
            (None, Some(unix)) => {
                let message = "\"unix-socket\" needs \"interface\" with the socket's path";
                let hint = "for example \"interface\": \"/run/kinglet.sock\"";
                self.report.push(Diagnostic::error(unix.place, message).hint(hint));
                return None;
            }
        };
        let checked =
            if unix.is_some() { check::socket_path(&text) } else { check::interface(&text) };
        match checked {
            Ok(listen_on) => Some(located(listen_on, place)),
            // lwsws starts and waits for an interface of that name.
            Err(fault) if unix.is_none() => {
                let message = format!("\"interface\" {}", fault.message);
                let more = fault.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                let hint = format!("this vhost is not served{more}");
                self.report.push(Diagnostic::degraded(place, message).hint(hint));
                None
            }
            Err(fault) => self.refuse(Level::Vhost, "interface", place, fault),
        }
    }

    fn families(
        &mut self,
        vhost: &Vhost,
        noipv6: Option<Located<bool>>,
        ipv6only: Option<Located<bool>>,
    ) -> Families {
        let v4_asked = noipv6.filter(|n| n.value);
        let v6_asked = ipv6only.as_ref().filter(|o| o.value);
        let is_v4 = match vhost.listen_on.value {
            ListenOn::Address(IpAddr::V4(_), _) => Some(true),
            ListenOn::Address(IpAddr::V6(_), _) => Some(false),
            _ => None,
        };
        let at = vhost.listen_on.place;
        match (&v4_asked, v6_asked) {
            (Some(v4), Some(v6)) => {
                let message = "\"ipv6only\" has no effect beside \"noipv6\"";
                let warning = Diagnostic::warning(v6.place, message).hint("remove one of them");
                self.report.push(warning.related(v4.place, "IPv6 is turned off here"));
                return Families::V4Only;
            }
            (Some(v4), None) if is_v4 == Some(false) => {
                let error = Diagnostic::error(v4.place, "\"noipv6\" with an IPv6 address");
                self.report.push(error.related(at, "the address"));
            }
            (None, Some(v6)) if is_v4 == Some(true) => {
                let error = Diagnostic::error(v6.place, "\"ipv6only\" with an IPv4 address");
                self.report.push(error.related(at, "the address"));
            }
            _ => {}
        }
        match (v4_asked.is_some(), ipv6only.map(|o| o.value)) {
            (_, Some(true)) => Families::V6Only,
            (true, _) => Families::V4Only,
            (_, Some(false)) if is_v4 != Some(false) => Families::V4Only,
            _ => Families::Both,
        }
    }

    /// Perms only mean something for a socket with a path; elsewhere they are dropped.
    fn socket_owner(&mut self, vhost: &mut Vhost) {
        let Some(perms) = &vhost.unix_access else { return };
        match &vhost.listen_on.value {
            ListenOn::Unix(path) if path.starts_with('@') => {
                let message = "an abstract socket has no owner and no mode";
                let hint = "remove \"unix-socket-perms\", or use a path";
                self.report.push(Diagnostic::error(perms.place, message).hint(hint));
            }
            ListenOn::Unix(_) => return,
            _ => {
                let message = "\"unix-socket-perms\" has no effect without \"unix-socket\"";
                self.report.push(Diagnostic::warning(perms.place, message));
            }
        }
        vhost.unix_access = None;
    }

    /// A socket has one owner and one mode, however many vhosts share it.
    fn shared_sockets(&mut self) {
        let vhosts = &self.settings.vhosts;
        for (at, vhost) in vhosts.iter().enumerate() {
            let Some(perms) = &vhost.unix_access else { continue };
            let earlier = vhosts.iter().take(at).find_map(|other| {
                let same = other.listen_on.value == vhost.listen_on.value;
                other.unix_access.as_ref().filter(|_| same)
            });
            if let Some(first) = earlier
                && !first.value.means(&perms.value)
            {
                let message =
                    "two vhosts give the same unix socket different \"unix-socket-perms\"";
                let hint = "give both the same, or leave one out";
                let error = Diagnostic::error(perms.place, message).hint(hint);
                self.report.push(error.related(first.place, "the first one is here"));
            }
        }
    }

    fn raw(&mut self, vhost: &mut Vhost) {
        vhost.wants_raw = kept_on(&vhost.later, "apply-listen-accept");
        let fallback = kept_on(&vhost.later, "fallback-listen-accept");
        if let Some(place) = vhost.wants_raw.or(fallback)
            && kept(&vhost.later, "listen-accept-role").is_none()
            && !names_raw_protocol(&vhost.later)
        {
            let message = "no \"listen-accept-role\" says what to do with connections";
            let hint = "for example \"listen-accept-role\": \"raw-proxy\"";
            self.report.push(Diagnostic::warning(place, message).hint(hint));
        }
    }

    /// Adds a vhost, unless there is one already that would be reached in its place.
    fn add(&mut self, vhost: Vhost) -> bool {
        let listens_with = |other: &&Vhost| {
            !vhost.has_no_port()
                && other.port.value == vhost.port.value
                && other.listen_on.value == vhost.listen_on.value
        };
        let beside: Vec<&Vhost> = self.settings.vhosts.iter().filter(listens_with).collect();
        let is_named = |other: &&&Vhost| other.name.value.eq_ignore_ascii_case(&vhost.name.value);
        if let Some(first) = beside.iter().find(is_named) {
            let message =
                format!("vhost {:?} on port {} is given twice", vhost.name.value, vhost.port.value);
            let warning = Diagnostic::warning(vhost.name.place, message)
                .hint("this vhost is ignored; give one of them another name or port")
                .related(first.name.place, "the first one counts");
            self.report.push(warning);
            return false;
        }
        for name in vhost.names() {
            let mut taken = beside.iter().flat_map(|other| other.names());
            let same = |other: &&Located<String>| other.value.eq_ignore_ascii_case(&name.value);
            if let Some(first) = taken.find(same) {
                let message = format!("another vhost answers for {:?} already", name.value);
                let warning = Diagnostic::warning(name.place, message);
                self.report.push(warning.related(first.place, "the first one counts"));
            }
        }
        self.settings.vhosts.push(vhost);
        true
    }

    fn missing(&mut self, place: Place, what: &str, name: &str) {
        let level = if what == "mount" { Level::Mount } else { Level::Vhost };
        let example = find(level, name).map_or("", |key| key.example);
        let place = first_byte(place);
        let error = Diagnostic::error(place, format!("this {what} has no \"{name}\""));
        self.report.push(error.hint(format!("add one: \"{name}\": {example}")));
    }

    fn refuse<T>(
        &mut self,
        level: Level,
        name: &str,
        place: Place,
        fault: check::Fault,
    ) -> Option<T> {
        let key: Option<&Key> = find(level, name);
        if let Some(key) = key {
            self.fault(key, place, fault);
        }
        None
    }

    /// What can only be said once every file was read.
    pub(super) fn finish(&mut self, syntax_errors: bool) {
        self.decide_tls();
        self.shared_sockets();
        if self.vhosts_seen == 0 && !syntax_errors {
            let message = "there is no vhost: nothing would be served";
            let hint = "add \"vhosts\": [{ \"name\": \"localhost\", \"port\": \"7681\" }]";
            self.report.push(Diagnostic::error(None, message).hint(hint));
        }
    }
}
