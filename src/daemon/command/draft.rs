//! A command line while it is read, and what it comes to.

use std::ffi::OsString;
use std::path::PathBuf;

use super::action::{Action, Control, Page, Shell};
use super::args::{Args, QuickSource, Source, default_config_dir};
use super::listen::{loopback, parse_listen, parse_port};
use super::options::{Id, OPTIONS, Opt};
use super::usage::UsageError;
use crate::config::nearest::nearest;
use crate::config::settings::ListenOn;
use crate::sys::log::{Level, Target};

/// What was found so far.
#[derive(Default)]
pub(super) struct Draft {
    /// What to do, and how that was written.
    action: Option<(Action, &'static str)>,
    strict: bool,
    json: bool,
    follow: bool,
    config_dir: Option<PathBuf>,
    directory: Option<PathBuf>,
    listen: Option<(ListenOn, Option<u16>)>,
    port: Option<u16>,
    level: Option<Level>,
    log_target: Option<Target>,
    daemonize: bool,
    pid_file: Option<PathBuf>,
    tls: bool,
    no_plugins: bool,
    data_dir: Option<String>,
    state_dir: Option<PathBuf>,
    state_default: Option<PathBuf>,
}

impl Draft {
    /// Takes a word that is no option: the first one may be a command, otherwise it is the
    /// directory to serve.
    pub(super) fn take_word(&mut self, word: OsString) -> Result<(), UsageError> {
        let asks = matches!(self.action, Some((Action::Control(_), _)));
        if !asks
            && self.directory.is_none()
            && let Some(control) = word.to_str().and_then(Control::parse)
        {
            return self.act(Action::Control(control), control.name());
        }
        let control = word.to_str().and_then(Control::parse);
        if let Some(first) = self.directory.replace(word.into()) {
            let first = first.display();
            let error = UsageError::new(format!("more than one directory: {first} and another"));
            return Err(error.hint(match control {
                _ if asks => "one server is asked at a time".to_owned(),
                Some(control) => format!("did you mean kinglet {} {first}?", control.name()),
                None => "to serve several takes a configuration: kinglet -c DIR".to_owned(),
            }));
        }
        Ok(())
    }

    /// Takes an option, with its value if it has one.
    pub(super) fn take(
        &mut self,
        option: &Opt,
        parser: &mut lexopt::Parser,
    ) -> Result<(), UsageError> {
        let mut value = OsString::new();
        if option.value.is_some() {
            let attached = parser.optional_value();
            // The next option is no value: --pid-file -D would write a file "-D".
            let next = || parser.value().ok().filter(|next| !is_option(&next.to_string_lossy()));
            let found = attached.or_else(next);
            value = found.ok_or_else(|| {
                UsageError::new(format!("--{} needs a value", option.long)).hint(format!(
                    "--{} {}",
                    option.long,
                    option.value.unwrap_or_default()
                ))
            })?;
        }
        let text = || value.to_str().map_or_else(|| value.to_string_lossy(), Into::into);
        match option.id {
            Id::ConfigDir | Id::StateDir | Id::PidFile if value.is_empty() => {
                let what = if option.id == Id::PidFile { "file" } else { "directory" };
                let message = format!("--{} needs the name of a {what}", option.long);
                return Err(UsageError::new(message));
            }
            Id::ConfigDir => self.config_dir = Some(value.into()),
            Id::Debug => self.level = Some(parse_level(&text())?),
            Id::Log => self.log_target = Some(parse_target(&text())?),
            Id::Daemonize => self.daemonize = true,
            Id::PidFile => self.pid_file = Some(value.into()),
            Id::NoPlugins => self.no_plugins = true,
            Id::Strict => self.strict = true,
            Id::Json => self.json = true,
            Id::Follow => self.follow = true,
            Id::Port => self.port = Some(parse_port(&text())?),
            Id::Listen => self.listen = Some(parse_listen(&text())?),
            Id::Tls => self.tls = true,
            Id::StateDir => self.state_dir = Some(value.into()),
            Id::StateDefault => self.state_default = Some(value.into()),
            Id::DataDir => self.data_dir = Some(text().into_owned()),
            Id::Check => self.act(Action::Check { strict: false }, "--check")?,
            Id::Dump => self.act(Action::Dump, "--dump")?,
            Id::Schema => self.act(Action::Schema, "--schema")?,
            Id::Explain => self.act(Action::Explain(text().into_owned()), "--explain")?,
            Id::SelfSigned => self.act(Action::SelfSigned, "--self-signed")?,
            Id::OneProcess => self.act(Action::OneProcess, "--one-process")?,
            Id::Plan => self.act(Action::Plan, "--plan")?,
            Id::Worker => self.act(Action::Worker, "--worker")?,
            Id::Resume => self.act(Action::Resume(parse_descriptor(&text())?), "--resume")?,
            Id::Man => self.act(Action::Manual(parse_page(&text())?), "--man")?,
            Id::Completions => {
                self.act(Action::Completions(parse_shell(&text())?), "--completions")?;
            }
            Id::Help | Id::Version => {}
        }
        Ok(())
    }

    fn act(&mut self, action: Action, name: &'static str) -> Result<(), UsageError> {
        match &self.action {
            Some((_, before)) if *before != name => {
                Err(UsageError::new(format!("{before} and {name} cannot be done at once")))
            }
            _ => {
                self.action = Some((action, name));
                Ok(())
            }
        }
    }

    /// The whole of it.
    pub(super) fn finish(mut self) -> Result<Args, UsageError> {
        let mut action = self.action.take().map_or(Action::Serve, |(action, _)| action);
        if self.strict {
            match &mut action {
                Action::Check { strict } => *strict = true,
                _ => {
                    return Err(UsageError::new("--strict is for --check only")
                        .hint("did you mean -t --strict?"));
                }
            }
        }
        if self.json {
            match &mut action {
                Action::Control(Control::Status { json }) => *json = true,
                _ => {
                    return Err(UsageError::new("--json is for status only")
                        .hint("did you mean kinglet status --json?"));
                }
            }
        }
        if self.follow {
            match &mut action {
                Action::Control(Control::Log { follow }) => *follow = true,
                _ => {
                    return Err(UsageError::new("--follow is for log only")
                        .hint("did you mean kinglet log -f?"));
                }
            }
        }
        if action == Action::OneProcess && (self.daemonize || self.pid_file.is_some()) {
            let option = if self.daemonize { "--daemonize" } else { "--pid-file" };
            return Err(UsageError::new(format!("{option} needs a supervisor"))
                .hint("leave --one-process out"));
        }
        let elsewhere = action.serves() || matches!(action, Action::Control(_));
        let is_named = self.directory.is_some() || self.config_dir.is_some();
        let source = self.source(&action)?;
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let background = if self.daemonize { Target::Syslog } else { Target::Stderr };
        Ok(Args {
            source: if elsewhere { source.absolute() } else { source },
            level: self.level.unwrap_or(Level::Notice),
            log_target: self.log_target.unwrap_or(background),
            daemonize: self.daemonize,
            pid_file: self.pid_file.map(absolute),
            default_plugins: !self.no_plugins,
            data_dir: match self.data_dir {
                Some(dir) if action.serves() => Some(absolute_text(dir)),
                given => given,
            },
            state_dir: self.state_dir.map(absolute),
            state_default: self.state_default,
            asks_any: !is_named && matches!(action, Action::Control(_)),
            action,
        })
    }

    fn source(&mut self, action: &Action) -> Result<Source, UsageError> {
        let listens = self.listen.is_some() || self.port.is_some();
        if let Action::Control(control) = action
            && (self.tls || listens)
        {
            let name = control.name();
            let message = format!("{name} is a command, and asks a server that runs already");
            return Err(UsageError::new(message)
                .hint(format!("kinglet ./{name} serves a directory of that name")));
        }
        match (self.directory.take(), self.config_dir.take()) {
            (Some(directory), Some(config)) => Err(UsageError::new(format!(
                "either the directory {} or the configuration {}",
                directory.display(),
                config.display()
            ))
            .hint("with -c, the configuration names what is served")),
            (Some(directory), None) => {
                let tls = self.tls || *action == Action::SelfSigned;
                Ok(Source::Quick(quick(directory, self.listen.take(), self.port, tls)?))
            }
            (None, _) if self.tls => Err(UsageError::new("--tls goes with a directory to serve")
                .hint(
                    "kinglet --tls DIR; in a configuration \"host-ssl-cert\" turns TLS on, with a \
                     file or \"self-signed\"",
                )),
            (None, _) if listens => Err(UsageError::new(
                "--listen and --port go with a directory to serve",
            )
            .hint("kinglet --port 8080 DIR; a configuration has \"port\" and \"interface\"")),
            (None, Some(config)) => Ok(Source::Configured(config)),
            (None, None) => Ok(Source::Configured(default_config_dir())),
        }
    }
}

impl Source {
    /// The same from every working directory.
    fn absolute(self) -> Self {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        match self {
            Self::Configured(dir) => Self::Configured(absolute(dir)),
            Self::Quick(quick) => {
                Self::Quick(QuickSource { directory: absolute(quick.directory), ..quick })
            }
        }
    }
}

/// An absolute path as text; what has none stays as it is.
fn absolute_text(dir: String) -> String {
    let absolute = std::path::absolute(&dir).ok();
    absolute.and_then(|path| path.into_os_string().into_string().ok()).unwrap_or(dir)
}

fn quick(
    directory: PathBuf,
    listen: Option<(ListenOn, Option<u16>)>,
    port: Option<u16>,
    tls: bool,
) -> Result<QuickSource, UsageError> {
    let (listen_on, listen_port) = listen.unwrap_or_else(|| (loopback(), None));
    if let (Some(one), Some(other)) = (port, listen_port)
        && one != other
    {
        return Err(UsageError::new(format!("two ports: {one} and {other}")));
    }
    Ok(QuickSource { directory, listen_on, port: port.or(listen_port), tls })
}

/// Whether a word is an option as it stands.
fn is_option(word: &str) -> bool {
    let is_long = |name: &str| OPTIONS.iter().any(|option| option.long == name);
    let is_short = |letter: &str| {
        OPTIONS.iter().any(|option| option.short.is_some_and(|short| letter == short.to_string()))
    };
    match word.strip_prefix("--") {
        Some(name) => is_long(name.split('=').next().unwrap_or_default()),
        None => word.strip_prefix('-').is_some_and(is_short),
    }
}

fn parse_level(text: &str) -> Result<Level, UsageError> {
    Level::parse(text).ok_or_else(|| one_of("log level", text, &Level::NAMES))
}

fn parse_target(text: &str) -> Result<Target, UsageError> {
    Target::parse(text).ok_or_else(|| one_of("place for the log", text, &Target::NAMES))
}

fn parse_page(text: &str) -> Result<Page, UsageError> {
    Page::parse(text).ok_or_else(|| one_of("section of the manual", text, &["8", "5"]))
}

fn parse_shell(text: &str) -> Result<Shell, UsageError> {
    Shell::parse(text).ok_or_else(|| one_of("shell", text, &Shell::NAMES))
}

/// A descriptor that is none of the three that every program has.
fn parse_descriptor(text: &str) -> Result<i32, UsageError> {
    text.parse()
        .ok()
        .filter(|fd| *fd > 2)
        .ok_or_else(|| UsageError::new(format!("'{}' is not a descriptor", text.escape_debug())))
}

fn one_of(what: &str, text: &str, names: &[&'static str]) -> UsageError {
    let error = UsageError::new(format!("unknown {what} '{}'", text.escape_debug()));
    match nearest(text, names.iter().copied()) {
        Some(name) => error.hint(format!("did you mean {name}?")),
        None => error.hint(format!("one of {}", names.join(", "))),
    }
}
