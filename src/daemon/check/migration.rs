//! What a configuration of lwsws will do differently here: the page that `-t` adds for a
//! directory called `lwsws`.
//!
//! Only what concerns this configuration is said, once for each subject, with the first place
//! that it is about. Nothing here looks at the machine.

mod missing;
mod names;
mod running;
mod sites;
mod tls;

use std::path::Path;

use super::identity::Identity;
use crate::config::settings::{Mount, Origin, Place, Settings, SourceFile, Vhost};

/// Columns of the page.
const COLUMNS: usize = 80;
/// What stands before the first line of a difference, and as blanks before further ones.
const BULLET: &str = "  - ";

/// Whether `dir` is the configuration directory of lwsws by its name.
pub(in crate::daemon) fn concerns(dir: &Path) -> bool {
    dir.file_name().is_some_and(|name| name == "lwsws")
}

/// Something that this configuration will do differently.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Difference {
    /// What lwsws did and what Kinglet does.
    text: String,
    /// What to write for the old behaviour.
    before: Option<String>,
    /// The first place that it is about.
    place: Option<Place>,
}

/// A difference of what is written at `place`.
fn difference(place: impl Into<Option<Place>>, text: impl Into<String>) -> Difference {
    Difference { text: text.into(), before: None, place: place.into() }
}

impl Difference {
    /// Adds what to write for the old behaviour.
    fn before(mut self, before: impl Into<String>) -> Self {
        self.before = Some(before.into());
        self
    }
}

/// A configuration and who will serve it.
struct Case<'a> {
    settings: &'a Settings,
    server: &'a Identity,
}

impl<'a> Case<'a> {
    /// All mounts of all vhosts.
    fn mounts(&self) -> impl Iterator<Item = &'a Mount> {
        self.settings.vhosts.iter().flat_map(|vhost| &vhost.mounts)
    }

    /// The first directory that is served and that `is` so.
    fn directory(&self, is: impl Fn(&Mount) -> bool) -> Option<&'a Mount> {
        self.mounts().find(|mount| matches!(mount.origin.value, Origin::File(_)) && is(mount))
    }

    /// The first vhost that `is` so.
    fn vhost(&self, is: impl Fn(&Vhost) -> bool) -> Option<&'a Vhost> {
        self.settings.vhosts.iter().find(|vhost| is(vhost))
    }

    /// The first bytes of a value, without its quote.
    fn begins(&self, place: Place, with: &[u8]) -> bool {
        let file = self.settings.files.get(usize::from(place.file));
        let text = file.and_then(|file| file.text.get(place.start as usize..place.end as usize));
        let text = text.unwrap_or_default();
        text.strip_prefix(b"\"").unwrap_or(text).starts_with(with)
    }
}

/// Finds one difference, if it concerns the configuration.
type Rule = fn(&Case<'_>) -> Option<Difference>;

/// The rules, by subject.
const SUBJECTS: &[(&str, &[Rule])] = &[
    ("rights", running::RIGHTS),
    ("time", running::TIME),
    ("addresses and sockets", names::SOCKETS),
    ("names, redirects and error pages", names::NAMES),
    ("TLS", tls::RULES),
    ("files and passwords", sites::RULES),
    ("access log", running::LOG),
    ("running it", running::PROCESS),
    ("not in this version", missing::RULES),
];

/// The page about `settings` as `server` serves them. They must have been read with
/// [`keep_written`](crate::config::Options::keep_written).
pub(in crate::daemon) fn page(settings: &Settings, server: &Identity) -> String {
    let case = Case { settings, server };
    let mut out = String::new();
    let mut count = 0;
    for (subject, rules) in SUBJECTS {
        let found: Vec<Difference> = rules.iter().filter_map(|rule| rule(&case)).collect();
        if !found.is_empty() {
            out.push_str(&format!("\n{subject}\n"));
        }
        count += found.len();
        found.iter().for_each(|one| write(&mut out, one, &settings.files));
    }
    let title = format!("coming from lwsws: {count} things differ for this configuration");
    let end = "The whole list, and how to switch and go back: docs/migrating-from-lwsws.md";
    format!("{title}\n{out}\n{end}\n\n")
}

/// Writes a difference as a paragraph.
fn write(out: &mut String, one: &Difference, files: &[SourceFile]) {
    let mut text = one.text.clone();
    if let Some(before) = &one.before {
        text.push_str(&format!("; as before: {before}"));
    }
    if let Some(line) = one.place.and_then(|place| line(place, files)) {
        text.push_str(&format!(" ({line})"));
    }
    let mut column = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column == 0 {
            out.push_str(BULLET);
            column = BULLET.len();
        } else if column + 1 + width > COLUMNS {
            out.push('\n');
            out.push_str(&" ".repeat(BULLET.len()));
            column = BULLET.len();
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
}

/// `file:line`.
fn line(place: Place, files: &[SourceFile]) -> Option<String> {
    let file = files.get(usize::from(place.file))?;
    let before = file.text.get(..place.start as usize)?;
    let number = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    Some(format!("{}:{number}", file.path.escape_debug()))
}

#[cfg(test)]
#[path = "migration_tests.rs"]
mod tests;
