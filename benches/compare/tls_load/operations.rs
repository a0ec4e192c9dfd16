//! The operations that are counted: a fetch, an upload, a connection for one request.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;

use crate::link::Link;
use crate::tally::Tally;

/// A request for `path`; the server keeps the connection unless `last`.
pub(crate) fn get(path: &str, last: bool) -> String {
    let ending = if last { "Connection: close\r\n" } else { "" };
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{ending}\r\n")
}

/// One request whose answer must be a 200; the length of its body.
pub(crate) fn fetch(link: &mut Link, path: &str, block: &mut [u8]) -> Result<u64, String> {
    link.send(&get(path, false), b"")?;
    take(link, block)
}

/// Reads an answer that must be a 200; the length of its body.
pub(crate) fn take(link: &mut Link, block: &mut [u8]) -> Result<u64, String> {
    let answer = link.receive(block)?;
    if answer.status != 200 {
        return Err(format!("status {}", answer.status));
    }
    Ok(answer.body_bytes)
}

/// A body for a file, which any answer may refuse, and a request that shows the connection is kept.
pub(crate) fn upload(
    link: &mut Link,
    path: &str,
    bytes: usize,
    block: &mut [u8],
) -> Result<u64, String> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\
         Content-Length: {bytes}\r\n\r\n"
    );
    link.send(&head, &vec![b'x'; bytes])?;
    link.receive(block)?;
    fetch(link, path, block)
}

/// A connection for one request.
pub(crate) fn once(
    address: SocketAddr,
    path: &str,
    config: &Arc<ClientConfig>,
    tally: &mut Tally,
    block: &mut [u8],
) -> Result<u64, String> {
    let mut link = Link::open(address, config)?;
    tally.resumed += u64::from(link.resumed());
    link.send(&get(path, true), b"")?;
    let bytes = take(&mut link, block)?;
    tally.unclean += u64::from(!link.ended_cleanly(block)?);
    Ok(bytes)
}
