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
pub(in crate::daemon) struct Voice {
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
        if !self.started {
            if log::enabled(level) {
                print::err(text);
            }
        } else if text.lines().count() == 1 {
            log::write(level, format_args!("{}", untold(level, text.trim_end())));
        } else {
            let lines = text.lines().map(|line| untold(level, line));
            lines.for_each(|line| log::write_whole(level, format_args!("{line}")));
        }
    }

    /// Says what a check has printed, each finding with its own severity; `level` is for what is
    /// part of none.
    pub(super) fn pass_on(&mut self, level: Level, text: &str) {
        let (mut current, mut from, mut at) = (level, 0, 0);
        for line in text.split_inclusive('\n') {
            if let Some(next) = level_of(line, level).filter(|next| *next != current) {
                self.say(current, text.get(from..at).unwrap_or_default());
                (current, from) = (next, at);
            }
            at += line.len();
        }
        self.say(current, text.get(from..).unwrap_or_default());
    }

    /// Says what was found.
    pub(in crate::daemon) fn report(&mut self, finding: &Finding, source: &Excerpt) {
        self.say(level(finding.severity), &shown(finding, source));
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

/// A line without the word in front that the log adds by itself.
fn untold(level: Level, line: &str) -> &str {
    let word = match level {
        Level::Error => "error: ",
        Level::Warn => "warning: ",
        _ => return line,
    };
    line.strip_prefix(word).unwrap_or(line)
}

/// How much a line of a check's output matters; none for one that belongs to what is before it.
fn level_of(line: &str, otherwise: Level) -> Option<Level> {
    if line.starts_with(' ') {
        return None;
    }
    let all = [Severity::Error, Severity::Degraded, Severity::Warning, Severity::Note];
    let place = |severity: Severity| {
        let head = format!("{}: ", severity.word());
        let inside = line.find(&format!(": {head}"));
        if line.starts_with(&head) { Some(0) } else { inside }
    };
    // The first word: a message may have others in it.
    let found = all.into_iter().filter_map(|severity| Some((place(severity)?, severity)));
    match found.min_by_key(|(at, _)| *at) {
        Some((_, Severity::Note)) => None,
        Some((_, severity)) => Some(level(severity)),
        None => Some(otherwise),
    }
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Error => Level::Error,
        Severity::Degraded | Severity::Warning => Level::Warn,
        Severity::Note => Level::Notice,
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
    fn lines_of_a_check_matter_as_much_as_their_findings() {
        let known = [
            ("conf:3:9: error: a: warning: b", Some(Level::Error)),
            ("conf:3:9: warning: a: error: b", Some(Level::Warn)),
            ("degraded: the address is away", Some(Level::Warn)),
            ("error: nothing to listen on\n", Some(Level::Error)),
            ("conf:1:2: note: it was here before", None),
            ("    | \"x\": error: ", None),
            ("      = help: note: error: ", None),
            ("and 3 more", Some(Level::Debug)),
            ("kinglet: the configuration has 1 error", Some(Level::Debug)),
        ];
        for (line, expected) in known {
            assert_eq!(level_of(line, Level::Debug), expected, "{line}");
        }
    }

    #[test]
    fn the_log_says_a_level_once() {
        assert_eq!(untold(Level::Error, "error: port 80 is in use"), "port 80 is in use");
        assert_eq!(untold(Level::Warn, "warning: a"), "a");
        for line in ["degraded: a", "conf:1:2: warning: a", "note: error: a"] {
            assert_eq!(untold(Level::Warn, line), line);
        }
    }

    #[test]
    fn all_that_a_check_has_printed_is_passed_on() {
        let text = "conf:1:1: warning: a\n   | x\nconf:2:1: note: b\nerror: c\nand 2 more\nlast";
        let mut voice = Voice::default();
        voice.start();
        voice.begin();
        voice.pass_on(Level::Debug, text);
        voice.pass_on(Level::Debug, "");
        assert_eq!(voice.end(), format!("{text}\n"));
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
