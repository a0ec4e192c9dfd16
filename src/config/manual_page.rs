//! The key table as a page of the manual: kinglet.conf(5).

use std::fmt::Write as _;

use super::keys::{Key, Level};
use super::reference::{INTRODUCTION, facts, title};
use super::roff::{bold, escaped, marked, push_markdown, push_text};

const SEE_ALSO: &str = "\
.SH SEE ALSO
.BR kinglet (8)
";

/// kinglet.conf(5), below its title line.
#[must_use]
pub fn manual_page() -> String {
    let mut out =
        String::from(".SH NAME\nkinglet.conf \\- configuration of the Kinglet web server\n");
    out.push_str(".SH DESCRIPTION\n");
    push_markdown(&mut out, INTRODUCTION);
    for level in Level::ALL {
        let _ = writeln!(out, ".SH {}", escaped(&title(level).replace('`', "")).to_uppercase());
        for key in level.keys() {
            push_key(&mut out, key);
        }
    }
    out.push_str(SEE_ALSO);
    out
}

fn push_key(out: &mut String, key: &Key) {
    let _ = writeln!(out, ".TP\n{}", bold(key.name));
    push_text(out, &marked(key.doc));
    out.push_str(".br\n");
    let facts = facts(key).into_iter().map(|(name, text)| {
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        let name: String = first.into_iter().chain(letters).collect();
        format!("{name}: {}.", marked(&text))
    });
    push_text(out, &facts.collect::<Vec<_>>().join(" "));
    out.push_str(".br\n");
    push_text(out, &format!("Example: {}", bold(&format!("\"{}\": {}", key.name, key.example))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    #[test]
    fn every_key_has_an_entry() {
        let page = manual_page();
        for key in keys::all() {
            let entry = format!("\n.TP\n{}\n", bold(key.name));
            assert!(page.contains(&entry), "{}", key.name);
        }
        assert_eq!(page.matches("\n.TP\n").count(), keys::all().count());
        for line in page.lines() {
            let order = line.starts_with(['.', '\'']);
            let known = [".SH ", ".TP", ".br", ".IP ", ".PP", ".BR "];
            assert!(!order || known.iter().any(|known| line.starts_with(known)), "{line}");
        }
    }
}
