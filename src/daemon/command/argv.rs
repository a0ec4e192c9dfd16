//! Command lines for the processes that belong to a supervisor.

use std::ffi::OsString;

use super::args::{Args, Source};
use super::listen::listen_text;

/// What a process of the supervisor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Role {
    /// Reads and checks the configuration.
    Plan,
    /// Serves.
    Worker,
    /// Takes the supervisor's place; its state is in this descriptor.
    Resume(i32),
}

impl Args {
    /// The command line, program name first, of a process with this role: read again it gives the
    /// same arguments, and it means the same in every working directory.
    #[must_use]
    pub(in crate::daemon) fn to_argv(&self, role: Role) -> Vec<OsString> {
        let mut argv: Vec<OsString> = vec!["kinglet".into()];
        match role {
            Role::Plan => argv.push("--plan".into()),
            Role::Worker => argv.push("--worker".into()),
            Role::Resume(fd) => argv.push(format!("--resume={fd}").into()),
        }
        if self.daemonize {
            argv.push("--daemonize".into());
        }
        if let Some(file) = &self.pid_file {
            push(&mut argv, "--pid-file", file);
        }
        push(&mut argv, "--debug", self.level.name());
        push(&mut argv, "--log", self.log_target.name());
        if !self.default_plugins {
            argv.push("--no-default-plugins".into());
        }
        if let Some(dir) = &self.data_dir {
            push(&mut argv, "--data-dir", dir);
        }
        if let Some(dir) = &self.state_dir {
            push(&mut argv, "--state-dir", dir);
        }
        if let Some(dir) = &self.state_default {
            push(&mut argv, "--state-default", dir);
        }
        match &self.source {
            Source::Configured(dir) => push(&mut argv, "--configdir", dir),
            Source::Quick(quick) => {
                push(&mut argv, "--listen", listen_text(&quick.listen_on));
                if let Some(port) = quick.port {
                    push(&mut argv, "--port", port.to_string());
                }
                if quick.tls {
                    argv.push("--tls".into());
                }
                // It begins with a slash, or with a dot when there is no working directory that
                // could be named: never with a dash, and it is never a command.
                argv.push("--".into());
                if quick.directory.is_absolute() {
                    argv.push(quick.directory.clone().into());
                } else {
                    argv.push(std::path::Path::new(".").join(&quick.directory).into());
                }
            }
        }
        argv
    }
}

/// Appends `--name=value`, which takes any value, also an empty one.
fn push(argv: &mut Vec<OsString>, name: &str, value: impl Into<OsString>) {
    let mut word = OsString::from(name);
    word.push("=");
    word.push(value.into());
    argv.push(word);
}

#[cfg(test)]
#[path = "argv_tests.rs"]
mod tests;
