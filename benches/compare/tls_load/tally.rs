//! What came of a step: operations, failures, and the line of JSON that says so.

use std::io::{self, Write};

/// What came of a step.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) resumed: u64,
    pub(crate) unclean: u64,
    pub(crate) bytes: u64,
    pub(crate) failure: Option<String>,
}

impl Tally {
    /// Counts one operation by its outcome: bytes of its body, or what went wrong.
    pub(crate) fn note(&mut self, outcome: Result<u64, String>) {
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

    /// Takes over what another thread counted.
    pub(crate) fn add(&mut self, other: Self) {
        self.done += other.done;
        self.failed += other.failed;
        self.resumed += other.resumed;
        self.unclean += other.unclean;
        self.bytes += other.bytes;
        if let Some(failure) = other.failure {
            self.failure.get_or_insert(failure);
        }
    }

    /// Prints it as a line of JSON.
    pub(crate) fn print(&self) {
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

    /// A thread that ended in a panic.
    pub(crate) fn panicked() -> Self {
        Self { failed: 1, failure: Some("a thread panicked".to_string()), ..Self::default() }
    }
}
