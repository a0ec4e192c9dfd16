//! Settings for tests.

use crate::config::settings::{Located, Mount, Origin, Place, Settings, Vhost};

pub(crate) fn located<T>(value: T) -> Located<T> {
    Located { value, place: Place::default() }
}

pub(crate) fn vhost(name: &str, port: u16, mounts: Vec<Mount>) -> Vhost {
    Vhost { name: located(name.to_owned()), port: located(port), mounts, ..Vhost::default() }
}

pub(crate) fn mount(mountpoint: &str, origin: Origin) -> Mount {
    let mountpoint = located(mountpoint.to_owned());
    Mount { mountpoint, origin: located(origin), ..Mount::default() }
}

pub(crate) fn settings(vhosts: Vec<Vhost>) -> Settings {
    Settings { vhosts, ..Settings::default() }
}
