//! What `-t` can find out about the files of `basic-auth`: who is let in, and who can read them.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::iter;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::identity::{Identity, group_name};
use super::machine::{Actors, let_in};
use crate::config::settings::{Located, Mount, Origin};
use crate::daemon::finding::{Finding, Severity};
use crate::origin::credential_line::{self, Value};
use crate::origin::credentials::{self, REMARKS_MAX, Remark};
use crate::sys::access::{self, Refusal, Want};

/// Mode bit: everybody may read.
const WORLD_READABLE: u32 = 0o004;

/// Runs of lines that are shown.
const RUNS_MAX: usize = 16;

/// The file of `basic-auth`.
pub(super) fn credentials(
    mount: &Mount,
    actors: Actors<'_>,
    exposed: bool,
    add: &mut dyn FnMut(Finding),
) {
    let server = actors.server;
    let Some(Located { value, place }) = &mount.basic_auth else { return };
    let (path, place) = (Path::new(value), *place);
    if exposed {
        let message =
            "basic-auth without TLS: passwords can be read on their way through the network";
        add(Finding::new(Severity::Warning, message)
            .at(place)
            .hint("serve it on a TLS vhost, or on the loopback interface only"));
    }
    if let Origin::File(directory) = &mount.origin.value
        && path.starts_with(directory)
    {
        let message = format!("{value} lies in the directory that is served");
        add(Finding::new(Severity::Warning, message).at(place).hint("move it out of there"));
    }
    match access::check(path, &server.subject, Want::Read) {
        Ok(metadata) if !metadata.is_file() => {
            add(Finding::new(Severity::Degraded, format!("{value} is not a regular file"))
                .at(place));
        }
        Ok(metadata) if metadata.mode() & WORLD_READABLE != 0 => {
            let message = format!("any user of this machine can read {value}");
            add(Finding::new(Severity::Warning, message)
                .at(place)
                .hint(let_read_alone(value, &metadata, server)));
        }
        Ok(_) => {}
        Err(Refusal::Unknown(at, error)) => {
            let message = format!("{value} could not be checked: {}: {error}", at.display());
            add(Finding::new(Severity::Warning, message).at(place).hint("check as root"));
        }
        Err(Refusal::Missing(_)) => {
            add(closed(format!("{value} does not exist")).at(place).hint(format!(
                "make it with a line \"user:password\" for each user: touch {value}"
            )));
        }
        Err(refusal) => {
            let mut message = format!("user {} may not read {value}", server.user);
            if !matches!(&refusal, Refusal::Forbidden(_)) {
                message += &format!(" ({refusal})");
            }
            let is_held =
                server.must_drop && access::check(path, actors.starter, Want::Read).is_ok();
            let finding = if is_held {
                message += ": it is read with root's rights at a start, and a change counts from the \
                            next reload on";
                Finding::new(Severity::Warning, message)
            } else {
                closed(message)
            };
            let hint = match &refusal {
                Refusal::Unsearchable(at) => let_in(at, "o+x", &server.user),
                _ => let_group_read(value, server),
            };
            let hint = if is_held { format!("for changes at once: {hint}") } else { hint };
            add(finding.at(place).hint(hint));
        }
    }
}

/// The lines of the file of `basic-auth`, as far as we may read it: what each is taken for, and
/// those that let nobody in.
pub(super) fn users(mount: &Mount, add: &mut dyn FnMut(Finding)) {
    let Some(Located { value, place }) = &mount.basic_auth else { return };
    let Ok(Some((_, text))) = credentials::read(Path::new(value), None) else { return };
    let mut runs: Vec<Run<'_>> = Vec::new();
    let mut remarks = Vec::new();
    let mut hashed = BTreeSet::new();
    for (number, line) in credential_line::lines(&text) {
        remarks.extend(Remark::of(&line).map(|remark| (number, remark.to_string())));
        let Ok((user, value)) = line else { continue };
        if value.method().is_some() && !hashed.insert(user) {
            remarks.push((number, "a second hash of the same user, which does not count".into()));
        }
        match runs.last_mut().filter(|run| run.value.name() == value.name()) {
            Some(run) => run.last = number,
            None => runs.push(Run { first: number, last: number, value }),
        }
    }
    let shown = remarks.iter().take(REMARKS_MAX);
    for (number, remark) in shown {
        let message = format!("{value}:{number}: {remark}");
        add(Finding::new(Severity::Warning, message).at(*place));
    }
    if let Some(more) = remarks.len().checked_sub(REMARKS_MAX).filter(|&more| more > 0) {
        let message = format!("{value}: the same is to be said of {more} more lines");
        add(Finding::new(Severity::Warning, message).at(*place));
    }
    if runs.is_empty() {
        let hint = format!("write a line \"user:password\" for each user into {value}");
        add(closed(format!("{value} names no user")).at(*place).hint(hint));
        return;
    }
    add(Finding::new(Severity::Note, taken_for(value, &runs)).at(*place));
    let mut methods: Vec<_> = runs.iter().filter_map(|run| run.value.method()).collect();
    methods.sort_unstable_by_key(|method| method.name);
    methods.dedup();
    for (method, error) in methods.iter().filter_map(|method| Some((method, method.objection()?))) {
        let message = format!("{value}: {error}: a user with {} does not get in", method.name);
        add(Finding::new(Severity::Degraded, message).at(*place));
    }
}

/// Lines one after the other that are taken for the same.
struct Run<'a> {
    first: usize,
    last: usize,
    value: Value<'a>,
}

/// What the lines of a file are taken for.
fn taken_for(path: &str, runs: &[Run<'_>]) -> String {
    let mut text = String::from(path);
    for (run, sign) in runs.iter().take(RUNS_MAX).zip(iter::once(':').chain(iter::repeat(';'))) {
        let (first, last) = (run.first, run.last);
        text += &match first == last {
            true => format!("{sign} line {first}: {}", run.value.name()),
            false => format!("{sign} lines {first}\u{2013}{last}: {}", run.value.name()),
        };
    }
    if let Some(run) = runs.get(RUNS_MAX) {
        text += &format!("; from line {} on more of these", run.first);
    }
    text
}

/// How to close a file that everybody may read so that the server can still read it.
fn let_read_alone(file: &str, metadata: &Metadata, server: &Identity) -> String {
    let closed = metadata.mode() & !0o007;
    if server.subject.may_with(metadata, closed, Want::Read) {
        format!("chmod o-rwx {file}")
    } else {
        let_group_read(file, server)
    }
}

/// How to let the server read a file that others may not.
fn let_group_read(file: &str, server: &Identity) -> String {
    format!("chgrp {} {file} && chmod 640 {file}", group_name(server.subject.gid))
}

fn closed(message: String) -> Finding {
    Finding::new(Severity::Degraded, message + ": every request is refused")
}
