//! From typed settings to the world.

use std::collections::HashSet;

use crate::config::settings::{self, Located, NonTls, Origin, Place, Settings};

use crate::http::uri;
use crate::sys::walk::Rules;

use super::headers::{self, Parts};
use super::listeners::{self, Wish};
use super::mounts::MountTable;
use super::names::NameTable;
use super::rules::{AddressRules, Keywords};
use super::world::{
    AuthFile, AuthId, ErrorDocument, Fault, FileMount, Limits, Listener, LogFile, LogId, Mount,
    MountTarget, Redirect, Vhost, VhostId, World,
};

/// Most vhosts, mounts of a vhost, credentials files or logs: their numbers have 16 bits.
const ENTRIES_MAX: usize = u16::MAX as usize;

impl World {
    /// Builds the world. Nothing is opened and nothing fails: what cannot be had as written
    /// is left out, and a [`Fault`] says so.
    #[must_use]
    pub fn build(settings: &Settings) -> (Self, Vec<Fault>) {
        let global = &settings.global;
        let mut build =
            Build { global, auth_files: Vec::new(), log_files: Vec::new(), faults: Vec::new() };
        let mut wishes = Vec::new();
        let mut vhosts = Vec::new();
        for (number, vhost) in settings.vhosts.iter().enumerate() {
            let Some(id) = number_of(number) else {
                build.fault(vhost.name.place, "there are too many vhosts, the rest is left out");
                break;
            };
            wishes.extend(build.wish(VhostId(id), vhost));
            vhosts.push(build.vhost(vhost));
        }
        let listeners = build.listeners(&vhosts, &wishes);
        let world = Self {
            vhosts: vhosts.into(),
            listeners,
            keywords: Keywords::new(&global.reject_keywords),
            auth_files: build.auth_files.into(),
            log_files: build.log_files.into(),
            limits: limits(global),
        };
        (world, build.faults)
    }
}

struct Build<'s> {
    global: &'s settings::Global,
    auth_files: Vec<AuthFile>,
    log_files: Vec<LogFile>,
    faults: Vec<Fault>,
}

impl<'s> Build<'s> {
    fn fault(&mut self, place: Place, message: impl Into<String>) {
        self.faults.push(Fault { place, message: message.into() });
    }

    fn server(&self) -> Option<&'s str> {
        self.global.server_string.as_deref()
    }

    /// What a vhost listens on; none for one that must not be served as plain HTTP.
    fn wish(&mut self, id: VhostId, vhost: &settings::Vhost) -> Option<Wish> {
        if let Some(place) = vhost.wants_raw {
            self.fault(place, "raw protocols are not built yet, so this vhost is not served");
            return None;
        }
        // Without an `interface` only the port was written.
        let written = vhost.listen_on.place;
        let place = if written == Place::default() { vhost.port.place } else { written };
        let mut wish = Wish {
            id,
            on: vhost.listen_on.value.clone(),
            port: vhost.port.value,
            families: vhost.families,
            access: vhost.unix_access.clone(),
            place,
        };
        if let Some(message) = listeners::normalize(&mut wish) {
            self.fault(place, message);
        }
        Some(wish)
    }

    fn listeners(&mut self, vhosts: &[Vhost], wishes: &[Wish]) -> Box<[Listener]> {
        let mut groups = listeners::group(wishes);
        if let Some(place) = groups.get(ENTRIES_MAX).map(|group| group.place) {
            self.fault(place, "there are too many listeners, the rest is left out");
            groups.truncate(ENTRIES_MAX);
        }
        let listeners = groups.into_iter().map(|group| {
            let named = group
                .vhosts
                .iter()
                .filter_map(|&id| vhosts.get(usize::from(id.0)).map(|vhost| (vhost, id)));
            let names = named.flat_map(|(vhost, id)| vhost.names().map(move |name| (name, id)));
            Listener {
                names: NameTable::new(names),
                on: group.on,
                port: group.port,
                families: group.families,
                tls: group
                    .vhosts
                    .iter()
                    .copied()
                    .find(|id| vhosts.get(usize::from(id.0)).is_some_and(|vhost| vhost.tls)),
                vhosts: group.vhosts.into(),
                access: group.access,
                place: group.place,
            }
        });
        listeners.collect()
    }

    fn vhost(&mut self, vhost: &settings::Vhost) -> Vhost {
        self.object(&vhost.headers, vhost.name.place);
        let block =
            Parts { vhost: &vhost.headers, mount: &[], server: self.server(), sts: vhost.sts };
        Vhost {
            name: vhost.name.value.as_str().into(),
            aliases: vhost.aliases.iter().map(|name| name.value.as_str().into()).collect(),
            port: vhost.port.value,
            keepalive_timeout_ms: ms(vhost.keepalive_timeout_secs),
            headers: headers::render(&block),
            access_log: self.log(vhost),
            log_format: vhost.access_log_format,
            error_document_404: vhost
                .error_document_404
                .as_ref()
                .map(|it| error_document(&it.value)),
            addresses: AddressRules::new(&vhost.allow, &vhost.deny),
            body_bytes_max: vhost.body_bytes_max.unwrap_or(self.global.body_bytes_max),
            tls: vhost.tls.is_some(),
            non_tls: non_tls(vhost),
            mounts: self.mounts(vhost),
        }
    }

    fn mounts(&mut self, vhost: &settings::Vhost) -> MountTable {
        let mut mounts: Vec<Mount> = Vec::new();
        let mut known = HashSet::new();
        for mount in &vhost.mounts {
            let place = mount.mountpoint.place;
            if mounts.len() == ENTRIES_MAX {
                self.fault(place, "there are too many mounts, the rest is left out");
                break;
            }
            if !known.insert((mount.mountpoint.value.as_str(), mount.exact_match)) {
                self.fault(place, "this mountpoint is given twice, the first one counts");
                continue;
            }
            let mount = self.mount(vhost, mount);
            mounts.push(mount);
        }
        MountTable::new(mounts)
    }

    fn mount(&mut self, vhost: &settings::Vhost, mount: &settings::Mount) -> Mount {
        self.object(&mount.headers, mount.mountpoint.place);
        let headers = (!mount.headers.is_empty()).then(|| {
            headers::render(&Parts {
                vhost: &vhost.headers,
                mount: &mount.headers,
                server: self.server(),
                sts: vhost.sts,
            })
        });
        let auth = mount.basic_auth.as_ref().map(|file| (file.place, self.auth(file)));
        let (target, auth) = match auth {
            // What cannot be protected is not served.
            Some((place, None)) => {
                self.fault(place, "there are too many basic-auth files, this mount is not served");
                (MountTarget::NotBuilt { scheme: "basic-auth" }, None)
            }
            other => (target(mount), other.and_then(|(_, id)| id)),
        };
        Mount {
            prefix: mount.mountpoint.value.as_str().into(),
            target,
            auth,
            challenge: headers::challenge(mount.realm.as_deref()),
            cache_control: headers::cache_control(mount.cache)
                .map(|value| format!("Cache-Control: {value}\r\n").into()),
            headers,
            addresses: AddressRules::new(&mount.allow, &mount.deny),
            body_bytes_max: mount
                .body_bytes_max
                .or(vhost.body_bytes_max)
                .unwrap_or(self.global.body_bytes_max),
            keepalive_timeout_ms: mount.keepalive_timeout_secs.map(ms),
            exact_match: mount.exact_match,
            place: mount.origin.place,
        }
    }

    /// Faults for headers that [`headers::render`] leaves out.
    fn object(&mut self, list: &[(String, String)], place: Place) {
        for header in list {
            if let Some(why) = headers::objection(header) {
                self.fault(place, format!("header \"{}\" is left out: {why}", header.0));
            }
        }
    }

    fn auth(&mut self, file: &Located<String>) -> Option<AuthId> {
        let known = self.auth_files.iter().position(|known| *known.path == *file.value);
        let id = number_of(known.unwrap_or(self.auth_files.len())).map(AuthId);
        if id.is_some() && known.is_none() {
            self.auth_files.push(AuthFile { path: file.value.as_str().into(), place: file.place });
        }
        id
    }

    fn log(&mut self, vhost: &settings::Vhost) -> Option<LogId> {
        let file = vhost.access_log.as_ref()?;
        let known = self.log_files.iter().position(|known| *known.path == *file.value);
        let id = number_of(known.unwrap_or(self.log_files.len())).map(LogId)?;
        if known.is_none() {
            self.log_files.push(LogFile {
                path: file.value.as_str().into(),
                format: vhost.access_log_format,
                place: file.place,
            });
        }
        Some(id)
    }
}

fn target(mount: &settings::Mount) -> MountTarget {
    match &mount.origin.value {
        Origin::File(root) => MountTarget::File(FileMount {
            root: root.as_str().into(),
            default_document: mount.default_document.as_str().into(),
            extra_mimetypes: mount.extra_mimetypes.as_slice().into(),
            charset: mount.charset.as_deref().map(Into::into),
            rules: Rules { follow_symlinks: mount.follow_symlinks, dotfiles: mount.dotfiles },
            directory_listing: mount.directory_listing,
        }),
        Origin::Redirect(target) => MountTarget::Redirect(redirect(target, mount.append_path)),
        Origin::NotBuilt { scheme, .. } => MountTarget::NotBuilt { scheme },
    }
}

fn error_document(text: &str) -> ErrorDocument {
    let location = text.strip_prefix('>');
    let path = location.unwrap_or(text).split(['?', '#']).next().unwrap_or_default();
    let mut decoded = vec![0; path.len()];
    let path = uri::normalise(path.as_bytes(), &mut decoded).unwrap_or_default();
    ErrorDocument { path: path.into(), location: location.map(Into::into) }
}

/// An origin of only scheme and host, with or without a slash behind them, gets path and query;
/// `append-path` says otherwise. Bytes that a header must not hold are percent-encoded.
fn redirect(target: &str, append_path: Option<bool>) -> Redirect {
    let authority = target.split_once("://").map_or(target, |(_, rest)| rest);
    let host = authority.strip_suffix('/').unwrap_or(authority);
    let appends = append_path.unwrap_or_else(|| !host.contains(['/', '?', '#']));
    let target = if appends { target.trim_end_matches('/') } else { target };
    let mut safe = String::with_capacity(target.len());
    for byte in target.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            safe.push_str(&format!("%{byte:02X}"));
        }
    }
    Redirect { target: safe.into(), appends }
}

/// Who has to show a certificate cannot do so in the clear.
fn non_tls(vhost: &settings::Vhost) -> NonTls {
    let certified = vhost.tls.as_ref().is_some_and(|tls| tls.client_cert_required.is_some());
    match vhost.non_tls {
        NonTls::Serve if certified => NonTls::Refuse,
        rule => rule,
    }
}

fn limits(global: &settings::Global) -> Limits {
    Limits {
        threads: global.count_threads.max(1),
        timeout_ms: ms(global.timeout_secs),
        header_timeout_ms: ms(global.header_timeout_secs),
        send_timeout_ms: ms(global.send_timeout_secs),
        shutdown_ms: ms(global.shutdown_secs),
        body_rate_min: global.body_rate_min,
        connections_max: global.connections_max,
        blocks_max: global.blocks_max,
        head_bytes_max: global.head_bytes_max,
        headers_max: global.headers_max,
        open_files_max: global.open_files_max,
        ip_limit_requests: global.ip_limit_ah,
        ip_limit_connections: global.ip_limit_wsi,
    }
}

fn number_of(index: usize) -> Option<u16> {
    u16::try_from(index).ok().filter(|&number| usize::from(number) < ENTRIES_MAX)
}

fn ms(secs: u32) -> u64 {
    u64::from(secs) * 1000
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
