//! The HTTP/1.1 core: bytes in, decisions out, bytes out again. No socket, no clock, no file.
//!
//! Requests are read strictly (RFC 9110, RFC 9112): where two readers could disagree about
//! where a message ends, the message is refused and the connection closes.

pub mod basic;
pub mod body;
pub mod byteranges;
pub mod calendar;
pub mod chunked;
pub mod conditional;
pub mod date;
pub mod encoding;
pub mod etag;
pub mod fields;
pub mod framing;
pub mod glimpse;
pub mod head;
pub mod host;
pub mod limits;
pub mod method;
pub mod range;
mod refusal;
pub mod respond;
pub mod status;
pub mod target;
mod token;
mod unfinished;
pub mod uri;
mod version;
