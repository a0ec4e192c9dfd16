//! Load client for TLS servers: handshakes, resumptions, requests, idle connections.
//!
//! ```text
//! tls_load handshakes ADDRESS [--count N] [--threads N]       a full handshake per request
//! tls_load resume ADDRESS [--count N] [--threads N]           a resumed handshake per request
//! tls_load requests ADDRESS [--count N] [--connections N]     kept connections, in turns
//! tls_load idle ADDRESS [--connections N] [--threads N]       connections that wait
//!     --version 1.2|1.3   --cipher aes128|chacha20   --path /1k.txt
//! ```
//!
//! It prepares (opens connections, collects tickets), prints a line, and goes on with each line of
//! its standard input: `go`, or for `idle` one of `upload BYTES`, `fetch PATH`, `close`. After each
//! it prints one line of JSON: operations done and failed, handshakes resumed, connections that the
//! server ended without close_notify, bytes of bodies, and the first failure in words. Its own cost
//! is of no interest: whoever runs it reads the server's CPU time before and after.

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use rustls::ClientConfig;

mod link;
mod tickets;

use link::Link;
use tickets::Tickets;

/// Bytes that an answer passes through at a time.
const BLOCK_BYTES: usize = 64 * 1024;

/// The command line.
struct Options {
    mode: String,
    address: SocketAddr,
    count: usize,
    connections: usize,
    threads: usize,
    version: String,
    cipher: String,
    path: String,
}

/// What came of a step.
#[derive(Default)]
struct Tally {
    done: u64,
    failed: u64,
    resumed: u64,
    unclean: u64,
    bytes: u64,
    failure: Option<String>,
}

impl Tally {
    fn note(&mut self, outcome: Result<u64, String>) {
        match outcome {
            Ok(bytes) => {
                self.done += 1;
                self.bytes += bytes;
            }
            Err(failure) => {
                self.failed += 1;
                self.failure.get_or_insert(failure);
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.done += other.done;
        self.failed += other.failed;
        self.resumed += other.resumed;
        self.unclean += other.unclean;
        self.bytes += other.bytes;
        if let Some(failure) = other.failure {
            self.failure.get_or_insert(failure);
        }
    }

    fn print(&self) {
        let failure = self.failure.as_deref().unwrap_or_default().escape_default().to_string();
        println!(
            "{{\"done\": {}, \"failed\": {}, \"resumed\": {}, \"unclean\": {}, \"bytes\": {}, \
             \"failure\": \"{}\"}}",
            self.done,
            self.failed,
            self.resumed,
            self.unclean,
            self.bytes,
            failure.replace(['\\', '"'], " ")
        );
        let _ = io::stdout().flush();
    }
}

fn options() -> Result<Options, lexopt::Error> {
    use lexopt::prelude::*;
    let mut parser = lexopt::Parser::from_env();
    let mut places = Vec::new();
    let (mut count, mut connections, mut threads) = (1000, 32, 4);
    let [mut version, mut cipher, mut path] = ["1.3", "aes128", "/1k.txt"].map(String::from);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("count") => count = parser.value()?.parse()?,
            Long("connections") => connections = parser.value()?.parse()?,
            Long("threads") => threads = parser.value()?.parse::<usize>()?.max(1),
            Long("version") => version = parser.value()?.string()?,
            Long("cipher") => cipher = parser.value()?.string()?,
            Long("path") => path = parser.value()?.string()?,
            Value(value) => places.push(value.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let [mode, address] =
        <[String; 2]>::try_from(places).map_err(|_| "wanted: MODE ADDRESS [options]")?;
    let address = address.parse().map_err(|_| "the address is IP:PORT")?;
    Ok(Options { mode, address, count, connections, threads, version, cipher, path })
}

/// A request for `path`; the server keeps the connection unless `last`.
fn get(path: &str, last: bool) -> String {
    let ending = if last { "Connection: close\r\n" } else { "" };
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{ending}\r\n")
}

/// One request whose answer must be a 200; the length of its body.
fn fetch(link: &mut Link, path: &str, block: &mut [u8]) -> Result<u64, String> {
    link.send(&get(path, false), b"")?;
    take(link, block)
}

/// Reads an answer that must be a 200; the length of its body.
fn take(link: &mut Link, block: &mut [u8]) -> Result<u64, String> {
    let answer = link.receive(block)?;
    if answer.status != 200 {
        return Err(format!("status {}", answer.status));
    }
    Ok(answer.body_bytes)
}

/// A body for a file, which any answer may refuse, and a request that shows the connection is kept.
fn upload(link: &mut Link, path: &str, bytes: usize, block: &mut [u8]) -> Result<u64, String> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\
         Content-Length: {bytes}\r\n\r\n"
    );
    link.send(&head, &vec![b'x'; bytes])?;
    link.receive(block)?;
    fetch(link, path, block)
}

/// A connection for one request.
fn once(
    options: &Options,
    config: &Arc<ClientConfig>,
    tally: &mut Tally,
    block: &mut [u8],
) -> Result<u64, String> {
    let mut link = Link::open(options.address, config)?;
    tally.resumed += u64::from(link.resumed());
    link.send(&get(&options.path, true), b"")?;
    let bytes = take(&mut link, block)?;
    tally.unclean += u64::from(!link.ended_cleanly(block)?);
    Ok(bytes)
}

/// `count` connections, spread over one thread for each configuration.
fn connections(options: &Options, configs: &[Arc<ClientConfig>]) -> Tally {
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let threads: Vec<_> = configs
            .iter()
            .enumerate()
            .map(|(at, config)| scope.spawn(move || share(options, config, at, configs.len())))
            .collect();
        for thread in threads {
            tally.add(thread.join().unwrap_or_else(|_| panicked()));
        }
    });
    tally
}

/// What thread `at` of `of` does of them.
fn share(options: &Options, config: &Arc<ClientConfig>, at: usize, of: usize) -> Tally {
    let mut tally = Tally::default();
    let mut block = vec![0; BLOCK_BYTES];
    for _ in (at..options.count).step_by(of) {
        let outcome = once(options, config, &mut tally, &mut block);
        tally.note(outcome);
    }
    tally
}

fn panicked() -> Tally {
    Tally { failed: 1, failure: Some("a thread panicked".to_string()), ..Tally::default() }
}

/// A configuration for each thread that can resume as often as the thread has connections.
fn resumable(options: &Options) -> Result<Vec<Arc<ClientConfig>>, String> {
    let each = options.count.div_ceil(options.threads);
    thread::scope(|scope| {
        let threads: Vec<_> =
            (0..options.threads).map(|_| scope.spawn(|| collect(options, each))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".to_string())))
            .collect()
    })
}

/// Shakes hands in full until there are `wanted` tickets.
fn collect(options: &Options, wanted: usize) -> Result<Arc<ClientConfig>, String> {
    let mut block = vec![0; BLOCK_BYTES];
    let tickets = Arc::new(Tickets::default());
    let store = Arc::clone(&tickets);
    let config = link::config(&options.version, &options.cipher, Some(store))?;
    while tickets.count() < wanted {
        let before = tickets.count();
        once(options, &config, &mut Tally::default(), &mut block)?;
        if tickets.count() == before {
            return Err("the server gives no tickets".to_string());
        }
    }
    tickets.release();
    Ok(config)
}

/// Open connections, and the threads that work on them.
struct Links {
    links: Vec<Link>,
    threads: usize,
}

impl Links {
    /// Opens them; each has had one answer.
    fn open(options: &Options) -> Result<Self, String> {
        let config = link::config(&options.version, &options.cipher, None)?;
        let wanted = options.connections;
        let threads = options.threads.min(wanted.max(1));
        let opened = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads)
                .map(|at| {
                    let config = &config;
                    scope.spawn(move || {
                        let mut block = vec![0; BLOCK_BYTES];
                        (at..wanted)
                            .step_by(threads)
                            .map(|_| {
                                let mut link = Link::open(options.address, config)?;
                                fetch(&mut link, "/1k.txt", &mut block)?;
                                Ok(link)
                            })
                            .collect::<Result<Vec<_>, String>>()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err("a panic".to_string())))
                .collect::<Result<Vec<_>, String>>()
        })?;
        Ok(Self { links: opened.into_iter().flatten().collect(), threads })
    }

    /// Does something on each of them.
    fn each(&mut self, work: impl Fn(&mut Link, &mut [u8]) -> Result<u64, String> + Sync) -> Tally {
        let mut tally = Tally::default();
        let share = self.links.len().div_ceil(self.threads).max(1);
        thread::scope(|scope| {
            let work = &work;
            let threads: Vec<_> = self
                .links
                .chunks_mut(share)
                .map(|links| {
                    scope.spawn(move || {
                        let mut tally = Tally::default();
                        let mut block = vec![0; BLOCK_BYTES];
                        for link in links {
                            tally.note(work(link, &mut block));
                        }
                        tally
                    })
                })
                .collect();
            for thread in threads {
                tally.add(thread.join().unwrap_or_else(|_| panicked()));
            }
        });
        tally
    }

    /// Requests in turns: each connection always waits for one answer.
    fn requests(&mut self, path: &str, count: usize) -> Result<Tally, String> {
        let mut tally = Tally::default();
        let mut block = vec![0; BLOCK_BYTES];
        let head = get(path, false);
        let many = self.links.len();
        for link in self.links.iter_mut().take(count) {
            link.send(&head, b"")?;
        }
        for number in 0..count {
            let Some(link) = self.links.get_mut(number % many) else { break };
            tally.note(Ok(take(link, &mut block)?));
            if number + many < count {
                link.send(&head, b"")?;
            }
        }
        Ok(tally)
    }

    /// Checks that the server still keeps each of them, then closes them.
    fn close(&mut self) -> Tally {
        let tally = self.each(|link, _| match link.is_kept()? {
            true => Ok(0),
            false => Err("the server did not keep an idle connection".to_string()),
        });
        for link in self.links.drain(..) {
            link.close();
        }
        tally
    }

    /// A line of the standard input.
    fn obey(&mut self, order: &str) -> Result<Tally, String> {
        let bad = || format!("no such order: {order}");
        match order.split_once(' ') {
            Some(("fetch", path)) => Ok(self.each(|link, block| fetch(link, path, block))),
            Some(("upload", bytes)) => {
                let bytes = bytes.parse().map_err(|_| bad())?;
                Ok(self.each(|link, block| upload(link, "/1k.txt", bytes, block)))
            }
            None if order == "close" => Ok(self.close()),
            _ => Err(bad()),
        }
    }
}

/// Says that everything is prepared, then takes a step for each line; the number of failures.
fn steps(mut step: impl FnMut(&str) -> Result<Tally, String>) -> Result<u64, String> {
    println!("{{\"ready\": true}}");
    let mut failed = 0;
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let mut tally = Tally::default();
        match step(line.trim()) {
            Ok(found) => tally = found,
            Err(failure) => tally.note(Err(failure)),
        }
        tally.print();
        failed += tally.failed;
    }
    Ok(failed)
}

fn run() -> Result<u64, String> {
    let options = options().map_err(|error| error.to_string())?;
    match options.mode.as_str() {
        "handshakes" => {
            let config = link::config(&options.version, &options.cipher, None)?;
            let configs = vec![config; options.threads];
            steps(|_| Ok(connections(&options, &configs)))
        }
        "resume" => {
            let configs = resumable(&options)?;
            steps(|_| Ok(connections(&options, &configs)))
        }
        "requests" => {
            let mut links = Links::open(&options)?;
            steps(|_| links.requests(&options.path, options.count))
        }
        "idle" => {
            let mut links = Links::open(&options)?;
            steps(|order| links.obey(order))
        }
        other => Err(format!("no such mode: {other}")),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("tls_load: {failure}");
            ExitCode::FAILURE
        }
    }
}
