//! How a server is, for programs: JSON (RFC 8259). Keys are only ever added.

use std::fmt::{self, Write as _};

use super::status::{Generation, LastReload, Listener, Memory, Status};

impl Status {
    /// One JSON object, with a line feed at its end. What is not known is null.
    #[must_use]
    pub(in crate::daemon) fn json(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) -> fmt::Result {
        write!(out, "{{\"version\":{},\"pid\":{}", Quoted(&self.version), self.pid)?;
        write!(out, ",\"age_secs\":{}", self.age_secs)?;
        write!(out, ",\"config_dir\":{}", Quoted(&self.config_dir))?;
        write_memory(out, self.memory)?;
        write!(out, ",\"generations\":[")?;
        for (at, generation) in self.generations.iter().enumerate() {
            out.push_str(if at == 0 { "" } else { "," });
            generation.write_json(out)?;
        }
        write!(out, "],\"listeners\":[")?;
        for (at, listener) in self.listeners.iter().enumerate() {
            out.push_str(if at == 0 { "" } else { "," });
            listener.write_json(out)?;
        }
        write!(out, "],\"listeners_left_out\":{}", self.listeners_left_out)?;
        write!(out, ",\"last_reload\":")?;
        match &self.last_reload {
            Some(reload) => reload.write_json(out)?,
            None => out.push_str("null"),
        }
        out.write_str("}\n")
    }
}

/// How much, and whether that is an estimate.
fn write_memory(out: &mut String, memory: Option<Memory>) -> fmt::Result {
    write!(out, ",\"memory_bytes\":{}", OrNull(memory.map(|memory| memory.bytes)))?;
    let is_estimate = memory.map(|memory| memory.is_estimate);
    write!(out, ",\"memory_is_estimate\":{}", OrNull(is_estimate))
}

impl Generation {
    fn write_json(&self, out: &mut String) -> fmt::Result {
        let counts = self.counts.as_ref();
        write!(out, "{{\"number\":{},\"pid\":{}", self.number, OrNull(self.pid))?;
        write!(out, ",\"state\":{}", Quoted(self.state.name()))?;
        write!(out, ",\"age_secs\":{}", self.age_secs)?;
        write!(out, ",\"connections\":{}", OrNull(counts.map(|counts| counts.connections)))?;
        write!(out, ",\"accepted\":{}", OrNull(counts.map(|counts| counts.accepted)))?;
        write!(out, ",\"requests\":{}", OrNull(counts.map(|counts| counts.requests)))?;
        write_memory(out, self.memory)?;
        let most = Some(self.memory_bytes_max).filter(|bytes| *bytes > 0);
        write!(out, ",\"memory_bytes_max\":{}}}", OrNull(most))
    }
}

impl Listener {
    fn write_json(&self, out: &mut String) -> fmt::Result {
        write!(out, "{{\"url\":{},\"vhosts\":{}", Quoted(&self.url), Quoted(&self.vhosts))?;
        write!(out, ",\"open\":{},\"waits_for\":", self.waits_for.is_none())?;
        match &self.waits_for {
            Some(reason) => write!(out, "{}}}", Quoted(reason)),
            None => out.write_str("null}"),
        }
    }
}

impl LastReload {
    fn write_json(&self, out: &mut String) -> fmt::Result {
        write!(
            out,
            "{{\"age_secs\":{},\"good\":{},\"outcome\":{}}}",
            self.age_secs,
            self.good,
            Quoted(&self.outcome)
        )
    }
}

/// A JSON string, RFC 8259 section 7.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                // Terminals and JavaScript have their own ideas about the others.
                _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
                    write!(f, "\\u{:04x}", u32::from(character))?;
                }
                _ => f.write_char(character)?,
            }
        }
        f.write_char('"')
    }
}

/// A number, or null.
struct OrNull<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for OrNull<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("null"),
        }
    }
}
