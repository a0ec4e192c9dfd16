//! Limits of the machine: descriptors, memory, page size.

use std::io;

/// RLIMIT_NOFILE: how many descriptors the process may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorLimit {
    /// What holds now.
    pub soft: u64,
    /// How far an unprivileged process may raise it.
    pub hard: u64,
}

/// Reads RLIMIT_NOFILE. "Unlimited" reads as `u64::MAX`.
pub fn descriptors() -> io::Result<DescriptorLimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` outlives the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(DescriptorLimit { soft: widen(limit.rlim_cur), hard: widen(limit.rlim_max) })
}

/// Raises the soft limit to `wanted`, or to the hard limit when `wanted` is `None`; a `wanted`
/// above the hard limit raises that too, which needs privilege. `wanted` may also lower the soft
/// limit. Returns what holds afterwards.
pub fn set_descriptors(wanted: Option<u64>) -> io::Result<DescriptorLimit> {
    let now = descriptors()?;
    let soft = wanted.unwrap_or(now.hard);
    let hard = now.hard.max(soft);
    if soft == now.soft {
        return Ok(now);
    }
    let limit = libc::rlimit { rlim_cur: narrow(soft), rlim_max: narrow(hard) };
    // SAFETY: `limit` outlives the call, which only reads it.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    descriptors()
}

/// Lets the process have `wanted` descriptors, if it may not have as many already.
///
/// # Errors
/// As [`set_descriptors`].
pub fn raise_descriptors(wanted: u64) -> io::Result<()> {
    if descriptors()?.soft < wanted { set_descriptors(Some(wanted)).map(drop) } else { Ok(()) }
}

#[allow(clippy::useless_conversion)]
fn widen(value: libc::rlim_t) -> u64 {
    if value == libc::RLIM_INFINITY { u64::MAX } else { u64::from(value) }
}

#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
fn narrow(value: u64) -> libc::rlim_t {
    libc::rlim_t::try_from(value).unwrap_or(libc::RLIM_INFINITY)
}

/// Bytes of RAM in the machine; 0 when the kernel does not say.
#[must_use]
pub fn memory_bytes() -> u64 {
    // SAFETY: all bytes zero is a valid sysinfo.
    let mut info: libc::sysinfo = unsafe { std::mem::zeroed() };
    // SAFETY: `info` outlives the call.
    if unsafe { libc::sysinfo(&raw mut info) } != 0 {
        return 0;
    }
    #[allow(clippy::useless_conversion)]
    let total = u64::from(info.totalram);
    total.saturating_mul(u64::from(info.mem_unit.max(1)))
}

/// Bytes of a memory page.
#[must_use]
pub fn page_bytes() -> usize {
    // SAFETY: takes no pointer.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).ok().filter(|&s| s > 0).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptor_limit_reads_and_rises_to_the_hard_one() {
        let before = descriptors().unwrap();
        assert!(before.soft > 0 && before.soft <= before.hard);
        let after = set_descriptors(None).unwrap();
        assert_eq!(after.soft, after.hard);
        assert_eq!(after.hard, before.hard);
        // Asking for what holds is no change.
        assert_eq!(set_descriptors(Some(after.soft)).unwrap(), after);
        raise_descriptors(after.soft - 1).unwrap();
        assert_eq!(descriptors().unwrap(), after);
    }

    #[test]
    fn memory_and_pages_are_plausible() {
        assert!(memory_bytes() > 1 << 20);
        assert!(page_bytes().is_power_of_two());
    }
}
