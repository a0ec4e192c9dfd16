//! The local time zone, for log stamps.

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
pub fn local_time(unix_secs: u64) -> LocalTime {
    let tm = broken_down(unix_secs.try_into().unwrap_or(0));
    let small = |value: i32| u8::try_from(value).unwrap_or(0);
    LocalTime {
        year: tm.tm_year.saturating_add(1900),
        month: small(tm.tm_mon.saturating_add(1)),
        day: small(tm.tm_mday),
        hour: small(tm.tm_hour),
        minute: small(tm.tm_min),
        second: small(tm.tm_sec),
        offset_minutes: offset_secs(&tm) / 60,
    }
}

/// Seconds that local time is ahead of UTC at `unix_secs`; 0 when the system does not know.
///
/// Reads the zone file on the first call, so call it once before the file system changes root.
#[must_use]
pub fn utc_offset_secs(unix_secs: i64) -> i32 {
    offset_secs(&broken_down(unix_secs))
}

/// All zeros when the system cannot tell.
fn broken_down(unix_secs: i64) -> libc::tm {
    // The field has the width that the C library means by `time_t`, which is 32 bits on some
    // targets; a date beyond that reads as 1970.
    // SAFETY: all bytes zero is a valid timespec.
    let mut time: libc::timespec = unsafe { core::mem::zeroed() };
    #[allow(clippy::useless_conversion)]
    let secs = unix_secs.try_into().unwrap_or(0);
    time.tv_sec = secs;
    // SAFETY: `tm` is plain numbers and one pointer, for which all zeros is a valid value.
    let mut tm: libc::tm = unsafe { core::mem::zeroed() };
    // SAFETY: both pointers are to live values of the right types for the whole call, and
    // `localtime_r` keeps neither.
    unsafe { libc::localtime_r(&raw const time.tv_sec, &raw mut tm) };
    tm
}

fn offset_secs(tm: &libc::tm) -> i32 {
    #[allow(clippy::useless_conversion)]
    let secs = i64::from(tm.tm_gmtoff);
    i32::try_from(secs).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_within_a_day_for_any_time() {
        for secs in [0, 1_700_000_000, -1_700_000_000, i64::from(i32::MAX), i64::MAX, i64::MIN] {
            assert!(utc_offset_secs(secs).abs() <= 26 * 3600, "{secs}");
        }
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
