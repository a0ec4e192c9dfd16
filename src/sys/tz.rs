//! The local time zone, for log stamps.

/// Seconds that local time is ahead of UTC at `unix_secs`; 0 when the system does not know.
///
/// Reads the zone file on the first call, so call it once before the file system changes root.
#[must_use]
pub fn utc_offset_secs(unix_secs: i64) -> i32 {
    // `time_t` has 32 bits on some targets.
    #[allow(clippy::useless_conversion)]
    let time = unix_secs.try_into().unwrap_or(0);
    // SAFETY: `tm` is plain numbers and one pointer, for which all zeros is a valid value.
    let mut broken_down: libc::tm = unsafe { core::mem::zeroed() };
    // SAFETY: both pointers are to live, properly typed values for the whole call, and
    // `localtime_r` keeps neither.
    let done = unsafe { libc::localtime_r(&raw const time, &raw mut broken_down) };
    if done.is_null() { 0 } else { broken_down.tm_gmtoff as i32 }
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
}
