//! Writing answers: the fields that every one has, and the small ones that are whole at once.

use crate::buf::{Buf, Full};
use crate::http::date::DateCache;
use crate::http::head::Version;
use crate::http::respond::ResponseHead;
use crate::http::status::Status;
use crate::origin::error_page;

/// What an answer is written with.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    pub(super) tx: &'a mut Buf,
    pub(super) date: &'a DateCache,
    /// Scratch for bodies whose length must be known first.
    pub(super) page: &'a mut Buf,
    /// The vhost's or mount's fixed lines.
    pub(super) header_block: &'a [u8],
    pub(super) version: Version,
    pub(super) keep_alive: bool,
    /// The request was HEAD: no body follows.
    pub(super) head_only: bool,
    /// Where the length of the answer's head goes, for the log.
    pub(super) head_bytes: &'a mut u32,
}

impl Reply<'_> {
    /// Begins a head with what every answer has.
    pub(super) fn start(&mut self, status: Status) -> ResponseHead<'_> {
        let mut head = ResponseHead::start(self.tx, status);
        head.measured(self.head_bytes);
        head.date(self.date).lines(self.header_block).connection(self.version, self.keep_alive);
        head
    }

    /// An answer without a body, whose length a client must not wait for.
    pub(super) fn empty(
        &mut self,
        status: Status,
        fields: impl FnOnce(&mut ResponseHead<'_>),
    ) -> Result<(), Full> {
        let mut head = self.start(status);
        fields(&mut head);
        if status != Status::NO_CONTENT && status != Status::NOT_MODIFIED {
            head.length(0);
        }
        head.finish()
    }

    /// The page of an error, with further fields.
    pub(super) fn error(
        &mut self,
        status: Status,
        fields: impl FnOnce(&mut ResponseHead<'_>),
    ) -> Result<(), Full> {
        self.page.clear();
        error_page::write(self.page, status)?;
        self.body(status, fields)
    }

    /// The page of an error that says what is wrong in its own words.
    pub(super) fn error_saying(&mut self, status: Status, sentence: &str) -> Result<(), Full> {
        self.page.clear();
        error_page::write_saying(self.page, status, sentence)?;
        self.body(status, |_| {})
    }

    /// The refusal of `reject-service-keywords`.
    pub(super) fn rejection(&mut self, status: Status, text: &str) -> Result<(), Full> {
        self.page.clear();
        error_page::write_rejection(self.page, status, text)?;
        self.body(status, |_| {})
    }

    /// Sends what `page` holds.
    fn body(
        &mut self,
        status: Status,
        fields: impl FnOnce(&mut ResponseHead<'_>),
    ) -> Result<(), Full> {
        let before = self.tx.len();
        let length = self.page.len() as u64;
        let mut head = self.start(status);
        fields(&mut head);
        head.field("Content-Type", error_page::CONTENT_TYPE.as_bytes()).length(length).finish()?;
        if !self.head_only {
            self.tx.put(self.page.filled()).inspect_err(|_| self.tx.truncate(before))?;
        }
        Ok(())
    }
}
