//! Settings for tests.

use crate::config::settings::{
    Cache, Families, ListenOn, Located, LogFormat, Mount, Origin, Place, Settings, Vhost,
};

pub(crate) fn located<T>(value: T) -> Located<T> {
    Located { value, place: Place::default() }
}

pub(crate) fn vhost(name: &str, port: u16, mounts: Vec<Mount>) -> Vhost {
    Vhost {
        name: located(name.to_owned()),
        port: located(port),
        listen_on: located(ListenOn::Any),
        families: Families::Both,
        keepalive_timeout_secs: 60,
        sts: false,
        headers: Vec::new(),
        access_log: None,
        access_log_format: LogFormat::Combined,
        error_document_404: None,
        allow: Vec::new(),
        deny: Vec::new(),
        body_bytes_max: None,
        mounts,
    }
}

pub(crate) fn mount(mountpoint: &str, origin: Origin) -> Mount {
    Mount {
        mountpoint: located(mountpoint.to_owned()),
        origin: located(origin),
        default_document: "index.html".to_owned(),
        basic_auth: None,
        cache: Cache::default(),
        extra_mimetypes: Vec::new(),
        headers: Vec::new(),
        keepalive_timeout_secs: None,
        exact_match: false,
        append_path: false,
        follow_symlinks: false,
        dotfiles: false,
        directory_listing: false,
        allow: Vec::new(),
        deny: Vec::new(),
        body_bytes_max: None,
    }
}

pub(crate) fn settings(vhosts: Vec<Vhost>) -> Settings {
    Settings { vhosts, ..Settings::default() }
}
