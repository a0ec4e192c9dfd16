//! Differences of files and passwords.

use super::{Case, Difference, Rule, difference};
use crate::config::keys::Level;

pub(super) const RULES: &[Rule] =
    &[links, dotfiles, special, methods, validators, compression, default_slash, passwords];

fn links(case: &Case<'_>) -> Option<Difference> {
    let mount = case.directory(|mount| !mount.follow_symlinks)?;
    let text = "symbolic links that lead out of a mount's directory are refused";
    Some(difference(mount.origin.place, text).before("\"follow-symlinks\": \"1\" in the mount"))
}

fn dotfiles(case: &Case<'_>) -> Option<Difference> {
    let mount = case.directory(|mount| !mount.dotfiles)?;
    let text = "names that begin with a dot are refused, but for /.well-known/";
    Some(difference(mount.origin.place, text).before("\"dotfiles\": \"1\" in the mount"))
}

fn special(case: &Case<'_>) -> Option<Difference> {
    case.directory(|_| true)?;
    let text = "a FIFO, a device or a socket among the files is refused; a FIFO stopped lwsws \
                for good";
    Some(difference(None, text))
}

fn methods(case: &Case<'_>) -> Option<Difference> {
    case.directory(|_| true)?;
    let text = "POST, PUT or DELETE of a file is answered with 405; lwsws sent the file";
    Some(difference(None, text))
}

fn validators(case: &Case<'_>) -> Option<Difference> {
    case.directory(|_| true)?;
    let text = "answers have Date and Last-Modified, and the ETag is another: caches load each \
                file once more";
    Some(difference(None, text))
}

fn compression(case: &Case<'_>) -> Option<Difference> {
    case.directory(|_| true)?;
    let text = "compressed is what has a .br or .gz file beside it (gzip -k index.html); lwsws \
                compressed text as it went out";
    Some(difference(None, text))
}

fn default_slash(case: &Case<'_>) -> Option<Difference> {
    let written = &case.settings.written;
    let slash = written.keys.iter().find(|given| {
        given.level == Level::Mount && given.key == "default" && case.begins(given.place, b"/\"")
    })?;
    let text = "\"default\": \"/\" means index.html; lwsws answered the directory with 415";
    Some(difference(slash.place, text))
}

fn passwords(case: &Case<'_>) -> Option<Difference> {
    let mount = case.mounts().find(|mount| mount.basic_auth.is_some())?;
    let text = "user and password must be a whole line of the file; lwsws took the end of a line \
                too, and let WebSockets in without asking; what looks like a hash is no password";
    Some(difference(mount.basic_auth.as_ref()?.place, text))
}
