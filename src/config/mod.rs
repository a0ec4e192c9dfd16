//! What the user wrote: text to tree with places, tree to typed settings, diagnostics.
//!
//! The way of a configuration, forward only:
//! `files` (which files) → `lex`, `text` (bytes to `tree`, every syntax error with its place) →
//! `read`, `values`, `check` (keys looked up in `keys`, values typed) → `finish` (rules about
//! several keys) → [`settings::Settings`] and a [`diagnose::Report`]. Errors never stop the
//! reading: one run reports everything that is wrong in any file.
//!
//! `keys` is the one table from which also `suggest`, `reference`, `schema` and `effective` are
//! made.

mod bare_word;
mod check;
pub mod cidr;
pub mod diagnose;
mod draft;
mod effective;
mod files;
mod finish;
mod foreign;
#[cfg(test)]
mod grammar_cases;
pub mod keys;
mod lex;
mod manual_page;
#[cfg(test)]
mod mistakes;
pub mod nearest;
mod read;
mod reference;
mod render;
pub mod roff;
mod schema;
pub mod settings;
mod suggest;
mod text;
mod tls;
mod tree;
mod values;

use std::path::Path;

use diagnose::{Diagnostic, Report};
use keys::Feature;
use settings::{Place, Settings, SourceFile};

pub use check::{MEDIA_TYPE_BYTES_MAX, TEXT_BYTES_MAX};
pub use files::{ALL_BYTES_MAX, DEFAULT_DIRS, FILES_MAX, is_a_file};
pub use lex::FAULTS_MAX;
pub use manual_page::manual_page;
pub use read::NotBuilt;
pub use reference::{explain, reference_markdown};
pub use render::excerpt;
pub use schema::schema;
pub use text::{DEPTH_MAX, FILE_BYTES_MAX, VALUES_MAX};

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// An unknown key is an error, not a warning.
    pub strict: bool,
    /// What `_lws_ddir_` stands for.
    pub data_dir: String,
    /// Fill [`Settings::written`].
    pub keep_written: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { strict: false, data_dir: "/usr/share".to_owned(), keep_written: false }
    }
}

/// What came of reading. With errors in the report the settings are incomplete and must not be
/// served: a vhost may have the port 0, a mount no mountpoint or an origin without a scheme.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What there is to say about the text.
    pub report: Report,
    /// Keys and origins that ask for what this version does not have, in the order of the files.
    pub unbuilt: Vec<NotBuilt>,
    /// A file could not be read, or has syntax errors: there may be keys that nothing is known of.
    pub is_damaged: bool,
}

/// Reads `dir/conf` and the files in `dir/conf.d`.
#[must_use]
pub fn load(dir: &Path, options: &Options) -> Loaded {
    let mut report = Report::default();
    let files = files::read_all(dir, &mut report);
    load_reported(files, options, report)
}

/// Reads files that are in memory already: pure, and safe with any bytes whatever.
#[must_use]
pub fn load_texts(files: Vec<SourceFile>, options: &Options) -> Loaded {
    load_reported(files, options, Report::default())
}

fn load_reported(mut files: Vec<SourceFile>, options: &Options, report: Report) -> Loaded {
    let mut report = report;
    if files.len() > usize::from(u16::MAX) {
        report.push(Diagnostic::error(None, "too many files"));
        files.truncate(usize::from(u16::MAX));
    }
    let mut reader = read::Reader::new(&files, options);
    reader.report = report;
    let mut is_damaged = reader.report.has_errors();
    for (index, file) in (0_u16..).zip(&files) {
        let errors = reader.report.counts().errors;
        let tree = text::parse(index, &file.text, &mut reader.report);
        is_damaged |= reader.report.counts().errors > errors;
        let Some(tree) = tree else { continue };
        // Else it is read for what it says of the machine; what seems wrong may be misplaced.
        let told = (!tree.is_balanced).then(|| reader.report.clone());
        reader.file(&tree.value);
        reader.report = told.unwrap_or(reader.report);
    }
    reader.finish(is_damaged);
    let read::Reader { report, mut settings, unbuilt, .. } = reader;
    settings.files = files;
    if options.keep_written {
        settings.written.unbuilt.clone_from(&unbuilt);
    }
    Loaded { settings, report, unbuilt, is_damaged }
}

/// A note for each capability that the configuration asks for and this version does not have.
#[must_use]
pub fn not_built(loaded: &Loaded) -> Vec<Diagnostic> {
    /// Places that a note shows.
    const SHOWN: usize = 4;
    let mut notes: Vec<Diagnostic> = Vec::new();
    let mut features: Vec<Feature> = Vec::new();
    for one in &loaded.unbuilt {
        if features.contains(&one.feature) {
            continue;
        }
        features.push(one.feature);
        let uses = loaded.unbuilt.iter().filter(|u| u.feature == one.feature);
        let mut names: Vec<String> = Vec::new();
        for name in uses.clone().map(|u| format!("\"{}\"", u.key)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let message = format!("this needs {}: not built yet", one.feature.name());
        let have = if names.len() == 1 { "has" } else { "have" };
        let mut hint = format!("{} {have} no effect in this version", names.join(", "));
        let mut uses_again = uses.clone();
        if let Some(origin) = uses_again.find(|u| u.feature == Feature::Proxy && u.key == "origin")
        {
            let url = text_of(&loaded.settings.files, origin.place);
            hint += &format!("; for a redirect put a '>' in front: \">{url}\"");
        }
        let mut note = Diagnostic::note(one.place, message).hint(hint);
        for other in uses.skip(1).take(SHOWN - 1) {
            note = note.related(other.place, "and here");
        }
        notes.push(note);
    }
    notes
}

/// A string of the files, without its quotes.
fn text_of(files: &[SourceFile], place: Place) -> std::borrow::Cow<'_, str> {
    let file = files.get(usize::from(place.file));
    let text = file.and_then(|file| file.text.get(place.start as usize..place.end as usize));
    let text = text.map(|text| text.trim_ascii()).unwrap_or_default();
    String::from_utf8_lossy(
        text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")).unwrap_or(text),
    )
}

/// Whether every place of the report lies within its file: what a fuzz target checks after
/// [`load_texts`].
#[must_use]
pub fn places_are_sound(loaded: &Loaded) -> bool {
    let sound = |place: &Place| {
        let file = loaded.settings.files.get(usize::from(place.file));
        file.is_some_and(|f| place.start <= place.end && place.end as usize <= f.text.len())
    };
    loaded
        .report
        .diagnostics()
        .iter()
        .all(|d| d.place.iter().all(sound) && d.related.iter().all(|(place, _)| sound(place)))
}
