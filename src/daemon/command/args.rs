//! The command line.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use lexopt::Arg;

use super::options::{Id, OPTIONS, Opt};
use crate::config::nearest::nearest;
use crate::config::settings::ListenOn;
use crate::sys::log::Level;

/// Directory of the configuration when none is named and it holds a `conf`.
const CONFIG_DIR: &str = "/etc/kinglet";
/// Otherwise: where lwsws has it.
const CONFIG_DIR_LWSWS: &str = "/etc/lwsws";

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Args {
    /// What to do.
    pub action: Action,
    /// What to do it with.
    pub source: Source,
    /// `-d`: what to log.
    pub level: Level,
    /// Not `-n`: plug-ins of the default directory are loaded.
    pub default_plugins: bool,
    /// What `_lws_ddir_` stands for.
    pub data_dir: Option<String>,
    /// `--state-dir`: counts before the configuration's.
    pub state_dir: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) enum Action {
    /// Serve.
    Serve,
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
}

/// Where the configuration comes from.
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
    /// The directory as it was given.
    pub directory: PathBuf,
    /// `--listen`; 127.0.0.1 when not given.
    pub listen_on: ListenOn,
    /// `--port`, or the port of `--listen`; none: the first free one from 7681.
    pub port: Option<u16>,
    /// `--tls`: over https, with a self-signed certificate.
    pub tls: bool,
}

/// What is wrong with the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct UsageError {
    /// What is wrong.
    pub message: String,
    /// What might have been meant.
    pub hint: Option<String>,
}

impl UsageError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kinglet: {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  {hint}")?;
        }
        write!(f, "\n  try 'kinglet --help'")
    }
}

impl std::error::Error for UsageError {}

/// What was found so far.
#[derive(Default)]
struct Draft {
    action: Option<(Action, &'static str)>,
    strict: bool,
    config_dir: Option<PathBuf>,
    directory: Option<PathBuf>,
    listen: Option<(ListenOn, Option<u16>)>,
    port: Option<u16>,
    level: Option<Level>,
    tls: bool,
    no_plugins: bool,
    data_dir: Option<String>,
    state_dir: Option<PathBuf>,
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
                if let Some(first) = draft.directory.replace(value.into()) {
                    let message = format!("more than one directory to serve: {}", first.display());
                    return Err(UsageError::new(message + " and another")
                        .hint("several directories need a configuration: kinglet -c DIR"));
                }
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
            default_plugins: true,
            data_dir: None,
            state_dir: None,
        }
    }
}

impl Draft {
    fn take(&mut self, option: &Opt, parser: &mut lexopt::Parser) -> Result<(), UsageError> {
        let mut value = OsString::new();
        if option.value.is_some() {
            value = parser.value().map_err(|_| {
                UsageError::new(format!("--{} needs a value", option.long)).hint(format!(
                    "--{} {}",
                    option.long,
                    option.value.unwrap_or_default()
                ))
            })?;
        }
        let text = || value.to_str().map_or_else(|| value.to_string_lossy(), Into::into);
        match option.id {
            Id::ConfigDir | Id::StateDir if value.is_empty() => {
                let message = format!("--{} needs the name of a directory", option.long);
                return Err(UsageError::new(message));
            }
            Id::ConfigDir => self.config_dir = Some(value.into()),
            Id::Debug => self.level = Some(parse_level(&text())?),
            Id::NoPlugins => self.no_plugins = true,
            Id::Check => self.act(Action::Check { strict: false }, option.long)?,
            Id::Strict => self.strict = true,
            Id::Dump => self.act(Action::Dump, option.long)?,
            Id::Schema => self.act(Action::Schema, option.long)?,
            Id::Explain => self.act(Action::Explain(text().into_owned()), option.long)?,
            Id::Port => self.port = Some(parse_port(&text())?),
            Id::Listen => self.listen = Some(parse_listen(&text())?),
            Id::Tls => self.tls = true,
            Id::SelfSigned => self.act(Action::SelfSigned, option.long)?,
            Id::StateDir => self.state_dir = Some(value.into()),
            Id::DataDir => self.data_dir = Some(text().into_owned()),
            Id::Help | Id::Version => {}
        }
        Ok(())
    }

    fn act(&mut self, action: Action, long: &'static str) -> Result<(), UsageError> {
        match &self.action {
            Some((_, before)) if *before != long => {
                Err(UsageError::new(format!("--{before} and --{long} cannot be done at once")))
            }
            _ => {
                self.action = Some((action, long));
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<Args, UsageError> {
        let mut action = self.action.map_or(Action::Serve, |(action, _)| action);
        if self.strict {
            match &mut action {
                Action::Check { strict } => *strict = true,
                _ => {
                    return Err(UsageError::new("--strict is for --check only")
                        .hint("did you mean -t --strict?"));
                }
            }
        }
        let source = match (self.directory, self.config_dir) {
            (Some(directory), Some(config)) => {
                return Err(UsageError::new(format!(
                    "either serve {} or read the configuration {}",
                    directory.display(),
                    config.display()
                ))
                .hint("with -c, the configuration names what is served"));
            }
            (Some(directory), None) => {
                let tls = self.tls || action == Action::SelfSigned;
                Source::Quick(quick(directory, self.listen, self.port, tls)?)
            }
            (None, _) if self.tls => {
                return Err(UsageError::new("--tls goes with a directory to serve").hint(
                    "kinglet --tls DIR; in a configuration \"host-ssl-cert\" turns TLS on, with a \
                     file or \"self-signed\"",
                ));
            }
            (None, _) if self.listen.is_some() || self.port.is_some() => {
                return Err(UsageError::new("--listen and --port go with a directory to serve")
                    .hint(
                        "kinglet --port 8080 DIR; a configuration has \"port\" and \"interface\"",
                    ));
            }
            (None, Some(config)) => Source::Configured(config),
            (None, None) => Source::Configured(default_config_dir()),
        };
        Ok(Args {
            action,
            source,
            level: self.level.unwrap_or(Level::Notice),
            default_plugins: !self.no_plugins,
            data_dir: self.data_dir,
            // Serving a directory may change the working directory.
            state_dir: self.state_dir.map(|dir| std::path::absolute(&dir).unwrap_or(dir)),
        })
    }
}

fn quick(
    directory: PathBuf,
    listen: Option<(ListenOn, Option<u16>)>,
    port: Option<u16>,
    tls: bool,
) -> Result<QuickSource, UsageError> {
    let loopback = ListenOn::Address(IpAddr::from([127, 0, 0, 1]), None);
    let (listen_on, listen_port) = listen.unwrap_or((loopback, None));
    if let (Some(one), Some(other)) = (port, listen_port)
        && one != other
    {
        return Err(UsageError::new(format!("two ports: {one} and {other}")));
    }
    Ok(QuickSource { directory, listen_on, port: port.or(listen_port), tls })
}

/// The directory that is read when none is named.
#[must_use]
pub(in crate::daemon) fn default_config_dir() -> PathBuf {
    let ours = Path::new(CONFIG_DIR);
    if ours.join("conf").exists() { ours.into() } else { CONFIG_DIR_LWSWS.into() }
}

fn by_short(letter: char) -> Result<&'static Opt, UsageError> {
    OPTIONS.iter().find(|option| option.short == Some(letter)).ok_or_else(|| {
        let error = UsageError::new(format!("unknown option -{}", letter.escape_default()));
        // -p for --port: what the letter stands for, if only one option begins with it.
        let mut likely = OPTIONS.iter().filter(|option| option.long.starts_with(letter));
        match (likely.next(), likely.next()) {
            (Some(option), None) => error.hint(format!("did you mean --{}?", option.long)),
            _ => error,
        }
    })
}

fn by_long(name: &str) -> Result<&'static Opt, UsageError> {
    OPTIONS.iter().find(|option| option.long == name).ok_or_else(|| {
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

fn parse_level(text: &str) -> Result<Level, UsageError> {
    Level::parse(text).ok_or_else(|| {
        let error = UsageError::new(format!("unknown log level '{}'", text.escape_debug()));
        match nearest(text, Level::NAMES) {
            Some(name) => error.hint(format!("did you mean {name}?")),
            None => error.hint(format!("one of {}", Level::NAMES.join(", "))),
        }
    })
}

fn parse_port(text: &str) -> Result<u16, UsageError> {
    text.parse().map_err(|_| {
        UsageError::new(format!("'{}' is not a port", text.escape_debug()))
            .hint("a port is a number from 1 to 65535; 0 takes any free one")
    })
}

/// Reads `ADDR`, `ADDR:PORT`, `[ADDR]:PORT` or `:PORT`.
fn parse_listen(text: &str) -> Result<(ListenOn, Option<u16>), UsageError> {
    let (host, port) = split_port(text);
    let port = port.map(parse_port).transpose()?;
    let listen_on = match host {
        "localhost" => ListenOn::Address(IpAddr::from([127, 0, 0, 1]), None),
        "" if port.is_some() => ListenOn::Address(IpAddr::from([127, 0, 0, 1]), None),
        "*" => ListenOn::Any,
        _ => {
            let (address, scope) = match host.split_once('%') {
                Some((address, scope)) => (address, Some(scope.to_owned())),
                None => (host, None),
            };
            let address = address.parse().map_err(|_| {
                UsageError::new(format!("'{}' is not an address", text.escape_debug()))
                    .hint("for example 127.0.0.1, 0.0.0.0:8080, [::1]:8080 or *")
            })?;
            ListenOn::Address(address, scope)
        }
    };
    Ok((listen_on, port))
}

/// Splits a port off; the colons of a bare IPv6 address are part of it.
fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some(rest) = text.strip_prefix('[')
        && let Some((host, after)) = rest.split_once(']')
    {
        return match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => (text, None),
        };
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
