//! The command line: what it says, and reading it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lexopt::Arg;

pub(in crate::daemon) use super::action::{Action, Control};
use super::draft::Draft;
use super::options::{HIDDEN, Id, OPTIONS, Opt};
use super::usage::UsageError;
use crate::config::DEFAULT_DIRS as CONFIG_DIRS;
use crate::config::nearest::nearest;
use crate::config::settings::ListenOn;
use crate::sys::log::{Level, Target};

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Args {
    /// What to do.
    pub action: Action,
    /// What to do it with.
    pub source: Source,
    /// `-d`: what to log.
    pub level: Level,
    /// `--log`: where to.
    pub log_target: Target,
    /// `-D`: go on in the background.
    pub daemonize: bool,
    /// `--pid-file`, absolute.
    pub pid_file: Option<PathBuf>,
    /// Not `-n`: plug-ins of the default directory are loaded.
    pub default_plugins: bool,
    /// What `_lws_ddir_` stands for.
    pub data_dir: Option<String>,
    /// `--state-dir`, absolute: counts before the configuration's.
    pub state_dir: Option<PathBuf>,
    /// The state directory where neither the command line nor the configuration names one; the
    /// empty path where there is none. Decided by the first process, which hands it on.
    pub state_default: Option<PathBuf>,
    /// A command that names no directory: it asks the server of one of [`CONFIG_DIRS`], or the only
    /// one in quick mode.
    pub asks_any: bool,
}

/// Where the configuration comes from. Paths are absolute whenever something is to be served,
/// because that may happen in another working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) enum Source {
    /// The files of a directory.
    Configured(PathBuf),
    /// The command line: serve one directory.
    Quick(QuickSource),
}

/// Quick mode: a directory to serve, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct QuickSource {
    /// The directory.
    pub directory: PathBuf,
    /// `--listen`; 127.0.0.1 when not given.
    pub listen_on: ListenOn,
    /// `--port`, or the port of `--listen`; none: the first free one from 7681.
    pub port: Option<u16>,
    /// `--tls`: over https, with a self-signed certificate.
    pub tls: bool,
}

/// Reads a command line; the first item is the program's name. Help and version end the reading
/// at once, whatever follows.
pub(in crate::daemon) fn parse(
    args: impl IntoIterator<Item = OsString>,
) -> Result<Args, UsageError> {
    let mut parser = lexopt::Parser::from_iter(args);
    let mut draft = Draft::default();
    while let Some(arg) = parser.next().map_err(|error| UsageError::new(error.to_string()))? {
        let (option, spelled_long) = match arg {
            Arg::Short(letter) => (by_short(letter)?, false),
            Arg::Long(name) => (by_long(name)?, true),
            Arg::Value(value) => {
                draft.take_word(value)?;
                continue;
            }
        };
        match option.id {
            Id::Help if spelled_long => return Ok(Args::only(Action::HelpLong)),
            Id::Help => return Ok(Args::only(Action::HelpShort)),
            Id::Version => return Ok(Args::only(Action::Version)),
            _ => draft.take(option, &mut parser)?,
        }
    }
    draft.finish()
}

impl Args {
    fn only(action: Action) -> Self {
        Self {
            action,
            source: Source::Configured(PathBuf::new()),
            level: Level::Notice,
            log_target: Target::Stderr,
            daemonize: false,
            pid_file: None,
            default_plugins: true,
            data_dir: None,
            state_dir: None,
            state_default: None,
            asks_any: false,
        }
    }
}

/// The directory that is read when none is named.
#[must_use]
pub(in crate::daemon) fn default_config_dir() -> PathBuf {
    let [ours, lwsws] = CONFIG_DIRS.map(Path::new);
    if ours.join("conf").exists() { ours.into() } else { lwsws.into() }
}

fn by_short(letter: char) -> Result<&'static Opt, UsageError> {
    OPTIONS.iter().chain(HIDDEN).find(|option| option.short == Some(letter)).ok_or_else(|| {
        let error = UsageError::new(format!("unknown option -{}", letter.escape_default()));
        // -p for --port: what the letter may stand for, unless that is much.
        let likely = OPTIONS.iter().filter(|option| option.long.starts_with(letter));
        let likely: Vec<String> = likely.map(|option| format!("--{}", option.long)).collect();
        match likely.len() {
            1 | 2 => error.hint(format!("did you mean {}?", likely.join(" or "))),
            _ => error,
        }
    })
}

fn by_long(name: &str) -> Result<&'static Opt, UsageError> {
    OPTIONS.iter().chain(HIDDEN).find(|option| option.long == name).ok_or_else(|| {
        let error = UsageError::new(format!("unknown option --{}", name.escape_debug()));
        if matches!(name, "https" | "ssl") {
            return error.hint("did you mean --tls?");
        }
        // An abbreviation of one option only, or the nearest name.
        let mut longer = OPTIONS.iter().filter(|option| option.long.starts_with(name));
        let meant = match (longer.next(), longer.next()) {
            (Some(option), None) => Some(option.long),
            _ => nearest(name, OPTIONS.iter().map(|option| option.long)),
        };
        match meant {
            Some(long) => error.hint(format!("did you mean --{long}?")),
            None => error,
        }
    })
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
