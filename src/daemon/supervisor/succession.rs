//! SIGUSR2, before it is followed: the program that is on disk now has to show that it can go on
//! from here. It makes a plan as for a reload, and says in it what kind of state it takes over.

use super::generations::PLAN_MS_MAX;
use super::happenings::Ended;
use super::perform::not_started;
use super::planner::{Left, Planner};
use super::resume::STATE_VERSION;
use super::shell::Shell;
use crate::sys::clock;
use crate::sys::log::Level;
use crate::sys::process::Pid;

/// How far it has come.
#[derive(Debug, Default)]
pub(super) enum Succession {
    /// Nobody wants another program.
    #[default]
    Unwanted,
    /// It begins when nothing else is under way.
    Wanted,
    /// The program on disk makes a plan, until then at most; none: it was told to end.
    Tried { planner: Planner, until_ms: Option<u64> },
    /// The program on disk can take over.
    Found,
}

impl Succession {
    /// SIGUSR2.
    pub(super) fn want(&mut self) {
        if matches!(self, Self::Unwanted) {
            *self = Self::Wanted;
        }
    }

    /// When [`expire`](Self::expire) has something to do.
    #[must_use]
    pub(super) fn due_ms(&self) -> Option<u64> {
        match self {
            Self::Tried { until_ms, .. } => *until_ms,
            _ => None,
        }
    }

    /// Ends a planner that takes too long.
    pub(super) fn expire(&mut self, now_ms: u64) {
        if let Self::Tried { planner, until_ms } = self
            && until_ms.take_if(|until_ms| *until_ms <= now_ms).is_some()
        {
            planner.kill();
        }
    }

    /// Leaves no planner behind.
    pub(super) fn kill(&self) {
        if let Self::Tried { planner, .. } = self {
            planner.kill();
        }
    }

    /// The planner with this number, which has ended.
    pub(super) fn take(&mut self, pid: Pid) -> Option<Planner> {
        match std::mem::take(self) {
            Self::Tried { planner, .. } if planner.pid() == pid => Some(planner),
            other => {
                *self = other;
                None
            }
        }
    }
}

impl Shell<'_> {
    /// Goes on with what SIGUSR2 has begun, as far as that is possible now.
    pub(super) fn succeed(&mut self) {
        let can_resume = self.can_resume();
        self.succession = match std::mem::take(&mut self.succession) {
            Succession::Wanted if can_resume => self.try_program(),
            Succession::Found if can_resume => {
                self.become_successor();
                Succession::Unwanted
            }
            // Until it is possible the file may have changed.
            Succession::Found => Succession::Wanted,
            other => other,
        };
    }

    fn try_program(&mut self) -> Succession {
        let started = self.children.check().and_then(|()| {
            Planner::start(&self.children, self.good.as_ref())
                .map_err(|error| not_started("tries the program on disk", &error))
        });
        match started {
            Ok(planner) => {
                let until_ms = Some(clock::monotonic_ms().saturating_add(PLAN_MS_MAX));
                Succession::Tried { planner, until_ms }
            }
            Err(reason) => {
                self.stay(&reason);
                Succession::Unwanted
            }
        }
    }

    /// The planner of the program on disk has ended.
    pub(super) fn tried(&mut self, planner: Planner, ended: Ended) {
        let Left { result, words } = planner.end(ended);
        let reason = match result {
            Ok(planned) if planned.plan.state_version == STATE_VERSION => {
                self.succession = Succession::Found;
                return;
            }
            Ok(planned) => {
                let version = &planned.plan.program_version;
                format!("{version}, on disk, cannot go on from here, a restart is needed")
            }
            Err((_, Some(text))) => text,
            Err((code, None)) => {
                format!("the program on disk does not take the configuration (code {code})")
            }
        };
        self.voice.pass_on(Level::Error, &words);
        self.stay(&reason);
    }
}
