//! Connections that are kept: requests on them in turns, and orders to all of them.

use std::thread;

use crate::link::{self, Link};
use crate::operations::{fetch, get, take, upload};
use crate::tally::Tally;
use crate::{BLOCK_BYTES, Options};

/// Open connections, and the threads that work on them.
pub(crate) struct Links {
    links: Vec<Link>,
    threads: usize,
}

impl Links {
    /// Opens them; each has had one answer.
    pub(crate) fn open(options: &Options) -> Result<Self, String> {
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
                tally.add(thread.join().unwrap_or_else(|_| Tally::panicked()));
            }
        });
        tally
    }

    /// Requests in turns: each connection always waits for one answer.
    pub(crate) fn requests(&mut self, path: &str, count: usize) -> Result<Tally, String> {
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
    pub(crate) fn obey(&mut self, order: &str) -> Result<Tally, String> {
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
