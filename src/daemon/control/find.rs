//! Which of the servers that run a command is for.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::holder::Holder;
use super::name::{Name, PREFIX};
use crate::config::DEFAULT_DIRS;
use crate::daemon::command::args::{Args, Source};
use crate::sys::{passing, peer, unix_names, user};

/// Why no server is asked.
#[derive(Debug)]
pub(super) enum Missing {
    /// None runs.
    None,
    /// Several run.
    Several(Vec<Name>),
    /// It is this user's: root's, and we are not root, or another one's than the directory, and
    /// we are root and do not take the word of just any user.
    OfUser(u32),
    /// It runs where the same path is another directory.
    Elsewhere,
    /// This process has the name, and it is neither root's nor the server's user's.
    Impostor(Holder),
    /// Too many commands wait for it.
    Busy,
    /// What the kernel says.
    Other(io::Error),
}

/// A server that can be believed.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) socket: OwnedFd,
    /// Its supervisor; 0 when that is in another container.
    pub(super) pid: u32,
}

/// Looks for the server that `args` name.
pub(super) fn find(args: &Args) -> Result<Found, Missing> {
    let mut search = Search::new();
    let found = match &args.source {
        Source::Configured(_) if args.asks_any => {
            let [ours, lwsws] = DEFAULT_DIRS.map(Path::new);
            match (search.configured(ours)?, search.configured(lwsws)?) {
                (None, None) => {
                    // What is met there has no name that was asked for.
                    let obstacle = search.obstacle.take();
                    let found = search.quick(None)?;
                    search.obstacle = obstacle;
                    found
                }
                (ours, lwsws) => ours.or(lwsws),
            }
        }
        Source::Configured(dir) => search.configured(dir)?,
        Source::Quick(quick) => match search.quick(Some(&quick.directory))? {
            None => search.configured(&quick.directory)?,
            found => found,
        },
    };
    found.ok_or_else(|| search.obstacle.unwrap_or(Missing::None))
}

/// The commands that would ask the servers of this user that run here, whatever they serve.
pub(super) fn others(command: &str) -> Vec<String> {
    let mut search = Search::new();
    let mut names = search.names.clone();
    names.retain(|name| {
        let found = (name.uid == search.own).then(|| search.connect(name, false));
        matches!(found, Some(Ok(Some(found))) if name.is_here(found.pid))
    });
    names.iter().map(|name| name.command(command)).collect()
}

struct Search {
    own: u32,
    names: Vec<Name>,
    /// What has kept the nearest server from being asked.
    obstacle: Option<Missing>,
}

impl Search {
    fn new() -> Self {
        let bound = unix_names::beginning_with(PREFIX);
        let names = bound.iter().filter_map(|bound| Name::parse(&bound.name)).collect();
        Self { own: user::effective_uid(), names, obstacle: None }
    }

    /// The users whose servers are asked: our own and, as root, a directory's owner.
    fn users(&self, dir: &Path) -> Vec<u32> {
        let owner = fs::metadata(dir).map_or(self.own, |metadata| metadata.uid());
        let mut users = vec![self.own];
        if self.own == 0 && owner != 0 {
            users.push(owner);
        }
        users
    }

    /// The server of the configuration in `dir`.
    fn configured(&mut self, dir: &Path) -> Result<Option<Found>, Missing> {
        let users = self.users(dir);
        for uid in &users {
            if let Some(found) = self.connect(&Name::of(*uid, dir, None), true)? {
                return Ok(Some(found));
            }
        }
        // One that calls the directory something else, or was started before it was replaced.
        for name in self.names.clone().iter().filter(|name| name.quick.is_none()) {
            let Some(path) = name.path_of(dir) else { continue };
            match self.connect_as(name, &users)? {
                Some(found) if name.means(found.pid, &path, dir) => return Ok(Some(found)),
                Some(_) => self.meet(Missing::Elsewhere),
                None => {}
            }
        }
        Ok(None)
    }

    /// The server in quick mode of `dir`, which may be its process number as well, or the only
    /// one.
    fn quick(&mut self, dir: Option<&Path>) -> Result<Option<Found>, Missing> {
        let users = dir.map_or_else(|| vec![self.own], |dir| self.users(dir));
        let word = dir.and_then(Path::file_name).and_then(|word| word.to_str()?.parse().ok());
        let dir = dir.map(|dir| fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned()));
        let mut found = Vec::new();
        for name in self.names.clone() {
            if name.quick.is_none() {
                continue;
            }
            let path = match &dir {
                Some(dir) if word != name.quick => match name.path_of(dir) {
                    Some(path) => Some((path, dir)),
                    None => continue,
                },
                _ => None,
            };
            let Some(server) = self.connect_as(&name, &users)? else { continue };
            let is_meant = match path {
                Some((path, dir)) => name.means(server.pid, &path, dir),
                None => name.is_here(server.pid),
            };
            if is_meant {
                found.push((name, server));
            }
        }
        if found.len() > 1 {
            return Err(Missing::Several(found.into_iter().map(|(name, _)| name).collect()));
        }
        Ok(found.pop().map(|(_, server)| server))
    }

    /// Connects to a server that one of `users` runs.
    fn connect_as(&mut self, name: &Name, users: &[u32]) -> Result<Option<Found>, Missing> {
        let is_asked = users.contains(&name.uid);
        if !is_asked && name.uid != 0 && self.own != 0 {
            return Ok(None);
        }
        let found = self.connect(name, false)?;
        if !is_asked && found.is_some() {
            self.meet(Missing::OfUser(name.uid));
        }
        Ok(found.filter(|_| is_asked))
    }

    /// Connects to a server if one listens there and can be believed: root's, or that of the user
    /// in its name. If told to, waits for a place in its queue.
    fn connect(&mut self, name: &Name, wait: bool) -> Result<Option<Found>, Missing> {
        let text = name.to_string();
        let (obstacle, holder) = match passing::connect_abstract(&text, wait) {
            Ok(socket) => {
                let holder = Holder::from(peer::credentials(&socket).map_err(Missing::Other)?);
                if holder.is_one_of(name.uid) {
                    return Ok(Some(Found { socket, pid: holder.pid }));
                }
                (None, Some(holder))
            }
            Err(error) => match (error.kind(), Holder::of(&text)) {
                (io::ErrorKind::ConnectionRefused, holder) => (None, holder),
                (io::ErrorKind::WouldBlock, holder) => {
                    (Some(Missing::Busy), holder.filter(|holder| !holder.is_one_of(name.uid)))
                }
                _ => return Err(Missing::Other(error)),
            },
        };
        if let Some(obstacle) = holder.map(Missing::Impostor).or(obstacle) {
            self.meet(obstacle);
        }
        Ok(None)
    }

    /// The first one counts.
    fn meet(&mut self, obstacle: Missing) {
        self.obstacle.get_or_insert(obstacle);
    }
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
