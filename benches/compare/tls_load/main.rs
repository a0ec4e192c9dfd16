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

use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use rustls::ClientConfig;

mod link;
mod links;
mod operations;
mod tally;
mod tickets;

use links::Links;
use operations::once;
use tally::Tally;
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
            tally.add(thread.join().unwrap_or_else(|_| Tally::panicked()));
        }
    });
    tally
}

/// What thread `at` of `of` does of them.
fn share(options: &Options, config: &Arc<ClientConfig>, at: usize, of: usize) -> Tally {
    let mut tally = Tally::default();
    let mut block = vec![0; BLOCK_BYTES];
    for _ in (at..options.count).step_by(of) {
        let outcome = once(options.address, &options.path, config, &mut tally, &mut block);
        tally.note(outcome);
    }
    tally
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
        once(options.address, &options.path, &config, &mut Tally::default(), &mut block)?;
        if tickets.count() == before {
            return Err("the server gives no tickets".to_string());
        }
    }
    tickets.release();
    Ok(config)
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
