//! A plan as bytes, and back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Excerpt, Plan, PlanFault, PlannedIdentity, PlannedListener, PlannedLog, Quick, Scheme,
};
use crate::config::settings::{Families, ListenOn};
use crate::daemon::listening::places::Wanted;
use crate::daemon::packing::{Pack, Unpacker};
use crate::sys::unix_listener::UnixAccess;

/// First bytes of a plan; the last one counts its versions.
const MAGIC: &[u8; 8] = b"kingplN\x03";

impl Plan {
    /// The plan as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Vec::new();
        to.bytes(MAGIC);
        to.u8(self.state_version);
        to.text(&self.program_version);
        to.bytes(&self.fingerprint);
        to.u16(self.threads);
        to.flag(self.speaks_tls);
        to.u64(self.shutdown_ms);
        to.u64(self.drain_ms);
        to.u16(self.generations_max);
        to.u64(self.descriptors);
        to.flag(self.quick.is_some());
        if let Some(quick) = &self.quick {
            to.u16(quick.tries);
            to.text(&quick.directory);
        }
        to.text(&self.budget_text);
        to.u64(self.memory_bytes_max);
        to.length(self.identities.len());
        for identity in &self.identities {
            to.u16(identity.vhost);
            to.text(&identity.name);
            to.flag(identity.is_good);
        }
        to.length(self.logs.len());
        for log in &self.logs {
            put_log(&mut to, log);
        }
        to.length(self.listeners.len());
        for listener in &self.listeners {
            put_listener(&mut to, listener);
        }
        to
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// [`PlanFault`], whatever is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, PlanFault> {
        let mut from = Unpacker::new(bytes);
        if from.bytes(MAGIC.len())? != MAGIC {
            return Err(PlanFault::Version);
        }
        let plan = Self {
            state_version: from.u8()?,
            program_version: from.text()?,
            fingerprint: from.array()?,
            threads: at_least_one(from.u16()?)?,
            speaks_tls: from.flag()?,
            shutdown_ms: from.u64()?,
            drain_ms: from.u64()?,
            generations_max: at_least_one(from.u16()?)?,
            descriptors: from.u64()?,
            quick: from.optional(|from| {
                Ok(Quick { tries: at_least_one(from.u16()?)?, directory: from.text()? })
            })?,
            budget_text: from.text()?,
            memory_bytes_max: from.u64()?,
            identities: from.list(|from| {
                let (vhost, name) = (from.u16()?, from.text()?);
                Ok(PlannedIdentity { vhost, name, is_good: from.flag()? })
            })?,
            logs: from.list(take_log)?,
            listeners: from.list(take_listener)?,
        };
        from.end()?;
        Ok(plan)
    }
}

fn at_least_one(value: u16) -> Result<u16, PlanFault> {
    if value == 0 { Err(PlanFault::Value) } else { Ok(value) }
}

fn put_excerpt(to: &mut Vec<u8>, excerpt: &Excerpt) {
    to.text(&excerpt.place);
    to.text(&excerpt.lines);
}

fn take_excerpt(from: &mut Unpacker<'_>) -> Result<Excerpt, PlanFault> {
    Ok(Excerpt { place: from.text()?, lines: from.text()? })
}

fn put_log(to: &mut Vec<u8>, log: &PlannedLog) {
    to.text(&log.path);
    put_excerpt(to, &log.source);
}

fn take_log(from: &mut Unpacker<'_>) -> Result<PlannedLog, PlanFault> {
    Ok(PlannedLog { path: from.text()?, source: take_excerpt(from)? })
}

fn put_listener(to: &mut Vec<u8>, listener: &PlannedListener) {
    put_wanted(to, &listener.wanted);
    to.flag(listener.unix.is_some());
    if let Some(unix) = &listener.unix {
        to.owner(unix.owner);
        to.u32(unix.mode);
    }
    to.u8(match listener.scheme {
        Scheme::Http => 0,
        Scheme::Https => 1,
    });
    to.text(&listener.vhosts);
    put_excerpt(to, &listener.source);
}

fn take_listener(from: &mut Unpacker<'_>) -> Result<PlannedListener, PlanFault> {
    Ok(PlannedListener {
        wanted: take_wanted(from)?,
        unix: from.optional(|from| Ok(UnixAccess { owner: from.owner()?, mode: from.u32()? }))?,
        scheme: match from.u8()? {
            0 => Scheme::Http,
            1 => Scheme::Https,
            _ => return Err(PlanFault::Value),
        },
        vhosts: from.text()?,
        source: take_excerpt(from)?,
    })
}

fn put_wanted(to: &mut Vec<u8>, wanted: &Wanted) {
    match &wanted.on {
        ListenOn::Any => to.u8(0),
        ListenOn::Address(IpAddr::V4(address), scope) => {
            to.u8(1);
            to.bytes(&address.octets());
            put_scope(to, scope.as_deref());
        }
        ListenOn::Address(IpAddr::V6(address), scope) => {
            to.u8(2);
            to.bytes(&address.octets());
            put_scope(to, scope.as_deref());
        }
        ListenOn::Nic(name) => {
            to.u8(3);
            to.text(name);
        }
        ListenOn::Unix(path) => {
            to.u8(4);
            to.text(path);
        }
    }
    to.u16(wanted.port);
    to.u8(match wanted.families {
        Families::Both => 0,
        Families::V4Only => 1,
        Families::V6Only => 2,
    });
}

fn put_scope(to: &mut Vec<u8>, scope: Option<&str>) {
    to.flag(scope.is_some());
    if let Some(scope) = scope {
        to.text(scope);
    }
}

fn take_wanted(from: &mut Unpacker<'_>) -> Result<Wanted, PlanFault> {
    let on = match from.u8()? {
        0 => ListenOn::Any,
        1 => {
            let address = IpAddr::V4(Ipv4Addr::from(from.array::<4>()?));
            ListenOn::Address(address, from.optional(Unpacker::text)?)
        }
        2 => {
            let address = IpAddr::V6(Ipv6Addr::from(from.array::<16>()?));
            ListenOn::Address(address, from.optional(Unpacker::text)?)
        }
        3 => ListenOn::Nic(from.text()?),
        4 => ListenOn::Unix(from.text()?),
        _ => return Err(PlanFault::Value),
    };
    Ok(Wanted {
        on,
        port: from.u16()?,
        families: match from.u8()? {
            0 => Families::Both,
            1 => Families::V4Only,
            2 => Families::V6Only,
            _ => return Err(PlanFault::Value),
        },
    })
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
