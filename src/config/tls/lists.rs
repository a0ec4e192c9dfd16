//! `ciphers`, `tls13-ciphers` and `ecdh-curve`: what the lists choose, and what is to be said
//! about words that choose nothing.

use std::ops::Range;

use super::super::diagnose::Diagnostic;
use super::super::draft::TlsDraft;
use super::super::nearest::nearest;
use super::super::read::{Reader, SUGGESTIONS_MAX};
use super::super::settings::{Group, Located, Place, Suite};
use crate::tls::{self, LeftOut, Parsed, Why};

/// Characters of a word that a message shows.
const SHOWN_CHARS_MAX: usize = 60;
/// Words that a message names.
const NAMED_MAX: usize = 8;

/// The word as far as a message shows it.
pub(super) fn shortened(word: &str) -> String {
    word.chars().take(SHOWN_CHARS_MAX).collect()
}

/// What a list is about.
#[derive(Clone, Copy)]
struct About {
    key: &'static str,
    /// What an empty choice lacks.
    what: &'static str,
    /// What to write instead of a list that chooses nothing.
    instead: &'static str,
    /// For a suite of the other version: which version, and its key.
    other: (&'static str, &'static str),
    /// The words that may be meant.
    words: fn() -> Vec<&'static str>,
}

const TLS12: About = About {
    key: "ciphers",
    what: "no suite of TLS 1.2",
    instead: "for example \"ciphers\": \"EECDH+AESGCM:EECDH+CHACHA20\"; to turn TLS 1.2 off write \
              \"ssl-option-set\": \"134217728\"",
    other: ("TLS 1.3", "tls13-ciphers"),
    words: || tls::tls12_words().collect(),
};

const TLS13: About = About {
    key: "tls13-ciphers",
    what: "no suite of TLS 1.3",
    instead: "for example \"tls13-ciphers\": \"TLS_AES_128_GCM_SHA256\"; to turn TLS 1.3 off write \
              \"ssl-option-set\": \"536870912\"",
    other: ("TLS 1.2", "ciphers"),
    words: || Suite::TLS13.into_iter().map(Suite::name).collect(),
};

const GROUPS: About = About {
    key: "ecdh-curve",
    what: "no curve",
    instead: "for example \"ecdh-curve\": \"X25519:prime256v1\"",
    other: ("", ""),
    words: || tls::group_words().collect(),
};

impl Reader<'_> {
    /// The bytes of `range` within a text; the whole text where the file spells it with escapes.
    pub(super) fn within(&self, text: &Located<String>, range: Range<usize>) -> Place {
        let place = text.place;
        let inner = self.source(place).strip_prefix(b"\"").and_then(|s| s.strip_suffix(b"\""));
        let offset = |at: usize| {
            u32::try_from(at).map_or(place.end, |at| place.start.saturating_add(1 + at))
        };
        if inner == Some(text.value.as_bytes()) {
            Place { start: offset(range.start), end: offset(range.end), ..place }
        } else {
            place
        }
    }

    /// `ciphers`. None when not given, when nothing is left of it, or when TLS 1.2 is off.
    pub(super) fn tls12_suites(&mut self, draft: &TlsDraft, on: bool) -> Option<Vec<Suite>> {
        let list = draft.ciphers.as_ref()?;
        self.of_version(list, tls::parse_tls12(&list.value), &TLS12, on)
    }

    /// `tls13-ciphers`. None when not given, when nothing is left of it, or when TLS 1.3 is off.
    pub(super) fn tls13_suites(&mut self, draft: &TlsDraft, on: bool) -> Option<Vec<Suite>> {
        let list = draft.tls13_ciphers.as_ref()?;
        self.of_version(list, tls::parse_tls13(&list.value), &TLS13, on)
    }

    fn of_version(
        &mut self,
        list: &Located<String>,
        parsed: Parsed<'_, Suite>,
        about: &About,
        on: bool,
    ) -> Option<Vec<Suite>> {
        if on {
            return self.chosen(list, parsed, about);
        }
        let version = about.what.trim_start_matches("no suite of ");
        let message = format!("\"{}\" has no effect: {version} is turned off", about.key);
        self.report.push(Diagnostic::note(list.place, message));
        None
    }

    /// `ecdh-curve`. None when not given, when nothing is left of it, or with OpenSSL's word for
    /// its own choice.
    pub(super) fn groups(&mut self, draft: &TlsDraft) -> Option<Vec<Group>> {
        let list = draft.ecdh_curve.as_ref()?;
        let own_choice = ["auto", "DEFAULT"];
        if own_choice.iter().any(|word| list.value.trim().eq_ignore_ascii_case(word)) {
            return None;
        }
        self.chosen(list, tls::parse_groups(&list.value), &GROUPS)
    }

    /// What a list chooses. None when that is nothing: then it counts for nothing, as in lwsws.
    fn chosen<T>(
        &mut self,
        list: &Located<String>,
        parsed: Parsed<'_, T>,
        about: &About,
    ) -> Option<Vec<T>> {
        let mut rest = parsed.left_out.as_slice();
        while let Some(first) = rest.first() {
            let run = if first.why == Why::NotHere { run_length(&list.value, rest) } else { 1 };
            let (now, later) = rest.split_at_checked(run).unwrap_or((rest, &[]));
            match first.why {
                Why::NotHere => self.not_here(list, now, about),
                Why::OtherVersion => self.other_version(list, first, about),
                Why::Unknown => self.unknown_word(list, first, about),
            }
            rest = later;
        }
        if parsed.chosen.is_empty() {
            let message = format!("\"{}\" leaves {}: all are used", about.key, about.what);
            self.report.push(Diagnostic::warning(list.place, message).hint(about.instead));
            return None;
        }
        Some(parsed.chosen)
    }

    /// A note for words that stand side by side.
    fn not_here(&mut self, list: &Located<String>, words: &[LeftOut<'_>], about: &About) {
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        let place = self.within(list, first.range.start..last.range.end);
        let names: Vec<String> =
            words.iter().take(NAMED_MAX).map(|l| format!("\"{}\"", shortened(l.word))).collect();
        let more = words.len() - names.len();
        let message = match (names.as_slice(), more) {
            ([one], 0) => format!("{one} is left out: Kinglet does not have it"),
            (names, 0) => {
                format!("left out, as Kinglet does not have them: {}", names.join(", "))
            }
            (names, more) => {
                let names = names.join(", ");
                format!("left out, as Kinglet does not have them: {names} and {more} more")
            }
        };
        let hint = format!("\"kinglet --explain {}\" lists what is known", about.key);
        self.report.push(Diagnostic::note(place, message).hint(hint));
    }

    fn other_version(&mut self, list: &Located<String>, word: &LeftOut<'_>, about: &About) {
        let place = self.within(list, word.range.clone());
        let (version, key) = about.other;
        let message = format!("\"{}\" is a suite of {version}", shortened(word.word));
        let hint = format!("it belongs in \"{key}\"");
        self.report.push(Diagnostic::warning(place, message).hint(hint));
    }

    fn unknown_word(&mut self, list: &Located<String>, word: &LeftOut<'_>, about: &About) {
        let place = self.within(list, word.range.clone());
        let message = format!("\"{}\" in \"{}\" is unknown", shortened(word.word), about.key);
        let few = self.report.counts().total() < SUGGESTIONS_MAX;
        let near = if few { nearest(word.word, (about.words)()) } else { None };
        let hint = near.map(|near| format!("did you mean \"{near}\"?"));
        self.report.push(Diagnostic::warning(place, message).maybe_hint(hint));
    }
}

/// How many of the first words are not here and stand side by side in the list.
fn run_length(list: &str, words: &[LeftOut<'_>]) -> usize {
    let side_by_side = |pair: &&[LeftOut<'_>]| match pair {
        [one, next] => {
            let between = list.get(one.range.end..next.range.start).unwrap_or("x");
            next.why == Why::NotHere
                && !between
                    .contains(|c: char| c.is_ascii_graphic() && c != ':' && c != ',' && c != ';')
        }
        _ => false,
    };
    1 + words.windows(2).take_while(side_by_side).count()
}
