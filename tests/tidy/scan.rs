//! Matchers over Rust source text: comments and strings blanked, functions, paths, words.
//!
//! They know just enough of the grammar to count braces and to find names; a module at the end
//! tests them on small samples.

/// The text with comments, strings and character literals blanked; lines stay where they are.
pub(crate) fn mask(text: &str) -> String {
    blank(text, true, b' ')
}

/// The text without what stands in strings: a data table may be wider than code.
pub(crate) fn without_strings(text: &str) -> String {
    blank(text, false, b'\0').replace('\0', "")
}

/// Puts `fill` over strings and character literals, and over comments if they count too.
fn blank(text: &str, comments: bool, fill: u8) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !is_word_before(bytes, at) => raw_string_end(bytes, at),
            b'b' if bytes.get(at + 1) == Some(&b'r') && !is_word_before(bytes, at) => {
                raw_string_end(bytes, at + 1)
            }
            b'\'' => char_end(bytes, at),
            _ => at,
        };
        if end == at {
            at += 1;
            continue;
        }
        let is_kept = bytes[at] == b'/' && !comments;
        for byte in &mut out[at..end] {
            if *byte != b'\n' && !is_kept {
                *byte = fill;
            }
        }
        at = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(crate) fn is_word_before(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else { return false };
    let is_prefix = bytes[before] == b'b' && !is_word_before(bytes, before);
    is_word(bytes[before]) && !is_prefix
}

pub(crate) fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n)
}

pub(crate) fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

pub(crate) fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of a raw string whose `r` stands at `at`, or `at` when there is none.
pub(crate) fn raw_string_end(bytes: &[u8], at: usize) -> usize {
    let hashes = bytes[at + 1..].iter().take_while(|b| **b == b'#').count();
    let open = at + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return at;
    }
    let mut close = vec![b'"'];
    close.extend(std::iter::repeat_n(b'#', hashes));
    let rest = &bytes[open + 1..];
    let found = rest.windows(close.len()).position(|w| w == close);
    found.map_or(bytes.len(), |n| open + 1 + n + close.len())
}

/// The end of a character literal at `at`, or `at` when it is a lifetime.
pub(crate) fn char_end(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) == Some(&b'\\') {
        let close = bytes[at + 2..].iter().skip(1).position(|b| *b == b'\'');
        return close.map_or(at, |n| at + 2 + 1 + n + 1);
    }
    let width = bytes.get(at + 1).map_or(0, |b| match b {
        0x00..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    });
    if width > 0 && bytes.get(at + 1 + width) == Some(&b'\'') { at + 2 + width } else { at }
}

/// Masked text in which everything behind `#[cfg(test)]` is blank too.
pub(crate) fn without_tests(masked: &str) -> String {
    let mut out = masked.as_bytes().to_vec();
    let mut from = 0;
    while let Some(found) = find(&out, b"#[cfg(test)]", from) {
        let open = (found..out.len()).find(|n| matches!(out[*n], b'{' | b';'));
        let end = match open {
            Some(at) if out[at] == b'{' => block_end(&out, at),
            Some(at) => at + 1,
            None => out.len(),
        };
        for byte in &mut out[found..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        from = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The files that `#[cfg(test)] mod name;` brings in, with or without a `#[path]`, as paths from
/// the root of the project.
pub(crate) fn test_modules(path: &str, text: &str) -> Vec<String> {
    let masked = mask(text);
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let own = match file {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_string(),
        _ => path.trim_end_matches(".rs").to_string(),
    };
    let mut found = Vec::new();
    for (at, marker) in masked.match_indices("#[cfg(test)]") {
        let from = at + marker.len();
        let Some(end) = masked[from..].find([';', '{']).map(|n| from + n) else { continue };
        let list = words(&masked[from..end]);
        let Some(place) = list.iter().position(|(_, word)| *word == "mod") else { continue };
        let Some((_, name)) = list.get(place + 1).filter(|_| masked[end..].starts_with(';')) else {
            continue;
        };
        match text[from..end].split_once("#[path = \"").and_then(|(_, rest)| rest.split_once('"')) {
            Some((named, _)) => found.push(format!("{folder}/{named}")),
            None => found.extend([format!("{own}/{name}.rs"), format!("{own}/{name}/mod.rs")]),
        }
    }
    found
}

pub(crate) fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(needle.len()).position(|w| w == needle).map(|n| from + n)
}

/// One past the brace that closes the one at `open`.
pub(crate) fn block_end(bytes: &[u8], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in bytes.iter().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    bytes.len()
}

/// The words of a text with the byte offsets where they begin.
pub(crate) fn words(text: &str) -> Vec<(usize, &str)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            at += 1;
            continue;
        }
        let end = (at..bytes.len()).find(|n| !is_word(bytes[*n])).unwrap_or(bytes.len());
        found.push((at, &text[at..end]));
        at = end;
    }
    found
}

pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count() + 1
}

/// Each function of a masked text: name, first line, number of lines.
pub(crate) fn functions(masked: &str) -> Vec<(String, usize, usize)> {
    let bytes = masked.as_bytes();
    let list = words(masked);
    let mut found = Vec::new();
    for pair in list.windows(2) {
        let ((at, word), (name_at, name)) = (pair[0], pair[1]);
        let adjacent = masked[at + word.len()..name_at].trim().is_empty();
        if word != "fn" || !adjacent {
            continue;
        }
        let open = (name_at..bytes.len()).find(|n| opens_or_ends(bytes, name_at, *n));
        let Some(open) = open.filter(|n| bytes[*n] == b'{') else { continue };
        let (first, last) = (line_of(masked, at), line_of(masked, block_end(bytes, open) - 1));
        found.push((name.to_string(), first, last - first + 1));
    }
    found
}

/// Whether `at` is the brace or semicolon that ends a signature (not the one of `[u8; 4]`).
pub(crate) fn opens_or_ends(bytes: &[u8], from: usize, at: usize) -> bool {
    let depth = |open: u8, close: u8| {
        let part = &bytes[from..at];
        part.iter().filter(|b| **b == open).count() > part.iter().filter(|b| **b == close).count()
    };
    matches!(bytes[at], b'{' | b';') && !depth(b'[', b']') && !depth(b'(', b')')
}

/// The names right behind `crate::`, also inside a group, with their lines.
pub(crate) fn crate_paths(masked: &str, prefix: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, _) in masked.match_indices(prefix) {
        if is_word_before(masked.as_bytes(), at) {
            continue;
        }
        let rest = &masked[at + prefix.len()..];
        let line = line_of(masked, at);
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(group_heads(group).into_iter().map(|name| (name, line)));
        } else if let Some((0, name)) = words(rest).first() {
            found.push(((*name).to_string(), line));
        }
    }
    found
}

/// The first name of every member of `{a::b, c::{d, e}, f}` (without the opening brace).
pub(crate) fn group_heads(text: &str) -> Vec<String> {
    let (mut depth, mut fresh, mut found) = (1, true, Vec::new());
    let mut at = 0;
    while at < text.len() && depth > 0 {
        let byte = text.as_bytes()[at];
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 1 => fresh = true,
            _ if is_word(byte) && fresh => {
                let (_, name) = words(&text[at..])[0];
                found.push(name.to_string());
                at += name.len();
                fresh = false;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The names that `super::` chains reach when they climb to the root of the crate.
pub(crate) fn climbed_paths(path: &str, masked: &str) -> Vec<(String, usize)> {
    let parts: Vec<&str> = path.trim_start_matches("src/").split('/').collect();
    let is_mod = parts.last() == Some(&"mod.rs");
    let levels = parts.len() - usize::from(is_mod);
    crate_paths(masked, &"super::".repeat(levels))
        .into_iter()
        .filter(|(name, _)| name != "super" && name != "self")
        .collect()
}

/// The folder of `src` that a file belongs to.
pub(crate) fn layer(path: &str) -> &str {
    let rest = path.trim_start_matches("src/");
    rest.split('/').next().unwrap_or(rest).trim_end_matches(".rs")
}

/// Words of an identifier: `HeadReader` and `head_reader` both have two.
pub(crate) fn parts(name: &str) -> Vec<String> {
    let mut found: Vec<String> = vec![String::new()];
    for letter in name.chars() {
        if letter == '_' || (letter.is_uppercase() && found.last().is_some_and(|w| !w.is_empty())) {
            found.push(String::new());
        }
        if letter != '_' {
            found.last_mut().expect("never empty").extend(letter.to_lowercase());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_blanks_text_but_keeps_lines() {
        let sample = "let a = \"{ // \\\" }\"; // {\nlet b = '{'; /* { /* } */ \n */ let c = 1;";
        let masked = mask(sample);
        assert_eq!(masked.len(), sample.len());
        assert_eq!(masked.lines().count(), sample.lines().count());
        assert!(!masked.contains(['{', '}', '"', '\'']), "{masked}");
        assert!(masked.contains("let c = 1;"));
    }

    #[test]
    fn masking_knows_raw_strings_escapes_and_lifetimes() {
        assert_eq!(mask("r#\"a \" {\"# b").trim(), "b");
        assert_eq!(mask("br\"\\\" x").trim(), "x");
        assert_eq!(mask("for<'a> fn(&'a str)"), "for<'a> fn(&'a str)");
        assert!(!mask("'\\'' + '\\u{1F600}' + b'{'").contains('{'));
        assert_eq!(mask("var\"{\"").trim(), "var");
    }

    #[test]
    fn test_modules_are_left_out() {
        let code =
            without_tests(&mask("fn a() {}\n#[cfg(test)]\nmod t { fn b() { x } }\nfn c() {}"));
        assert!(code.contains("fn a") && code.contains("fn c") && !code.contains("fn b"));
        let code = without_tests("#[cfg(test)]\nuse crate::sys;\nuse crate::buf;");
        assert!(!code.contains("sys") && code.contains("buf"));
    }

    #[test]
    fn files_of_test_modules_are_known_by_how_they_come_in() {
        let sample = "#[cfg(test)]\n#[path = \"a_tests.rs\"]\nmod tests;\n#[cfg(test)]\n\
                      pub(crate) mod fixture;\nmod c;\n#[cfg(test)]\nmod here { mod d; }\n\
                      #[cfg(test)]\nuse crate::sys;\n";
        let found = test_modules("src/http/a.rs", sample);
        let want = ["src/http/a_tests.rs", "src/http/a/fixture.rs", "src/http/a/fixture/mod.rs"];
        assert_eq!(found, want);
        assert_eq!(test_modules("src/http/mod.rs", sample)[1], "src/http/fixture.rs");
        assert!(test_modules("src/a.rs", "// #[cfg(test)] mod x;\nmod y;").is_empty());
    }

    #[test]
    fn strings_do_not_widen_a_line() {
        assert_eq!(without_strings("a(\"// b\"); // \"c\"\nd"), "a(); // \"c\"\nd");
    }

    #[test]
    fn functions_are_measured_to_their_closing_brace() {
        let sample = "fn one() { 1 }\nfn two(a: [u8; 4]) -> [u8; 2]\nwhere\n{\n    if x {}\n}\n\
                      trait T { fn decl(&self); }\ntype F = fn(u8) -> u8;\n";
        let found = functions(&mask(sample));
        assert_eq!(found, [("one".into(), 1, 1), ("two".into(), 2, 5)]);
    }

    #[test]
    fn crate_paths_are_found_in_groups_and_expressions() {
        let sample = "use crate::{buf::{Buf, Pool}, http, sys::fd};\nlet x = crate::conn::go();\n";
        let found: Vec<String> =
            crate_paths(&mask(sample), "crate::").into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, ["buf", "http", "sys", "conn"]);
        assert!(crate_paths("mycrate::buf", "crate::").is_empty());
    }

    #[test]
    fn super_chains_count_only_when_they_reach_the_root() {
        let sample = "use super::super::sys;\nuse super::head;\n";
        assert_eq!(climbed_paths("src/http/date.rs", sample), [("sys".to_string(), 1)]);
        assert_eq!(climbed_paths("src/http/mod.rs", "use super::sys;"), [("sys".to_string(), 1)]);
        assert!(climbed_paths("src/http/date.rs", "use super::head;").is_empty());
    }

    #[test]
    fn layers_come_from_paths() {
        assert_eq!(layer("src/http/head.rs"), "http");
        assert_eq!(layer("src/main.rs"), "main");
    }

    #[test]
    fn identifiers_split_into_words() {
        assert_eq!(parts("HeadReader"), ["head", "reader"]);
        assert_eq!(parts("head_reader_max"), ["head", "reader", "max"]);
        assert_eq!(parts("HTTP"), ["h", "t", "t", "p"]);
    }
}
