//! Faults of the grammar: which are told, and which only follow from one that was.

use super::Parser;
use crate::config::bare_word;
use crate::config::diagnose::{Diagnostic, Severity};
use crate::config::lex::{Bracket, Token};
use crate::config::settings::Place;

/// What a file is like, for one that is something else.
const SHAPE_HINT: &str =
    "a configuration is JSON: { \"vhosts\": [{ \"name\": \"localhost\", \"port\": \"80\" }] }";

impl Parser<'_> {
    /// A file that is no JSON from its first word on, another server's or YAML, has one fault.
    pub(super) fn refuse_foreign(&mut self) {
        let is_foreign = match &self.token {
            Token::Word(word) => {
                !(matches!(*word, b"true" | b"false" | b"null") || bare_word::is_number(word))
            }
            Token::Colon | Token::Comma | Token::Close(_) => true,
            _ => false,
        };
        if is_foreign {
            self.no_brace(self.here());
        }
    }

    /// The file begins with something else than its object: nothing in it has its place.
    pub(super) fn no_brace(&mut self, place: Place) {
        let fault = Diagnostic::error(place, "the file does not begin with '{'");
        self.fail_shape(fault.hint(SHAPE_HINT));
        self.lexer.stop();
    }

    /// The first fault of brackets; later ones mostly follow from it.
    pub(super) fn fail_shape(&mut self, fault: Diagnostic) {
        if self.lost {
            self.lexer.dropped += 1;
        } else {
            self.lexer.fail(fault);
        }
        self.lost = true;
    }

    pub(super) fn fail_shape_here(&mut self, message: &str, hint: &str) {
        let fault = Diagnostic::error(self.here(), message).hint(hint);
        self.fail_shape(fault);
    }

    /// Reports a sign that is missing behind the last token, where that means something.
    pub(super) fn missing(&mut self, sign: char, what: &str, hint: &str) {
        if self.lost {
            self.lexer.dropped += 1;
        } else {
            let place = self.lexer.place(self.before, self.before + 1);
            self.lexer.missing(place, sign, what, hint);
        }
    }

    /// Faults so far, told or not, that cost a part of the text.
    pub(super) fn faults(&self) -> usize {
        let is_error = |fault: &&Diagnostic| fault.severity == Severity::Error;
        self.lexer.faults.iter().filter(is_error).count() + self.lexer.dropped
    }

    pub(super) fn trailing_comma(&mut self, comma: Option<Place>) {
        if let Some(place) = comma {
            let fault = Diagnostic::error(place, "comma after the last element").hint("remove it");
            self.lexer.fail(fault);
        }
    }

    /// A container is closed by the other kind of bracket: taken as closed; the bracket is left
    /// to an outer container if that may be meant.
    pub(super) fn wrong_bracket(&mut self, within: Bracket) {
        let (open, close, want) = match within {
            Bracket::Map => ('{', ']', '}'),
            Bracket::List => ('[', '}', ']'),
        };
        let mut fault = Diagnostic::error(self.here(), format!("'{open}' is closed by '{close}'"))
            .hint(format!("put '{want}' here or before"));
        if let Some((_, place)) = self.open.last() {
            fault = fault.related(*place, format!("this '{open}' is still open"));
        }
        self.fail_shape(fault);
        if !self.open.iter().any(|(bracket, _)| *bracket != within) {
            self.advance();
        }
    }

    pub(super) fn unclosed(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        let mut fault = Diagnostic::error(self.here(), "the file ends too early");
        if let Some((bracket, place)) = self.open.last() {
            let (open, close) = if *bracket == Bracket::Map { ('{', '}') } else { ('[', ']') };
            fault = fault
                .hint(format!("add the missing '{close}', or put back what was cut off"))
                .related(*place, format!("this '{open}' is not closed"));
        }
        self.fail_shape(fault);
    }
}
