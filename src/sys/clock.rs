//! Clocks: monotonic milliseconds for time limits, wall time for dates and logs.

/// Milliseconds of `CLOCK_MONOTONIC`: never goes back, starts at boot.
#[must_use]
pub fn monotonic_ms() -> u64 {
    let (secs, nanos) = read(libc::CLOCK_MONOTONIC);
    u64::try_from(secs).unwrap_or(0) * 1000 + u64::from(nanos / 1_000_000)
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

/// A date and time of day in the local time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// Year, for example 2026.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
    /// Minutes east of Greenwich.
    pub offset_minutes: i32,
}

/// Splits seconds since 1970 by the time zone of the process. The C library reads the zone at
/// the first call, which may allocate and open a file; later calls do neither.
#[must_use]
pub fn local_time(secs: u64) -> LocalTime {
    // SAFETY: all bytes zero is a valid timespec. Its field has the width that the C library
    // means by time_t; a date beyond that reads as 1970.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    time.tv_sec = secs.try_into().unwrap_or(0);
    // SAFETY: all bytes zero is a valid tm (its zone pointer is never followed here).
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the right types.
    unsafe { libc::localtime_r(&raw const time.tv_sec, &raw mut tm) };
    let small = |value: i32| u8::try_from(value).unwrap_or(0);
    #[allow(clippy::useless_conversion)]
    let offset_secs = i64::from(tm.tm_gmtoff);
    LocalTime {
        year: tm.tm_year.saturating_add(1900),
        month: small(tm.tm_mon.saturating_add(1)),
        day: small(tm.tm_mday),
        hour: small(tm.tm_hour),
        minute: small(tm.tm_min),
        second: small(tm.tm_sec),
        offset_minutes: i32::try_from(offset_secs / 60).unwrap_or(0),
    }
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
    }

    #[test]
    fn wall_clock_agrees_with_std() {
        let std = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        assert!(wall_secs().abs_diff(std) <= 2);
    }

    #[test]
    fn local_time_is_the_epoch_at_zero() {
        let time = local_time(86_400 * 365);
        // Whatever the zone, a day after or before the first of January 1971 at most.
        let shifted =
            i64::from(time.hour) * 60 + i64::from(time.minute) - i64::from(time.offset_minutes);
        assert_eq!(shifted.rem_euclid(1440), 0);
        assert!(time.year == 1970 || time.year == 1971);
    }
}
