//! Answers from files: preconditions, ranges, and how the bytes leave.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::answer::{Desk, Hold, Outcome};
use super::faults::{Fault, tell};
use super::limits::{INLINE_BYTES_MAX, LISTING_BYTES_MAX};
use super::local::Local;
use super::reply::Reply;
use super::source::{Parts, Source};
use crate::buf::{Buf, Full, Tail};
use crate::http::byteranges::Boundary;
use crate::http::conditional::{self, Validators};
use crate::http::encoding::Accepted;
use crate::http::etag::EntityTag;
use crate::http::fields::Field;
use crate::http::head::Head;
use crate::http::limits::RANGES_MAX;
use crate::http::method::Method;
use crate::http::range::{self, ByteRange, Ranges};
use crate::http::respond::ResponseHead;
use crate::http::status::Status;
use crate::origin::error_page;
use crate::origin::file::{self, Ask, Body, FileMount, Found};
use crate::origin::listing::{self, JOB_BYTES, Job, View};
use crate::sys::fd;
use crate::vhost::{Mount, MountMatch};

/// Answers with the file that `at` leads to; `path` is the whole decoded path.
pub(super) fn serve(desk: &mut Desk<'_>, path: &[u8], at: MountMatch<'static, '_>) -> Outcome {
    let MountMatch { id, mount, rest } = at;
    let rest = if rest.is_empty() { b"/" } else { rest };
    let Some(files) = desk.request.site.file_mount(desk.vhost_id, id) else {
        return desk.error(Status::NOT_FOUND);
    };
    let fields = &desk.request.head.fields;
    let accept = Accepted::parse(fields.all(Field::AcceptEncoding));
    let wall_secs = desk.local.date.unix_secs();
    let ask = Ask { path: rest, accept, now_ms: desk.request.now_ms, wall_secs };
    let fixed = desk.vhost.header_block(desk.mount.map(|(_, mount)| mount));
    let Local { files: cache, date, page, .. } = &mut *desk.local;
    match file::answer(cache, files, &ask) {
        file::Outcome::Found(found) => {
            let head = desk.request.head;
            let reply = Reply {
                tx: desk.tx,
                date,
                page,
                header_block: fixed,
                version: head.version,
                keep_alive: desk.keep_alive,
                head_only: head.method == Method::Head,
                head_bytes: &mut desk.head_bytes,
            };
            let mut answer = Answer { reply, tail: desk.tail, head, mount, found };
            if desk.is_lost { answer.lost() } else { answer.found() }
        }
        // What is wrong with the page for what is not found is no news for the client.
        _ if desk.is_lost => desk.error(Status::NOT_FOUND),
        file::Outcome::RedirectToSlash => desk.add_slash(path),
        file::Outcome::Listing(directory) => list(desk, (files, mount), directory, &ask, path),
        file::Outcome::NotFound => desk.not_found(path),
        file::Outcome::NoIndex => {
            tell(desk.local, (files.id, mount), &ask, &Fault::NoIndex);
            desk.not_found(path)
        }
        file::Outcome::Forbidden => desk.error(Status::FORBIDDEN),
        file::Outcome::UnsupportedMediaType => desk.error(Status::UNSUPPORTED_MEDIA_TYPE),
        file::Outcome::Busy => desk.busy(),
        file::Outcome::Unavailable => {
            tell(desk.local, (files.id, mount), &ask, &Fault::Unavailable);
            let status = Status::SERVICE_UNAVAILABLE;
            let sentence = "The directory of this site is not there or cannot be opened.";
            desk.reply().error_saying(status, sentence)?;
            Ok((status, Source::Done))
        }
        file::Outcome::Failed => desk.error(Status::INTERNAL_SERVER_ERROR),
    }
}

/// The page of a directory without a default document.
fn list(
    desk: &mut Desk<'_>,
    (files, mount): (&FileMount, &Mount),
    directory: OwnedFd,
    ask: &Ask<'_>,
    path: &[u8],
) -> Outcome {
    let page = if desk.request.head.method == Method::Head {
        // The length is left out: the page would have to be made to know it.
        listing::probe(directory.as_fd()).map(|()| None)
    } else {
        let mut job = match desk.listing.take() {
            Some(job) => job,
            None if desk.local.listing_bytes + JOB_BYTES > LISTING_BYTES_MAX => {
                return desk.busy();
            }
            None => Box::new(Job::new(directory, View::of(desk.request.head.target.query))),
        };
        match job.advance(&mut desk.local.files, files, ask) {
            Ok(false) => return Err(Hold::Listing(job)),
            Ok(true) if desk.local.listing_bytes >= LISTING_BYTES_MAX => return desk.busy(),
            Ok(true) => Ok(Some(job.page(path))),
            Err(error) => Err(error),
        }
    };
    let page = match page {
        Ok(page) => page,
        Err(error) => {
            let status = match error.kind() {
                io::ErrorKind::PermissionDenied => Status::FORBIDDEN,
                io::ErrorKind::NotFound => Status::NOT_FOUND,
                _ => Status::INTERNAL_SERVER_ERROR,
            };
            tell(desk.local, (files.id, mount), ask, &Fault::Unlisted(error));
            return desk.error(status);
        }
    };
    let mut reply = desk.reply();
    let mut head = reply.start(Status::OK);
    head.field("Content-Type", error_page::CONTENT_TYPE.as_bytes());
    head.field("Cache-Control", b"no-store");
    let Some(bytes) = page else {
        head.finish()?;
        return Ok((Status::OK, Source::Done));
    };
    head.length(bytes.len() as u64).finish()?;
    desk.local.listing_bytes += bytes.len();
    Ok((Status::OK, Source::Page { bytes, at: 0 }))
}

/// A file that was found, and what it is written with.
struct Answer<'a> {
    reply: Reply<'a>,
    tail: &'a mut Tail,
    head: &'a Head<'a>,
    mount: &'static Mount,
    found: Found<'a>,
}

impl Answer<'_> {
    fn found(&mut self) -> Outcome {
        let fields = &self.head.fields;
        if !conditional::is_asked(fields) {
            return self.whole(Status::OK);
        }
        let validators = Validators {
            etag: EntityTag::parse(self.found.lines.etag()),
            modified_secs: Some(self.found.last_modified_secs),
        };
        match conditional::evaluate(self.head.method, fields, &validators) {
            conditional::Outcome::NotModified => self.not_modified(),
            conditional::Outcome::PreconditionFailed => {
                self.reply.error(Status::PRECONDITION_FAILED, |_| {})?;
                Ok((Status::PRECONDITION_FAILED, Source::Done))
            }
            conditional::Outcome::Proceed { ranges: false } => self.whole(Status::OK),
            conditional::Outcome::Proceed { ranges: true } => {
                let value = fields.single(Field::Range).unwrap_or_default();
                match range::parse(value, self.found.size) {
                    Ranges::Ignore => self.whole(Status::OK),
                    Ranges::Unsatisfiable => self.unsatisfiable(),
                    Ranges::One(range) => self.part(range),
                    Ranges::Many(ranges) => self.parts(ranges),
                }
            }
        }
    }

    /// The page for what is not found: a whole one whatever was asked for, without validators,
    /// which would be those of another address, and not to be kept, since what is missing may come.
    fn lost(&mut self) -> Outcome {
        let status = Status::NOT_FOUND;
        let before = self.reply.tx.len();
        let found = self.found;
        let mut head = self.reply.start(status);
        if self.mount.cache_control.is_some() {
            head.field("Cache-Control", b"no-store");
        }
        if found.vary {
            head.field("Vary", b"Accept-Encoding");
        }
        if let Some(content_type) = found.content_type {
            head.field("Content-Type", content_type.as_bytes());
        }
        if let Some(coding) = found.content_encoding {
            head.field("Content-Encoding", coding.as_bytes());
        }
        head.length(found.size).finish()?;
        self.send(before, status, 0, found.size)
    }

    /// The fields that describe the representation, which a 304 has too (RFC 9110 15.4.5).
    fn start(&mut self, status: Status) -> ResponseHead<'_> {
        let mut head = self.reply.start(status);
        head.lines(self.found.lines.about());
        if let Some(line) = &self.mount.cache_control {
            head.lines(line.as_bytes());
        }
        head
    }

    fn not_modified(&mut self) -> Outcome {
        self.start(Status::NOT_MODIFIED).finish()?;
        Ok((Status::NOT_MODIFIED, Source::Done))
    }

    fn unsatisfiable(&mut self) -> Outcome {
        let size = self.found.size;
        self.reply.error(Status::RANGE_NOT_SATISFIABLE, |head| {
            head.content_range_unsatisfied(size);
        })?;
        Ok((Status::RANGE_NOT_SATISFIABLE, Source::Done))
    }

    fn whole(&mut self, status: Status) -> Outcome {
        let before = self.reply.tx.len();
        let (size, lines) = (self.found.size, self.found.lines.of_all());
        self.start(status).lines(lines).finish()?;
        self.send(before, status, 0, size)
    }

    fn part(&mut self, range: ByteRange) -> Outcome {
        let before = self.reply.tx.len();
        let size = self.found.size;
        let status = Status::PARTIAL_CONTENT;
        let lines = self.found.lines.of_part();
        let mut head = self.start(status);
        head.lines(lines).content_range(range, size).length(range.len()).finish()?;
        self.send(before, status, range.first, range.len())
    }

    fn parts(&mut self, ranges: heapless::Vec<ByteRange, RANGES_MAX>) -> Outcome {
        let before = self.reply.tx.len();
        let (size, body) = (self.found.size, self.found.body);
        let content_type = self.found.content_type.unwrap_or_default().as_bytes();
        let boundary = Boundary::new(self.found.last_modified_secs ^ size.rotate_left(32));
        let Some(length) = boundary.body_len(content_type, &ranges, size) else {
            return self.whole(Status::OK);
        };
        let status = Status::PARTIAL_CONTENT;
        let lines = self.found.lines.of_parts();
        let mut head = self.start(status);
        head.lines(lines)
            .field("Content-Type", &boundary.content_type())
            .length(length)
            .finish()?;
        if self.reply.head_only {
            return Ok((status, Source::Done));
        }
        let source = match body {
            Body::Content(bytes) => {
                let tx = &mut *self.reply.tx;
                write_parts(tx, &boundary, content_type, &ranges, bytes)
                    .map(|()| Source::Done)
                    .map_err(|Full| Unsent::Full)
            }
            Body::File(file) => match fd::duplicate(file) {
                Ok(file) => {
                    let content_type = content_type.into();
                    let parts = Parts { file, ranges, next: 0, boundary, content_type, size };
                    Ok(Source::Parts(Box::new(parts)))
                }
                Err(_) => Err(Unsent::OutOfDescriptors),
            },
        };
        match source {
            Ok(source) => Ok((status, source)),
            Err(unsent) => self.unsent(before, status, unsent),
        }
    }

    /// The bytes behind a head that begins at `before` in the queue; the head goes again when
    /// they cannot be had.
    fn send(&mut self, before: usize, status: Status, offset: u64, len: u64) -> Outcome {
        if self.reply.head_only || len == 0 {
            return Ok((status, Source::Done));
        }
        let sent = match self.found.body {
            Body::Content(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                let to = usize::try_from(offset + len).unwrap_or(usize::MAX);
                let piece = bytes.get(from..to).unwrap_or_default();
                self.reply.tx.put(piece).map_err(|Full| Unsent::Full)
            }
            Body::File(file) => self.send_file(file, offset, len, before == 0),
        };
        match sent {
            Ok(()) => Ok((status, Source::Done)),
            Err(unsent) => self.unsent(before, status, unsent),
        }
    }

    /// Takes the head back that begins at `before`, and says why if waiting will not help.
    fn unsent(&mut self, before: usize, status: Status, unsent: Unsent) -> Outcome {
        self.reply.tx.truncate(before);
        let status = match unsent {
            Unsent::Full => return Err(Hold::Full),
            _ if status.is_error() => status,
            Unsent::OutOfDescriptors => Status::SERVICE_UNAVAILABLE,
            Unsent::Unreadable => Status::INTERNAL_SERVER_ERROR,
        };
        self.reply.error(status, |_| {})?;
        Ok((status, Source::Done))
    }

    /// `alone` says that no other answer is in the queue: waiting would make no more room.
    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        len: u64,
        alone: bool,
    ) -> Result<(), Unsent> {
        let fits = len <= self.reply.tx.room_len() as u64;
        if len > INLINE_BYTES_MAX || (!fits && alone) {
            let file = fd::duplicate(file).map_err(|_| Unsent::OutOfDescriptors)?;
            *self.tail = Tail::file(file, offset, len);
            return Ok(());
        }
        if !fits {
            return Err(Unsent::Full);
        }
        let end = offset + len;
        let mut at = offset;
        while at < end {
            let ask = usize::try_from(end - at).unwrap_or(usize::MAX);
            match file::read_into(file, self.reply.tx, at, ask) {
                Ok(n) if n > 0 => at += n as u64,
                // The file has become shorter than its head says, or cannot be read.
                _ => return Err(Unsent::Unreadable),
            }
        }
        Ok(())
    }
}

/// A whole `multipart/byteranges` body of a small file.
fn write_parts(
    tx: &mut Buf,
    boundary: &Boundary,
    content_type: &[u8],
    ranges: &[ByteRange],
    bytes: &[u8],
) -> Result<(), Full> {
    for range in ranges {
        boundary.write_part(tx, content_type, *range, bytes.len() as u64)?;
        // Ranges lie within the size, which is the length of the content.
        let [first, last] = [range.first, range.last].map(|at| usize::try_from(at).unwrap_or(0));
        tx.put(bytes.get(first..=last).unwrap_or_default())?;
    }
    boundary.write_end(tx)
}

/// Why the bytes of a file cannot follow their head.
enum Unsent {
    /// Not now: the queue must empty first.
    Full,
    /// There is no descriptor to send a large file from.
    OutOfDescriptors,
    /// The file has changed or cannot be read.
    Unreadable,
}
