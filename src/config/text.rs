//! The grammar pass: a file's bytes to a tree, every fault with its place.
//!
//! JSON (RFC 8259) with comments. The pass recovers where the intent is clear (a missing comma,
//! a trailing one, a bare key), so that one run reports all faults of a file. Depth is limited,
//! so that recursion is too.

mod faults;

use std::borrow::Cow;

use super::bare_word;
use super::diagnose::{Diagnostic, Report, Severity};
use super::lex::{Bracket, Lexer, Token};
use super::settings::Place;
use super::tree::{Data, Map, Member, Value};

/// Bytes of one file.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Levels of nesting; an option of a mount or protocol is on level 7 at most.
pub const DEPTH_MAX: usize = 16;
/// Values of one file.
pub const VALUES_MAX: usize = 1 << 16;

/// What a file says, and whether its brackets fit: else some of it is in another place than was
/// meant.
pub(crate) struct Parsed<'t> {
    pub(crate) value: Value<'t>,
    pub(crate) is_balanced: bool,
}

/// Reads one file. None for a file with nothing but white space and comments, and for one that
/// cannot be read at all (which is reported).
pub(crate) fn parse<'t>(file: u16, text: &'t [u8], report: &mut Report) -> Option<Parsed<'t>> {
    if text.len() > FILE_BYTES_MAX {
        let place = Place { file, start: 0, end: 0 };
        let message = format!("the file has {} bytes, more than {FILE_BYTES_MAX}", text.len());
        report.push(Diagnostic::error(place, message).hint("split it into files in conf.d"));
        return None;
    }
    let mut parser = Parser::new(Lexer::new(file, text));
    let parsed = parser.document();
    for fault in parser.lexer.faults {
        report.push(fault);
    }
    parsed
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    token: Token<'t>,
    start: usize,
    end: usize,
    /// One past the last byte of the token before.
    before: usize,
    /// Brackets that are open, with their places.
    open: Vec<(Bracket, Place)>,
    values: usize,
    /// The end of the file was reported.
    ended: bool,
    /// Brackets do not fit: what follows is another shape than was meant.
    lost: bool,
}

/// What follows an element.
enum Next {
    /// Another one; the comma, unless it is missing.
    More(Option<Place>),
    /// Nothing: the container is closed, or taken as closed.
    Closed,
}

impl<'t> Parser<'t> {
    fn new(mut lexer: Lexer<'t>) -> Self {
        let (token, start, end) = lexer.next();
        let open = Vec::with_capacity(DEPTH_MAX);
        Self { lexer, token, start, end, before: 0, open, values: 0, ended: false, lost: false }
    }

    fn document(&mut self) -> Option<Parsed<'t>> {
        if matches!(self.token, Token::End) {
            return None;
        }
        self.refuse_foreign();
        let value = self.value();
        let is_object = matches!(value.data, Data::Map(_));
        if !is_object && matches!(self.token, Token::Colon) {
            self.no_brace(value.place);
        }
        let is_balanced = (is_object || matches!(self.token, Token::End)) && !self.lost;
        let rest = match self.token {
            Token::End => None,
            Token::Open(_) => Some(("a second object in the same file", "join both by ','")),
            Token::Close(_) => Some(("closing bracket without an opening one", "remove it")),
            _ => Some(("text after the end of the object", "make it a comment")),
        };
        // lwsws reads a file as far as its first object too.
        if is_object && !self.lost {
            let is_behind = |place: Place| place.start >= value.place.end;
            for fault in self.lexer.faults.iter_mut().filter(|f| f.place.is_some_and(is_behind)) {
                fault.severity = Severity::Warning;
            }
        }
        match rest {
            Some((message, hint)) if is_object && !self.lost => {
                let warning = Diagnostic::warning(self.here(), message);
                self.lexer.fail(warning.hint(format!("this and what follows is not read: {hint}")));
            }
            Some((message, hint)) => self.fail_shape_here(message, hint),
            None => {}
        }
        Some(Parsed { value, is_balanced })
    }

    fn advance(&mut self) -> Token<'t> {
        self.before = self.end;
        let (token, start, end) = self.lexer.next();
        (self.start, self.end) = (start, end);
        std::mem::replace(&mut self.token, token)
    }

    fn here(&self) -> Place {
        self.lexer.place(self.start, self.end)
    }

    fn fail_here(&mut self, message: &str, hint: &str) {
        let fault = Diagnostic::error(self.here(), message).hint(hint);
        self.lexer.fail(fault);
    }

    /// A value. Consumes at least one token, except where a value is missing before `,` `}` `]`
    /// or the end.
    fn value(&mut self) -> Value<'t> {
        let start = self.start;
        self.values += 1;
        if self.values == VALUES_MAX {
            let message = format!("more than {VALUES_MAX} values in one file");
            self.fail_here(&message, "split it into files in conf.d");
            self.lexer.stop();
            self.ended = true;
        }
        let data = match &self.token {
            Token::Open(_) if self.open.len() >= DEPTH_MAX => self.too_deep(),
            Token::Open(Bracket::Map) => self.map(),
            Token::Open(Bracket::List) => self.list(),
            Token::Text(_) => match self.advance() {
                Token::Text(text) => Data::Text(text),
                _ => Data::Broken,
            },
            Token::Word(word) => {
                let word = *word;
                let data = self.word(word);
                self.advance();
                data
            }
            Token::BadText => {
                self.advance();
                Data::Broken
            }
            Token::Colon => {
                self.fail_here("unexpected ':'", "a ':' stands between a key and its value");
                self.advance();
                Data::Broken
            }
            Token::Comma | Token::Close(_) => {
                self.fail_here("a value is missing here", "write one, or remove what is before");
                Data::Broken
            }
            Token::End => {
                self.unclosed();
                Data::Broken
            }
        };
        let end = self.before.max(start);
        Value { place: self.lexer.place(start, end), data }
    }

    /// Reports the nesting and skips to the bracket that closes it.
    fn too_deep(&mut self) -> Data<'t> {
        let message = format!("nested more than {DEPTH_MAX} deep");
        self.fail_here(
            &message,
            "no key of a configuration is that deep; is there a bracket too many?",
        );
        let mut depth = 0_usize;
        loop {
            match self.advance() {
                Token::Open(_) => depth += 1,
                Token::Close(_) => depth -= 1,
                Token::End => {
                    self.ended = true;
                    break;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        Data::Broken
    }

    fn list(&mut self) -> Data<'t> {
        self.enter(Bracket::List);
        let mut items = Vec::new();
        let mut comma = None;
        loop {
            match self.token {
                Token::Close(Bracket::List) => {
                    self.trailing_comma(comma);
                    self.advance();
                    break;
                }
                Token::Close(Bracket::Map) => {
                    self.wrong_bracket(Bracket::List);
                    break;
                }
                Token::Comma => {
                    self.fail_here("unexpected ','", "remove it, or put a value before it");
                    comma = None;
                    self.advance();
                    continue;
                }
                Token::End => {
                    self.unclosed();
                    break;
                }
                _ => items.push(self.value()),
            }
            match self.separator(Bracket::List) {
                Next::More(place) => comma = place,
                Next::Closed => break,
            }
        }
        self.open.pop();
        Data::List(items)
    }

    fn map(&mut self) -> Data<'t> {
        let faults = self.faults();
        self.enter(Bracket::Map);
        let mut members = Vec::new();
        let mut comma = None;
        loop {
            match self.token {
                Token::Close(Bracket::Map) => {
                    self.trailing_comma(comma);
                    self.advance();
                    break;
                }
                Token::Close(Bracket::List) => {
                    self.wrong_bracket(Bracket::Map);
                    break;
                }
                Token::Comma => {
                    self.fail_here("unexpected ','", "remove it, or put a key before it");
                    comma = None;
                    self.advance();
                    continue;
                }
                Token::Colon => {
                    self.fail_here("a key is missing before ':'", "write \"key\": value");
                    self.advance();
                    continue;
                }
                Token::End => {
                    self.unclosed();
                    break;
                }
                _ => members.extend(self.member()),
            }
            match self.separator(Bracket::Map) {
                Next::More(place) => comma = place,
                Next::Closed => break,
            }
        }
        self.open.pop();
        let damaged = self.ended || self.lost || self.lexer.is_muted() || self.faults() > faults;
        Data::Map(Map { members, damaged })
    }

    /// `"key": value`; none when there is no key.
    fn member(&mut self) -> Option<Member<'t>> {
        let key_place = self.here();
        let key = match &self.token {
            Token::Text(_) => match self.advance() {
                Token::Text(key) => Some(key),
                _ => None,
            },
            Token::BadText => {
                self.advance();
                None
            }
            Token::Word(word) => {
                let word = std::str::from_utf8(word).ok().map(|word| word.trim_end_matches('"'));
                let dropped = self.lexer.dropped;
                self.fail_here("a key must be in double quotes", "write \"key\": value");
                self.advance();
                // Not what is left of a string that lacks a quote.
                word.filter(|_| self.lexer.dropped == dropped).map(Cow::Borrowed)
            }
            _ => {
                let hint = "an object holds \"key\": value pairs; is a '[' missing before it?";
                self.fail_shape_here("a key is missing here", hint);
                self.value();
                return None;
            }
        };
        match self.token {
            Token::Colon => {
                self.advance();
            }
            Token::Word(b"=" | b"=>") => {
                self.fail_here("'=' after a key", "write ':' instead");
                self.advance();
            }
            _ => {
                if self.before != self.lexer.cut_at {
                    self.missing(':', "after a key", "an object holds \"key\": value pairs");
                }
                if matches!(self.token, Token::Comma | Token::Close(_) | Token::End) {
                    return None;
                }
            }
        }
        let value = self.value();
        key.map(|key| Member { key, key_place, value })
    }

    /// What comes after an element of `within`.
    fn separator(&mut self, within: Bracket) -> Next {
        match self.token {
            Token::Comma => {
                let place = self.here();
                self.advance();
                Next::More(Some(place))
            }
            Token::Word(b";") => {
                self.fail_here("';' after an element", "write ',' instead");
                self.advance();
                Next::More(None)
            }
            Token::Close(bracket) if bracket == within => {
                self.advance();
                Next::Closed
            }
            Token::Close(_) => {
                self.wrong_bracket(within);
                Next::Closed
            }
            Token::End => {
                self.unclosed();
                Next::Closed
            }
            Token::Colon => {
                let hint =
                    "a ':' stands between a key and its value; is a '{' missing before the key?";
                self.fail_shape_here("unexpected ':'", hint);
                self.advance();
                Next::More(None)
            }
            // The comma is within a string that lacks its closing quote.
            _ if self.before == self.lexer.cut_at => Next::More(None),
            _ => {
                self.missing(',', "here", "put a ',' between one element and the next");
                Next::More(None)
            }
        }
    }

    fn enter(&mut self, bracket: Bracket) {
        self.open.push((bracket, self.here()));
        self.advance();
    }

    /// A bare word: a number, `true`, `false`, `null`, or an error.
    fn word(&mut self, word: &'t [u8]) -> Data<'t> {
        match word {
            b"true" => return Data::Bool(true),
            b"false" => return Data::Bool(false),
            b"null" => return Data::Null,
            _ => {}
        }
        let place = self.here();
        let Ok(text) = std::str::from_utf8(word) else {
            let fault = Diagnostic::error(place, "not valid UTF-8").hint("save the file as UTF-8");
            self.lexer.fail(fault);
            return Data::Broken;
        };
        if bare_word::is_number(word) {
            return Data::Number(text);
        }
        self.lexer.fail(bare_word::fault(place, text));
        Data::Broken
    }
}
