//! Clocks: monotonic milliseconds for time limits, wall time for dates and logs.

/// Milliseconds of `CLOCK_MONOTONIC`: never goes back, starts at boot.
#[must_use]
pub fn monotonic_ms() -> u64 {
    let (secs, nanos) = read(libc::CLOCK_MONOTONIC);
    u64::try_from(secs).unwrap_or(0) * 1000 + u64::from(nanos / 1_000_000)
}

/// Microseconds of the same clock.
#[must_use]
pub fn monotonic_us() -> u64 {
    let (secs, nanos) = read(libc::CLOCK_MONOTONIC);
    u64::try_from(secs).unwrap_or(0) * 1_000_000 + u64::from(nanos / 1000)
}

/// Seconds since 1970 of `CLOCK_REALTIME_COARSE` (a tick behind at most); a clock that was set
/// before 1970 reads as 0.
#[must_use]
pub fn wall_secs() -> u64 {
    u64::try_from(read(libc::CLOCK_REALTIME_COARSE).0).unwrap_or(0)
}

fn read(clock: libc::clockid_t) -> (i64, u32) {
    // SAFETY: all bytes zero is a valid timespec.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: `time` outlives the call and the clock ids used here exist on every Linux.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    // The fields are 32 or 64 bits wide, depending on the target.
    #[allow(clippy::useless_conversion)]
    (i64::from(time.tv_sec), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_never_goes_back() {
        let mut before = monotonic_ms();
        for _ in 0..1000 {
            let now = monotonic_ms();
            assert!(now >= before);
            before = now;
        }
        assert!(before > 0);
        assert!(monotonic_us() / 1000 >= before);
    }

    #[test]
    fn wall_clock_agrees_with_std() {
        let std = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        assert!(wall_secs().abs_diff(std) <= 2);
    }
}
