//! Words outside quotes: which are numbers, and what is meant by those that are nothing.

use super::diagnose::Diagnostic;
use super::settings::Place;

/// What is wrong with `text`, which is no literal and no number.
pub(super) fn fault(place: Place, text: &str) -> Diagnostic {
    if let Some(text) = text.strip_suffix('"') {
        Diagnostic::error(place, "string without its opening quote")
            .hint(format!("write \"{}\"", shortened(text)))
    } else if text.bytes().all(|b| b.is_ascii_digit() || b"+-.eExX".contains(&b)) {
        Diagnostic::error(place, format!("'{text}' is not a number of JSON"))
            .hint(format!("write it in double quotes if that is what you mean: \"{text}\""))
    } else {
        Diagnostic::error(place, format!("unexpected '{}'", shortened(text))).hint(word_hint(text))
    }
}

fn word_hint(text: &str) -> String {
    for literal in ["true", "false", "null"] {
        if text.eq_ignore_ascii_case(literal) {
            return format!("write it in lower case: {literal}");
        }
    }
    format!("a value that is not a number needs double quotes: \"{}\"", shortened(text))
}

/// The first characters of a text, for a message.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 24;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Whether `word` is a number by JSON's grammar (RFC 8259 section 6).
pub(super) fn is_number(word: &[u8]) -> bool {
    let digits = |at: &[u8]| at.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = word.strip_prefix(b"-").unwrap_or(word);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = rest.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let n = digits(fraction);
        if n == 0 {
            return false;
        }
        rest = fraction.get(n..).unwrap_or_default();
    }
    if let Some(power) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let power = power.strip_prefix(b"+").or_else(|| power.strip_prefix(b"-")).unwrap_or(power);
        let n = digits(power);
        return n > 0 && n == power.len();
    }
    rest.is_empty()
}
