//! "Did you mean": the nearest known word.

use super::keys::{self, Level};

/// Bytes of the longest word that is compared.
const WORD_BYTES_MAX: usize = 48;

/// Edits (insert, delete, replace, swap neighbours) that turn `a` into `b`, regardless of case.
/// None for words that are too long to be a slip of a known one.
fn distance(a: &str, b: &str) -> Option<usize> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > WORD_BYTES_MAX || b.len() > WORD_BYTES_MAX {
        return None;
    }
    let mut before = [0_usize; WORD_BYTES_MAX + 1];
    let mut last = [0_usize; WORD_BYTES_MAX + 1];
    let mut row = [0_usize; WORD_BYTES_MAX + 1];
    for (j, cell) in last.iter_mut().enumerate() {
        *cell = j;
    }
    let same = |x: Option<&u8>, y: Option<&u8>| match (x, y) {
        (Some(x), Some(y)) => x.eq_ignore_ascii_case(y),
        _ => false,
    };
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..=b.len() {
            let replace = usize::from(!same(a.get(i - 1), b.get(j - 1)));
            let mut best = (last[j - 1] + replace).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1
                && j > 1
                && same(a.get(i - 1), b.get(j - 2))
                && same(a.get(i - 2), b.get(j - 1))
            {
                best = best.min(before[j - 2] + 1);
            }
            row[j] = best;
        }
        (before, last) = (last, row);
    }
    last.get(b.len()).copied()
}

/// The candidate that `word` is most likely a slip of.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let limit = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .filter(|c| c.len().abs_diff(word.len()) <= limit)
        .filter_map(|c| distance(word, c).map(|d| (d, c)))
        .filter(|&(d, _)| d <= limit)
        .min_by_key(|&(d, _)| d)
        .map(|(_, c)| c)
}

/// The candidate whose first words `word` is: `keepalive` for `keepalive-timeout`.
fn longer<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let begins = |c: &&str| c.strip_prefix(word).is_some_and(|rest| rest.starts_with('-'));
    candidates.into_iter().find(begins)
}

/// What may be meant by the unknown key `name` of `level`.
pub(crate) fn for_key(level: Level, name: &str) -> Option<String> {
    let elsewhere = Level::ALL.into_iter().filter(|&l| l != level && l != Level::Protocol);
    for other in elsewhere {
        if keys::find(other, name).is_some() {
            return Some(format!("this key belongs {}", belongs(other)));
        }
    }
    let names = |level: Level| {
        let spellings = level.keys().iter().flat_map(|k| std::iter::once(&k.name).chain(k.aliases));
        spellings.copied().filter(|n| !n.ends_with('*'))
    };
    if let Some(near) = nearest(name, names(level)).or_else(|| longer(name, names(level))) {
        return Some(format!("did you mean \"{near}\"?"));
    }
    let elsewhere = Level::ALL.into_iter().filter(|&l| l != level && l != Level::Protocol);
    for other in elsewhere {
        if let Some(near) = nearest(name, names(other)) {
            return Some(format!("did you mean \"{near}\"? it belongs {}", belongs(other)));
        }
    }
    None
}

const fn belongs(level: Level) -> &'static str {
    match level {
        Level::Top => "to the top of a file, beside \"global\" and \"vhosts\"",
        Level::Global => "into \"global\"",
        Level::Vhost => "into a vhost",
        Level::Mount => "into a mount",
        Level::Protocol => "into a protocol of \"ws-protocols\"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("port", "prot"), Some(1));
        assert_eq!(distance("", "abc"), Some(3));
        assert_eq!(distance("abc", ""), Some(3));
        assert_eq!(distance("Origin", "origin"), Some(0));
        assert_eq!(distance("kitten", "sitting"), Some(3));
        assert_eq!(distance(&"x".repeat(100), "a"), None);
    }

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        assert_eq!(for_key(Level::Vhost, "prot").unwrap(), "did you mean \"port\"?");
        assert_eq!(for_key(Level::Mount, "orgin").unwrap(), "did you mean \"origin\"?");
        assert!(for_key(Level::Vhost, "origin").unwrap().contains("into a mount"));
        assert!(for_key(Level::Top, "username").unwrap().contains("into \"global\""));
        assert!(for_key(Level::Mount, "hots-ssl-key").unwrap().contains("host-ssl-key"));
        assert!(for_key(Level::Vhost, "keepalive").unwrap().contains("keepalive-timeout"));
        assert_eq!(for_key(Level::Vhost, "zzzzzz"), None);
    }
}
