//! Pages of the manual in man(7)'s macros, which groff and mandoc both read.

/// Bytes of a line of text.
const COLUMNS: usize = 78;

/// Text for a line of its own or an argument: nothing in it is an order to the formatter.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\e"),
            // As they are typed, not as typographers like them.
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '`' => out.push_str("\\(ga"),
            '"' => out.push_str("\\(dq"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            '\n' => out.push(' '),
            ' '..='~' => out.push(character),
            _ => out.push_str(&format!("\\[u{:04X}]", u32::from(character))),
        }
    }
    out
}

/// The same in bold.
#[must_use]
pub fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escaped(text))
}

/// Appends escaped text, broken into lines.
pub fn push_text(out: &mut String, escaped: &str) {
    let mut column = 0;
    for word in escaped.split(' ').filter(|word| !word.is_empty()) {
        if column > 0 && column + 1 + word.len() > COLUMNS {
            out.push('\n');
            column = 0;
        }
        if column > 0 {
            out.push(' ');
            column += 1;
        } else if word.starts_with(['.', '\'']) {
            // At the begin of a line these are orders.
            out.push_str("\\&");
            column += 2;
        }
        out.push_str(word);
        column += word.len();
    }
    if column > 0 {
        out.push('\n');
    }
}

/// Text with words between backticks or double asterisks, which become bold.
#[must_use]
pub fn marked(text: &str) -> String {
    let mut out = String::new();
    let plain = text.replace("**", "`");
    for (at, piece) in plain.split('`').enumerate() {
        out.push_str(&if at % 2 == 1 { bold(piece) } else { escaped(piece) });
    }
    out
}

/// Appends paragraphs and lists of Markdown: text with marks, lines that begin with a dash.
/// Headings and comments are left out.
pub fn push_markdown(out: &mut String, markdown: &str) {
    let mut begun = false;
    for block in markdown.split("\n\n") {
        let lines =
            block.lines().filter(|line| !line.starts_with("<!--") && !line.starts_with('#'));
        let mut text = String::new();
        for line in lines {
            if let Some(item) = line.strip_prefix("- ") {
                push_text(out, &marked(&text));
                out.push_str(".IP \\(bu 2\n");
                text = item.to_owned();
                begun = true;
            } else {
                text.push(' ');
                text.push_str(line);
            }
        }
        let is_list = block.starts_with("- ");
        if !is_list && begun && !text.trim().is_empty() {
            out.push_str(".PP\n");
        }
        begun |= !text.trim().is_empty();
        push_text(out, &marked(&text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_an_order() {
        for (text, expected) in [
            (".SH x", "\\&.SH x\n"),
            ("'br", "\\(aqbr\n"),
            ("a\\fBb", "a\\efBb\n"),
            ("--port \"8\"", "\\-\\-port \\(dq8\\(dq\n"),
            ("`x` ^ ~ ²", "\\(gax\\(ga \\(ha \\(ti \\[u00B2]\n"),
            ("one\n.two", "one .two\n"),
            ("  ", ""),
        ] {
            let mut out = String::new();
            push_text(&mut out, &escaped(text));
            assert_eq!(out, expected);
        }
        let mut out = String::new();
        push_text(&mut out, &escaped(&format!("{} .x", "y".repeat(77))));
        assert!(out.ends_with("y\n\\&.x\n"), "{out}");
    }

    #[test]
    fn lines_are_short() {
        let mut out = String::new();
        push_text(&mut out, &escaped(&"word ".repeat(100)));
        assert!(out.lines().all(|line| line.len() <= COLUMNS + 2) && out.lines().count() == 7);
        assert_eq!(out.matches("word").count(), 100);
    }

    #[test]
    fn markdown_becomes_paragraphs_and_lists() {
        let mut out = String::new();
        push_markdown(
            &mut out,
            "<!-- no -->\n# Title\n\nOne `a-b`\ntwo.\n\n- item **x**\n  more\n- second\n\nLast.\n",
        );
        assert_eq!(
            out,
            "One \\fBa\\-b\\fR two.\n.IP \\(bu 2\nitem \\fBx\\fR more\n.IP \\(bu 2\nsecond\n.PP\n\
             Last.\n"
        );
    }
}
