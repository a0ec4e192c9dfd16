//! "Did you mean": the known word that is nearest to a mistyped one.

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

/// The candidate that `word` is most likely a slip of: at most one edit for each three
/// characters, and at least one. Case does not count.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if word.is_empty() {
        return None;
    }
    let limit = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .filter(|c| c.len().abs_diff(word.len()) <= limit)
        .filter_map(|c| distance(word, c).map(|d| (d, c)))
        .filter(|&(d, _)| d <= limit)
        .min_by_key(|&(d, _)| d)
        .map(|(_, c)| c)
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
    fn only_near_names_are_suggested() {
        let known = ["help", "version", "configdir", "www-data"];
        assert_eq!(nearest("hepl", known), Some("help"));
        assert_eq!(nearest("verison", known), Some("version"));
        assert_eq!(nearest("wwwdata", known), Some("www-data"));
        assert_eq!(nearest("zzz", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }
}
