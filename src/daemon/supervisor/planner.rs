//! One run of the planner: two files in memory that it fills, and what it says meanwhile.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;

use super::children::Children;
use super::happenings::{Ended, Terms};
use crate::daemon::plan::{PLAN_BYTES_MAX, Plan};
use crate::sys::memory_file;
use crate::sys::process::{self, Pid};

/// Bytes of a planner's messages that are read.
const WORDS_BYTES_MAX: usize = 64 * 1024;

/// A configuration as the supervisor knows it.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// The plan.
    pub(super) plan: Rc<Plan>,
    /// The texts of the configuration, for its workers.
    pub(super) snapshot: Arc<OwnedFd>,
}

impl Planned {
    /// A vhost that could not show its certificate does now.
    pub(super) fn certified(&mut self, vhost: u16) {
        let identities = &mut Rc::make_mut(&mut self.plan).identities;
        identities.iter_mut().filter(|one| one.vhost == vhost).for_each(|one| one.is_good = true);
    }

    /// What the plan says about generations.
    #[must_use]
    pub(super) fn terms(&self) -> Terms {
        Terms {
            shutdown_ms: self.plan.shutdown_ms,
            drain_ms: self.plan.drain_ms,
            generations_max: self.plan.generations_max,
        }
    }
}

/// A planner that runs.
#[derive(Debug)]
pub(super) struct Planner {
    pid: Pid,
    plan: OwnedFd,
    snapshot: OwnedFd,
    words: Option<OwnedFd>,
}

/// What a planner that has ended leaves.
#[derive(Debug)]
pub(super) struct Left {
    /// The plan, or the exit code and what is to be said about it.
    pub(super) result: Result<Planned, (u8, Option<String>)>,
    /// What the planner has said; empty when it spoke to standard error.
    pub(super) words: String,
}

impl Planner {
    /// Starts one. `served`: what is served now; what the planner says then is kept, not printed.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn start(children: &Children, served: Option<&Planned>) -> io::Result<Self> {
        let plan = memory_file::create("kinglet plan")?;
        let snapshot = memory_file::create("kinglet snapshot")?;
        let words = served.map(|_| memory_file::create("kinglet messages")).transpose()?;
        let words_fd = words.as_ref().map(|words| words.as_fd());
        let served = served.map(|served| served.snapshot.as_fd());
        let pid = children.start_planner(plan.as_fd(), snapshot.as_fd(), served, words_fd)?;
        Ok(Self { pid, plan, snapshot, words })
    }

    /// One that was started before this program took its place.
    #[must_use]
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Ends it.
    pub(super) fn kill(&self) {
        // It is a child that has not been waited for: there is no reason to fail.
        let _ = process::kill(self.pid, process::KILL);
    }

    /// Takes what it has made.
    #[must_use]
    pub(super) fn end(self, ended: Ended) -> Left {
        let words = self.words.as_ref().map(words).unwrap_or_default();
        let result = match ended {
            Ended::Code(0) => read(self.plan, self.snapshot).map_err(|text| (1, Some(text))),
            // It has said why.
            Ended::Code(code) => Err((code, None)),
            _ => Err((ended.code(), Some(format!("the process that reads it {ended}")))),
        };
        let result = result.map_err(|(code, text)| {
            (code, text.map(|text| format!("the configuration cannot be read: {text}")))
        });
        Left { result, words }
    }
}

fn read(plan: OwnedFd, snapshot: OwnedFd) -> Result<Planned, String> {
    let sealed = |file| {
        memory_file::seal(file).map_err(|error| format!("its plan cannot be sealed: {error}"))
    };
    let (plan, snapshot) = (sealed(plan)?, sealed(snapshot)?);
    let bytes = memory_file::read_whole(plan.as_fd(), PLAN_BYTES_MAX)
        .map_err(|error| format!("its plan cannot be read: {error}"))?;
    let plan = Plan::decode(&bytes).map_err(|fault| {
        format!("the program on disk makes another kind of plan ({fault}), a restart is needed")
    })?;
    Ok(Planned { plan: Rc::new(plan), snapshot: Arc::new(snapshot) })
}

/// As much of its messages as is read.
fn words(file: &OwnedFd) -> String {
    let mut bytes = vec![0; WORDS_BYTES_MAX];
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match crate::sys::open::read_at(file.as_fd(), room, filled as u64) {
            Ok(0) | Err(_) => break,
            Ok(count) => filled += count,
        }
    }
    bytes.truncate(filled);
    String::from_utf8_lossy(&bytes).into_owned()
}
