//! HTTP dates (RFC 9110 section 5.6.7): written as IMF-fixdate, read in all three forms. Times
//! are seconds since 1970, unsigned: 64 bits on every board.

use std::time::UNIX_EPOCH;

use httpdate::HttpDate;

use super::calendar::{civil, month_name};

/// Bytes of an IMF-fixdate.
pub const DATE_BYTES: usize = 29;

/// The last second that has four digits for its year.
const SECONDS_MAX: u64 = 253_402_300_799;

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

/// Writes `unix_secs` as in `Sun, 06 Nov 1994 08:49:37 GMT`; a time after the year 9999 as the
/// last second of it.
#[must_use]
pub fn imf_fixdate(unix_secs: u64) -> [u8; DATE_BYTES] {
    let secs = unix_secs.min(SECONDS_MAX);
    // Fits: fewer than 3 million days.
    let days = (secs / 86_400) as u32;
    let time = (secs % 86_400) as u32;
    let date = civil(i64::from(days));
    let year = u32::try_from(date.year).unwrap_or(0);
    let mut out = *b"ddd, 00 mmm 0000 00:00:00 GMT";
    out[0..3].copy_from_slice(DAYS[days as usize % 7]);
    out[5..7].copy_from_slice(&two(date.day));
    out[8..11].copy_from_slice(month_name(date.month));
    out[12..14].copy_from_slice(&two(year / 100));
    out[14..16].copy_from_slice(&two(year % 100));
    out[17..19].copy_from_slice(&two(time / 3600));
    out[20..22].copy_from_slice(&two(time / 60 % 60));
    out[23..25].copy_from_slice(&two(time % 60));
    out
}

fn two(n: u32) -> [u8; 2] {
    [b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8]
}

/// Reads an IMF-fixdate, an RFC 850 date or an asctime date; nothing else. The day of the week
/// must be right. A leap second is not read, so that such a date counts as invalid.
#[must_use]
pub fn parse(text: &[u8]) -> Option<u64> {
    // The crate trims whitespace; a field value has none left, a list member might.
    let (first, last) = (text.first()?, text.last()?);
    if first.is_ascii_whitespace() || last.is_ascii_whitespace() {
        return None;
    }
    let date: HttpDate = core::str::from_utf8(text).ok()?.parse().ok()?;
    std::time::SystemTime::from(date).duration_since(UNIX_EPOCH).ok().map(|d| d.as_secs())
}

const LINE: &[u8; 37] = b"Date: ddd, 00 mmm 0000 00:00:00 GMT\r\n";

/// The Date line of this second, rendered once.
#[derive(Debug, Clone)]
pub struct DateCache {
    unix_secs: u64,
    line: [u8; LINE.len()],
}

impl DateCache {
    /// A cache that shows `unix_secs`.
    #[must_use]
    pub fn new(unix_secs: u64) -> Self {
        let mut cache = Self { unix_secs, line: *LINE };
        cache.render();
        cache
    }

    /// Shows `unix_secs` from now on; the clock may have jumped in either direction.
    pub fn set(&mut self, unix_secs: u64) {
        if self.unix_secs != unix_secs {
            self.unix_secs = unix_secs;
            self.render();
        }
    }

    /// The second that is shown.
    #[must_use]
    pub fn unix_secs(&self) -> u64 {
        self.unix_secs
    }

    /// The date alone.
    #[must_use]
    pub fn date(&self) -> &[u8] {
        &self.line[6..6 + DATE_BYTES]
    }

    /// The whole field line with its line end.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    fn render(&mut self) {
        self.line[6..6 + DATE_BYTES].copy_from_slice(&imf_fixdate(self.unix_secs));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text(secs: u64) -> String {
        String::from_utf8(imf_fixdate(secs).to_vec()).unwrap()
    }

    #[test]
    fn well_known_dates() {
        assert_eq!(text(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(text(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(text(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(text(SECONDS_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(text(u64::MAX), text(SECONDS_MAX));
    }

    #[test]
    fn the_same_as_the_crate_for_every_odd_day() {
        for day in (0..2_932_896_u64).step_by(13) {
            let secs = day * 86_400 + day % 86_400;
            let crates = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs));
            assert_eq!(text(secs), crates);
            assert_eq!(parse(crates.as_bytes()), Some(secs));
        }
    }

    #[test]
    fn three_forms_and_nothing_else() {
        let good = [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ];
        for date in good {
            assert_eq!(parse(date.as_bytes()), Some(784_111_777), "{date}");
        }
        let bad = [
            "",
            "0",
            "784111777",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            " Sun, 06 Nov 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun Nov 06 08:49:37 1994 GMT",
            "Thu, 01 Jan 1960 00:00:00 GMT",
        ];
        for date in bad {
            assert_eq!(parse(date.as_bytes()), None, "{date}");
        }
        assert_eq!(parse(b"Sun, 06 Nov 1994 08:49:37 \xff\xff\xff"), None);
    }

    #[test]
    fn the_cache_follows_the_clock_both_ways() {
        let mut cache = DateCache::new(784_111_777);
        assert_eq!(cache.date(), b"Sun, 06 Nov 1994 08:49:37 GMT");
        cache.set(784_111_778);
        assert_eq!(cache.line(), b"Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
        cache.set(0);
        assert_eq!(cache.date(), b"Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(cache.unix_secs(), 0);
    }
}
