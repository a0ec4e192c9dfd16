//! The process that has the name of a control socket. Any process may take one that is free.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;

use crate::sys::peer::{self, Credentials};
use crate::sys::{passing, port_owner, process, unix_names};

/// A process that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder {
    /// Its user.
    pub(super) uid: u32,
    /// Its number; 0 when it is in another container.
    pub(super) pid: u32,
}

impl Holder {
    /// The process that has `name` now, if that can be found out without waiting.
    pub(super) fn of(name: &str) -> Option<Self> {
        let listens = passing::connect_abstract(name, false);
        if let Ok(found) = listens.and_then(|socket| peer::credentials(&socket)) {
            return Some(found.into());
        }
        // It does not listen, or too many wait for it already.
        let bound = unix_names::beginning_with(name).into_iter().find(|one| one.name == name)?;
        let pid = port_owner::owners(bound.inode).first()?.pid;
        let uid = std::fs::metadata(format!("/proc/{pid}")).ok()?.uid();
        Some(Self { uid, pid })
    }

    /// Whether it can be believed to be a server of `uid`.
    pub(super) const fn is_one_of(self, uid: u32) -> bool {
        self.uid == 0 || self.uid == uid
    }
}

impl From<Credentials> for Holder {
    fn from(found: Credentials) -> Self {
        Self { uid: found.uid, pid: found.pid }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uid, pid } = self;
        match (pid, process::name(*pid)) {
            (0, _) => write!(f, "a process of user {uid} in another container"),
            (_, Some(name)) => write!(f, "process {pid} ({name}) of user {uid}"),
            (_, None) => write!(f, "process {pid} of user {uid}"),
        }
    }
}
