//! What the program can be asked to do.

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) enum Action {
    /// Serve: a supervisor with its workers.
    Serve,
    /// `--one-process`: serve without a supervisor.
    OneProcess,
    /// `--plan`: read and check the configuration for a supervisor.
    Plan,
    /// `--worker`: be the worker of a supervisor.
    Worker,
    /// `--resume FD`: go on as the supervisor that left its state in this descriptor.
    Resume(i32),
    /// `status`, `reload`, `log`: ask a supervisor.
    Control(Control),
    /// `-t`: check everything, serve nothing.
    Check {
        /// `--strict`: warnings count as errors.
        strict: bool,
    },
    /// `-T`: print the effective configuration as JSON.
    Dump,
    /// `-h`
    HelpShort,
    /// `--help`
    HelpLong,
    /// `-V`
    Version,
    /// `--schema`: print the JSON Schema of the configuration.
    Schema,
    /// `--explain KEY`
    Explain(String),
    /// `--self-signed`: make or renew the self-signed certificate and print what it is.
    SelfSigned,
    /// `--man 8` or `--man 5`: print a manual page.
    Manual(Page),
    /// `--completions SHELL`: print completions for a shell.
    Completions(Shell),
}

impl Action {
    /// Whether this process or one that it belongs to serves, and may do so from another working
    /// directory than the one it was started in.
    pub(super) const fn serves(&self) -> bool {
        matches!(self, Self::Serve | Self::OneProcess | Self::Plan | Self::Worker | Self::Resume(_))
    }
}

/// What a running supervisor is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Control {
    /// `status`: how it is.
    Status {
        /// `--json`: for programs.
        json: bool,
    },
    /// `reload`: read the configuration again, and say how that went.
    Reload,
    /// `log`: the last lines of the log.
    Log {
        /// `-f`: and those to come.
        follow: bool,
    },
}

impl Control {
    /// The commands, as they are written.
    pub(in crate::daemon) const NAMES: [&'static str; 3] = ["status", "reload", "log"];

    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "status" => Self::Status { json: false },
            "reload" => Self::Reload,
            "log" => Self::Log { follow: false },
            _ => return None,
        })
    }

    /// The word that stands for it.
    #[must_use]
    pub(in crate::daemon) const fn name(self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Reload => "reload",
            Self::Log { .. } => "log",
        }
    }
}

/// A manual page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Page {
    /// kinglet(8)
    Program,
    /// kinglet.conf(5)
    Configuration,
}

impl Page {
    pub(super) fn parse(section: &str) -> Option<Self> {
        match section {
            "8" => Some(Self::Program),
            "5" => Some(Self::Configuration),
            _ => None,
        }
    }
}

/// A shell that completes words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Shell {
    /// bash, with or without bash-completion.
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

impl Shell {
    /// Names for `--completions`.
    pub(super) const NAMES: [&'static str; 3] = ["bash", "zsh", "fish"];

    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "bash" => Some(Self::Bash),
            "zsh" => Some(Self::Zsh),
            "fish" => Some(Self::Fish),
            _ => None,
        }
    }
}
