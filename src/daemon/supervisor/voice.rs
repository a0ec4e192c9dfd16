//! What the supervisor says: on standard error as long as it starts, in the log from then on,
//! and to whoever asked for a reload.

use std::fmt::Write as _;

use crate::daemon::command::print;
use crate::daemon::finding::{Finding, Severity};
use crate::daemon::plan::Excerpt;
use crate::sys::log::{self, Level};

/// Bytes that are kept for those who asked for a reload.
pub(super) const TOLD_BYTES_MAX: usize = 16 * 1024;

/// What was said, and how to say more.
#[derive(Debug, Default)]
pub(super) struct Voice {
    started: bool,
    reloading: bool,
    told: String,
}

impl Voice {
    /// The first worker serves: from now on there is only the log.
    pub(super) fn start(&mut self) {
        self.started = true;
    }

    /// A reload begins: what is said from now on is kept.
    pub(super) fn begin(&mut self) {
        self.reloading = true;
        self.told.clear();
    }

    /// A reload ends: what was said.
    pub(super) fn end(&mut self) -> String {
        self.reloading = false;
        std::mem::take(&mut self.told)
    }

    /// Says something of one or several lines.
    pub(super) fn say(&mut self, level: Level, text: &str) {
        if text.is_empty() {
            return;
        }
        self.keep(text);
        if self.started {
            for line in text.lines() {
                log::write(level, format_args!("{line}"));
            }
        } else if log::enabled(level) {
            print::err(text);
        }
    }

    /// Says what was found.
    pub(super) fn report(&mut self, finding: &Finding, source: &Excerpt) {
        let level = match finding.severity {
            Severity::Error => Level::Error,
            Severity::Note => Level::Notice,
            _ => Level::Warn,
        };
        self.say(level, &shown(finding, source));
    }

    fn keep(&mut self, text: &str) {
        if !self.reloading {
            return;
        }
        for line in text.lines() {
            if self.told.len() + line.len() < TOLD_BYTES_MAX {
                self.told.push_str(line);
                self.told.push('\n');
            }
        }
    }
}

/// A finding as a check prints it.
fn shown(finding: &Finding, source: &Excerpt) -> String {
    let mut text = String::new();
    if !source.place.is_empty() {
        let _ = write!(text, "{}: ", source.place);
    }
    let _ = writeln!(text, "{}: {}", finding.severity.word(), finding.message);
    text.push_str(&source.lines);
    if let Some(hint) = &finding.hint {
        let _ = writeln!(text, "      = help: {hint}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_look_like_those_of_a_check() {
        let finding = Finding::new(Severity::Error, "port 80 is in use").hint("take another one");
        let source = Excerpt { place: "conf:3:9".into(), lines: "    | 80\n    | ^^\n".into() };
        let text = shown(&finding, &source);
        let lines: Vec<&str> = text.lines().collect();
        let expected = [
            "conf:3:9: error: port 80 is in use",
            "    | 80",
            "    | ^^",
            "      = help: take another one",
        ];
        assert_eq!(lines, expected);
        assert_eq!(shown(&finding, &Excerpt::default()).lines().count(), 2);
    }

    #[test]
    fn what_is_said_during_a_reload_is_kept_within_bounds() {
        let mut voice = Voice::default();
        voice.start();
        voice.say(Level::Debug, "before");
        voice.begin();
        voice.say(Level::Debug, "one\ntwo");
        assert_eq!(voice.end(), "one\ntwo\n");
        voice.say(Level::Debug, "after");
        voice.begin();
        for _ in 0..1_000 {
            voice.say(Level::Debug, &"x".repeat(99));
        }
        let told = voice.end();
        assert!(told.len() <= TOLD_BYTES_MAX && told.len() > TOLD_BYTES_MAX - 200);
    }
}
