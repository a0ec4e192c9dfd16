//! What is answered where nothing is: the vhost's page of `error-document-404`, a redirect to it,
//! or the short page.

use super::answer::{Desk, Outcome};
use super::files;
use super::source::Source;
use crate::http::status::Status;

impl Desk<'_> {
    /// 404 with the vhost's own page, if it has one, or the way to that page.
    pub(super) fn not_found(&mut self, path: &[u8]) -> Outcome {
        let document = match &self.vhost.error_document_404 {
            Some(document) if *document.path != *path => document,
            _ => return self.error(Status::NOT_FOUND),
        };
        let Some(location) = &document.location else { return self.lost_page(&document.path) };
        let status = Status::FOUND;
        self.reply().empty(status, |head| {
            head.field("Location", location.as_bytes());
        })?;
        Ok((status, Source::Done))
    }

    /// The page at `path` with status 404, if this client may see it: the rules of its mount hold
    /// here too, but nobody is asked for a password because of it.
    fn lost_page(&mut self, path: &'static [u8]) -> Outcome {
        let Some(at) = self.vhost.mount(path) else { return self.error(Status::NOT_FOUND) };
        let passed = self.mount.and_then(|(_, mount)| mount.auth);
        let may = at.mount.addresses.permits(self.request.peer.ip())
            && (at.mount.auth.is_none() || at.mount.auth == passed);
        if !may {
            return self.error(Status::NOT_FOUND);
        }
        self.is_lost = true;
        files::serve(self, path, at)
    }
}
