//! How a server is, for people.

use std::fmt::{self, Write as _};

use super::packet::ANSWER_BYTES_MAX;

/// How a server is. Ages are in seconds, memory is private memory in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::daemon) struct Status {
    /// Version of the supervisor's program.
    pub version: String,
    /// The supervisor's process.
    pub pid: u32,
    /// Since the supervisor was started.
    pub age_secs: u64,
    /// Directory of the configuration.
    pub config_dir: String,
    /// The supervisor's own memory; none when the kernel does not say.
    pub memory: Option<Memory>,
    /// All processes that serve or are on their way in or out, in order of their numbers.
    pub generations: Vec<Generation>,
    /// All addresses, in order of the configuration.
    pub listeners: Vec<Listener>,
    /// Further addresses, for which an answer has no room.
    pub listeners_left_out: usize,
    /// None before the first.
    pub last_reload: Option<LastReload>,
}

/// A generation of the configuration: one worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Generation {
    /// Counts from 1.
    pub number: u32,
    /// Its process; none while it is being restarted.
    pub pid: Option<u32>,
    /// What it does.
    pub state: State,
    /// Since its process was started.
    pub age_secs: u64,
    /// What it counts; none when it has not said so yet.
    pub counts: Option<Counts>,
    /// Its memory; none when the kernel does not say.
    pub memory: Option<Memory>,
    /// What it may use at most; 0 when that is not known yet.
    pub memory_bytes_max: u64,
}

/// Private memory of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) struct Memory {
    /// How much.
    pub bytes: u64,
    /// The kernel does not tell more exactly.
    pub is_estimate: bool,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = if self.is_estimate { "about " } else { "" };
        write!(f, "{about}{}", memory(self.bytes))
    }
}

/// What a worker counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::daemon) struct Counts {
    /// Connections that are open.
    pub connections: u32,
    /// Connections since its start.
    pub accepted: u64,
    /// Requests since its start.
    pub requests: u64,
}

/// What a generation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum State {
    /// It is being started.
    Starting,
    /// It takes connections.
    Serving,
    /// It finishes the connections that it has.
    Draining,
    /// It has to end soon.
    Stopping,
    /// It has died and will be started again.
    Restarting,
}

impl State {
    /// Its name, the same in both forms.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::Restarting => "restarting",
        }
    }
}

/// An address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::daemon) struct Listener {
    /// Where: `http://0.0.0.0:80`, `https://[::]:443`, `http+unix:/run/k`, `http://eth1:80`.
    pub url: String,
    /// The vhosts' names.
    pub vhosts: String,
    /// Why it is not open, if it is not: "eth1 has no address".
    pub waits_for: Option<String>,
}

/// How the last reload ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::daemon) struct LastReload {
    /// Since it ended.
    pub age_secs: u64,
    /// Whether what was wanted is what is served.
    pub good: bool,
    /// In words: "generation 3 serves", "nothing has changed", "the configuration is wrong".
    pub outcome: String,
}

impl Status {
    /// What is sent to a client, whole in any case: of very many addresses the first ones.
    #[must_use]
    pub(in crate::daemon) fn answer(&self, json: bool) -> String {
        let mut cut = self.clone();
        loop {
            let text = if json { cut.json() } else { cut.text() };
            if text.len() <= ANSWER_BYTES_MAX || cut.listeners.is_empty() {
                return text;
            }
            // Fewer than now, since the text is longer than its bound.
            let kept = cut.listeners.len().saturating_mul(ANSWER_BYTES_MAX) / text.len();
            cut.listeners_left_out += cut.listeners.len() - kept;
            cut.listeners.truncate(kept);
        }
    }

    /// A few lines.
    #[must_use]
    pub(in crate::daemon) fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = self.write_text(&mut out);
        out
    }

    fn write_text(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "kinglet {} serves {} (process {}, for {})",
            plain(&self.version),
            plain(&self.config_dir),
            self.pid,
            age(self.age_secs)
        )?;
        if let Some(memory) = self.memory {
            writeln!(out, "supervisor: {memory}")?;
        }
        if let Some(reload) = &self.last_reload {
            let failed = if reload.good { "" } else { "failed: " };
            let ago = age(reload.age_secs);
            writeln!(out, "last reload: {ago} ago, {failed}{}", plain(&reload.outcome))?;
        }
        writeln!(out)?;
        write_table(out, &self.rows())?;
        writeln!(out)?;
        for listener in &self.listeners {
            write!(out, "{} for {}", plain(&listener.url), plain(&listener.vhosts))?;
            if let Some(reason) = &listener.waits_for {
                write!(out, ": not open, {}", plain(reason))?;
            }
            writeln!(out)?;
        }
        match self.listeners_left_out {
            0 if self.listeners.is_empty() => writeln!(out, "no addresses")?,
            0 => {}
            more => writeln!(out, "and {more} more")?,
        }
        Ok(())
    }

    fn rows(&self) -> Vec<[String; 8]> {
        let head = ["gen", "pid", "state", "age", "connections", "accepted", "requests", "memory"];
        let rows = self.generations.iter().map(|generation| {
            let count = |of: fn(&Counts) -> u64| {
                generation.counts.as_ref().map_or_else(unknown, |counts| of(counts).to_string())
            };
            [
                generation.number.to_string(),
                generation.pid.map_or_else(unknown, |pid| pid.to_string()),
                generation.state.name().to_owned(),
                age(generation.age_secs),
                count(|counts| counts.connections.into()),
                count(|counts| counts.accepted),
                count(|counts| counts.requests),
                generation.memory(),
            ]
        });
        std::iter::once(head.map(str::to_owned)).chain(rows).collect()
    }
}

impl Generation {
    fn memory(&self) -> String {
        let used = self.memory.map_or_else(unknown, |memory| memory.to_string());
        match self.memory_bytes_max {
            0 => used,
            most => format!("{used} of {}", memory(most)),
        }
    }
}

/// Columns two blanks apart, words on the left and numbers on the right.
fn write_table<const N: usize>(out: &mut String, rows: &[[String; N]]) -> fmt::Result {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        for (at, (width, cell)) in widths.iter().zip(row).enumerate() {
            let gap = if at == 0 { "" } else { "  " };
            match at {
                // State and memory; nothing follows the last one.
                _ if at + 1 == N => write!(out, "{gap}{cell}")?,
                2 => write!(out, "{gap}{cell:<width$}")?,
                _ => write!(out, "{gap}{cell:>width$}")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn unknown() -> String {
    "?".to_owned()
}

/// Seconds in the two units that say most.
fn age(secs: u64) -> String {
    let (minutes, hours, days) = (secs / 60, secs / 3600, secs / 86_400);
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{minutes} min {} s", secs % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// Bytes in the unit that fits.
fn memory(bytes: u64) -> String {
    let kib = bytes.div_ceil(1024);
    if kib < 10_000 {
        return format!("{kib} KiB");
    }
    let tenths = kib * 10 / 1024;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// Text that a terminal cannot take for an order.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
