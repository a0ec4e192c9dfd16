//! What `-h`, `--help` and `--version` print.

use std::fmt::Write as _;

use super::options::{OPTIONS, Opt};
use super::topics::{self, Topic};

/// Column at which descriptions begin.
const COLUMN: usize = 28;
/// Column at which what more there is to say begins.
const COLUMN_MORE: usize = 10;

const USAGE: &str = "\
Usage: kinglet [OPTIONS] DIR      serve a directory at http://127.0.0.1:7681
       kinglet [OPTIONS] [-c DIR] serve what a configuration says
       kinglet status|reload|log [-c DIR | DIR]   ask the server that runs
";

/// The name and version of the program.
#[must_use]
pub(in crate::daemon) fn version() -> &'static str {
    concat!("kinglet ", env!("CARGO_PKG_VERSION"))
}

/// `-h`: a line for each option that is not rare.
#[must_use]
pub(in crate::daemon) fn short() -> String {
    let mut text = format!("{} - a web server for small boards\n\n{USAGE}\n", version());
    for option in OPTIONS.iter().filter(|option| !option.rare) {
        line(&mut text, option);
    }
    text + "\nMore: kinglet --help\n"
}

/// `--help`: everything.
#[must_use]
pub(in crate::daemon) fn long() -> String {
    let mut text = format!("{} - a web server for small boards\n\n{USAGE}\n", version());
    text += "Options:\n";
    for option in OPTIONS {
        line(&mut text, option);
        for more in option.more.lines() {
            let _ = writeln!(text, "{:COLUMN_MORE$}{more}", "");
        }
    }
    let _ = write!(text, "\n{}\n{}\n", topics::QUICK, topics::CONFIGURATIONS);
    table(&mut text, "Commands", topics::COMMANDS);
    text += topics::ASKING;
    text.push('\n');
    for (title, topic) in [
        ("Signals", topics::SIGNALS),
        ("Exit codes", topics::EXIT_CODES),
        ("For packages", topics::PACKAGING),
        ("Examples", topics::EXAMPLES),
    ] {
        table(&mut text, title, topic);
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn table(text: &mut String, title: &str, topic: Topic) {
    let width = topic.iter().map(|(word, _)| word.len()).max().unwrap_or(0);
    let _ = writeln!(text, "{title}:");
    for (word, meaning) in topic {
        let _ = writeln!(text, "  {word:width$}  {meaning}");
    }
    text.push('\n');
}

fn line(text: &mut String, option: &Opt) {
    let mut names = match option.short {
        Some(letter) => format!("  -{letter}, --{}", option.long),
        None => format!("      --{}", option.long),
    };
    if let Some(value) = option.value {
        let _ = write!(names, " {value}");
    }
    let _ = writeln!(text, "{names:<COLUMN$}{}", option.brief);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::command::action::Control;

    #[test]
    fn every_option_is_in_both_and_no_line_is_too_long() {
        for text in [short(), long()] {
            for option in OPTIONS.iter().filter(|option| !option.rare || text == long()) {
                assert!(text.contains(&format!("--{}", option.long)));
                assert!(text.contains(option.brief));
            }
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{line}");
                assert_eq!(line, line.trim_end());
            }
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"));
        }
        assert!(short().lines().count() < 24);
        assert!(long().contains("  78  the configuration is wrong\n\n"));
        for command in Control::NAMES {
            assert!(long().contains(&format!("\n  {command}")));
        }
    }

    #[test]
    fn descriptions_are_in_one_column() {
        for line in short().lines().filter(|line| line.starts_with("  -")) {
            assert_eq!(line.as_bytes().get(COLUMN - 1), Some(&b' '), "{line}");
        }
    }
}
