//! The time stamp of a log line.

use crate::http::calendar::{Civil, civil, month_name};
use crate::sys::tz;

/// Bytes of `dd/Mon/YYYY:HH:MM:SS +zzzz`.
const COMBINED_BYTES: usize = 26;
/// Bytes of `YYYY-MM-DDTHH:MM:SS+zz:zz`.
const ISO_BYTES: usize = 25;

/// A rendered moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    combined: [u8; COMBINED_BYTES],
    iso: [u8; ISO_BYTES],
}

impl Stamp {
    /// Renders `unix_secs` in a zone that is `offset_secs` ahead of UTC. Years outside of 0 to
    /// 9999 are shown as the nearest one within.
    #[must_use]
    pub fn new(unix_secs: i64, offset_secs: i32) -> Self {
        let offset_minutes = offset_secs.clamp(-86_340, 86_340) / 60;
        let local = unix_secs
            .saturating_add(i64::from(offset_minutes) * 60)
            .clamp(-62_167_219_200, 253_402_300_799);
        let Civil { year, month, day } = civil(local.div_euclid(86_400));
        let (name, month, day) = (month_name(month), i64::from(month), i64::from(day));
        let second = local.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let sign = if offset_minutes < 0 { b'-' } else { b'+' };
        let ahead = i64::from(offset_minutes.abs());
        let (zone_hours, zone_minutes) = (ahead / 60, ahead % 60);

        let mut combined = *b"dd/Mon/YYYY:HH:MM:SS +zzzz";
        combined[3..6].copy_from_slice(name);
        let at = [(0, day), (7, year / 100), (9, year % 100), (12, hour), (15, minute)];
        pairs(&mut combined, &at);
        pairs(&mut combined, &[(18, second), (22, zone_hours), (24, zone_minutes)]);
        combined[21] = sign;

        let mut iso = *b"YYYY-MM-DDTHH:MM:SS+zz:zz";
        pairs(&mut iso, &[(0, year / 100), (2, year % 100), (5, month), (8, day), (11, hour)]);
        pairs(&mut iso, &[(14, minute), (17, second), (20, zone_hours), (23, zone_minutes)]);
        iso[19] = sign;
        Self { combined, iso }
    }

    /// `dd/Mon/YYYY:HH:MM:SS +zzzz`
    #[must_use]
    pub fn combined(&self) -> &[u8] {
        &self.combined
    }

    /// `YYYY-MM-DDTHH:MM:SS+zz:zz` (RFC 3339)
    #[must_use]
    pub fn iso(&self) -> &[u8] {
        &self.iso
    }
}

/// Writes two-digit numbers at constant places of a stamp.
fn pairs(text: &mut [u8], numbers: &[(usize, i64)]) {
    for &(at, number) in numbers {
        if let (Some(pair), Ok(number)) = (text.get_mut(at..at + 2), u8::try_from(number % 100)) {
            pair.copy_from_slice(&[b'0' + number / 10, b'0' + number % 10]);
        }
    }
}

/// Keeps the newest stamp: rendered once a second, the zone asked for once a minute.
#[derive(Debug)]
pub struct LogClock {
    secs: i64,
    offset_secs: i32,
    stamp: Stamp,
}

impl LogClock {
    /// A clock that has asked the system for its zone already.
    #[must_use]
    pub fn new(unix_secs: i64) -> Self {
        let offset_secs = tz::utc_offset_secs(unix_secs);
        Self { secs: unix_secs, offset_secs, stamp: Stamp::new(unix_secs, offset_secs) }
    }

    /// The stamp of `unix_secs`, in local time.
    pub fn stamp(&mut self, unix_secs: i64) -> &Stamp {
        if unix_secs != self.secs {
            if unix_secs.div_euclid(60) != self.secs.div_euclid(60) {
                self.offset_secs = tz::utc_offset_secs(unix_secs);
            }
            self.secs = unix_secs;
            self.stamp = Stamp::new(unix_secs, self.offset_secs);
        }
        &self.stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_rendered_in_both_forms() {
        for (secs, offset, combined, iso) in [
            (0, 0, "01/Jan/1970:00:00:00 +0000", "1970-01-01T00:00:00+00:00"),
            (951_782_400, 0, "29/Feb/2000:00:00:00 +0000", "2000-02-29T00:00:00+00:00"),
            (1_709_251_199, 0, "29/Feb/2024:23:59:59 +0000", "2024-02-29T23:59:59+00:00"),
            (1_709_251_199, 3600, "01/Mar/2024:00:59:59 +0100", "2024-03-01T00:59:59+01:00"),
            (1_735_689_600, -12_600, "31/Dec/2024:20:30:00 -0330", "2024-12-31T20:30:00-03:30"),
            (-1, 0, "31/Dec/1969:23:59:59 +0000", "1969-12-31T23:59:59+00:00"),
            (i64::MAX, 0, "31/Dec/9999:23:59:59 +0000", "9999-12-31T23:59:59+00:00"),
            (i64::MIN, -3600, "01/Jan/0000:00:00:00 -0100", "0000-01-01T00:00:00-01:00"),
        ] {
            let stamp = Stamp::new(secs, offset);
            assert_eq!(core::str::from_utf8(stamp.combined()).unwrap(), combined);
            assert_eq!(core::str::from_utf8(stamp.iso()).unwrap(), iso);
        }
    }

    #[test]
    fn the_clock_follows_the_time_both_ways() {
        let mut clock = LogClock::new(1_000_000);
        for secs in [1_000_000, 1_000_001, 1_000_100, 5, i64::MAX, -5] {
            let want = Stamp::new(secs, tz::utc_offset_secs(secs));
            assert_eq!(*clock.stamp(secs), want);
        }
    }
}
