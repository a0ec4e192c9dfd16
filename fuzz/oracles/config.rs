//! A configuration, whatever its bytes, is read or refused, points into itself, and what `-T`
//! prints of it is read again.

use kinglet::config::settings::SourceFile;
use kinglet::config::{Options, load_texts, not_built, places_are_sound};
use kinglet::vhost::World;

/// Checks one input: the text of a configuration file, or anything else.
pub(crate) fn check(input: &[u8]) {
    let file = SourceFile { path: "conf".to_owned(), text: input.to_vec() };
    let loaded = load_texts(vec![file], &Options::default());
    assert!(places_are_sound(&loaded), "a place lies outside of its file");
    let _ = not_built(&loaded);
    let text = loaded.report.render(&loaded.settings.files, false);
    assert_eq!(text.is_empty(), loaded.report.diagnostics().is_empty());
    if loaded.report.has_errors() {
        return;
    }
    // Building the world refuses nothing that was accepted as text.
    let _ = World::build(&loaded.settings);
    let dumped = loaded.settings.effective_json();
    let file = SourceFile { path: "dump".to_owned(), text: dumped.clone().into_bytes() };
    let again = load_texts(vec![file], &Options::default());
    assert!(!again.report.has_errors(), "what -T prints is not accepted:\n{dumped}");
    assert_eq!(again.settings.vhosts.len(), loaded.settings.vhosts.len());
    assert_eq!(again.settings.effective_json(), dumped, "-T of -T differs");
}
