//! Times in certificates (RFC 5280 section 4.1.2.5) and the calendar that they need.

use super::der::{self, Element, GENERALIZED_TIME, Malformed, UTC_TIME};

/// Seconds of a day.
pub(super) const DAY_SECS: i64 = 86_400;

/// Seconds since 1970 of a UTCTime or a GeneralizedTime, negative before.
///
/// # Errors
/// Another type, or a time that is not to the second and in UTC, as certificates must have it.
pub(super) fn read(element: &Element<'_>) -> Result<i64, Malformed> {
    const NO_TIME: Malformed = Malformed("a validity that is no time");
    let (year_digits, rest) = match element.tag {
        UTC_TIME => element.value.split_at_checked(2),
        GENERALIZED_TIME => element.value.split_at_checked(4),
        _ => None,
    }
    .ok_or(NO_TIME)?;
    let [m0, m1, d0, d1, hour0, hour1, min0, min1, sec0, sec1, b'Z'] = *rest else {
        return Err(NO_TIME);
    };
    let mut year = number(year_digits).ok_or(NO_TIME)?;
    if year_digits.len() == 2 {
        year += if year < 50 { 2000 } else { 1900 };
    }
    let two = |tens, ones, min: i64, max: i64| {
        number(&[tens, ones]).filter(|n| (min..=max).contains(n)).ok_or(NO_TIME)
    };
    let month = two(m0, m1, 1, 12)?;
    let day = two(d0, d1, 1, month_days(year, month))?;
    let secs = two(hour0, hour1, 0, 23)? * 3600 + two(min0, min1, 0, 59)? * 60;
    Ok(days(year, month, day) * DAY_SECS + secs + two(sec0, sec1, 0, 59)?)
}

/// The element for a time: UTCTime before 2050, GeneralizedTime from then on.
pub(super) fn write(secs: i64) -> Vec<u8> {
    let (year, month, day) = date(secs.div_euclid(DAY_SECS));
    let rest = secs.rem_euclid(DAY_SECS);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let tail = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if (1950..2050).contains(&year) {
        let text = format!("{:02}{tail}", year % 100);
        der::element(UTC_TIME, &[text.as_bytes()])
    } else {
        let text = format!("{:04}{tail}", year.clamp(0, 9999));
        der::element(GENERALIZED_TIME, &[text.as_bytes()])
    }
}

/// The date as `2026-07-01`, in UTC.
pub(super) fn date_text(secs: i64) -> String {
    let (year, month, day) = date(secs.div_euclid(DAY_SECS));
    format!("{year:04}-{month:02}-{day:02}")
}

/// The value of ASCII digits.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

const fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar. The year is taken to
/// begin in March, so that a leap day is its last day.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// The year, month and day that lie `since` days after 1970-01-01.
fn date(since: i64) -> (i64, i64, i64) {
    // A guess that counting puts right; the years are limited, so the counting is as well.
    let mut year = 1970 + since.div_euclid(365).clamp(-40_000, 40_000) * 365 / 366;
    while days(year + 1, 1, 1) <= since && year < 99_999 {
        year += 1;
    }
    while days(year, 1, 1) > since && year > -99_999 {
        year -= 1;
    }
    let month = (2..=12).take_while(|&month| days(year, month, 1) <= since).last().unwrap_or(1);
    let day = (since - days(year, month, 1) + 1).clamp(1, 31);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::x509::der::Reader;

    fn parse(tag: u8, text: &str) -> Option<i64> {
        let bytes = der::element(tag, &[text.as_bytes()]);
        let element = Reader::new(&bytes).any().unwrap();
        read(&element).ok()
    }

    #[test]
    fn times_are_read() {
        assert_eq!(parse(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(parse(UTC_TIME, "500101000000Z"), Some(-631_152_000));
        assert_eq!(parse(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(parse(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        assert_eq!(parse(GENERALIZED_TIME, "99991231235959Z"), Some(253_402_300_799));
        assert_eq!(parse(GENERALIZED_TIME, "20240229120000Z"), Some(1_709_208_000));
        assert_eq!(parse(GENERALIZED_TIME, "00000101000000Z"), Some(-62_167_219_200));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let faults = [
            "",
            "Z",
            "7001010000Z",
            "700101000000",
            "700101000000+0100",
            "701301000000Z",
            "700001000000Z",
            "700132000000Z",
            "700229000000Z",
            "700101240000Z",
            "700101006000Z",
            "700101000060Z",
            "70010100000 Z",
            "700101000000z",
            "700101000000.5Z",
            "19700101000000Z",
        ];
        for text in faults {
            assert_eq!(parse(UTC_TIME, text), None, "{text}");
        }
        assert_eq!(parse(GENERALIZED_TIME, "700101000000Z"), None);
        assert_eq!(parse(GENERALIZED_TIME, "21000229000000Z"), None);
        assert_eq!(parse(der::INTEGER, "700101000000Z"), None);
    }

    #[test]
    fn written_times_are_read_again() {
        let mut secs = -62_167_219_200;
        while secs < 253_402_300_800 {
            let bytes = write(secs);
            let element = Reader::new(&bytes).any().unwrap();
            assert_eq!(read(&element), Ok(secs));
            assert_eq!(element.tag == UTC_TIME, (-631_152_000..2_524_608_000).contains(&secs));
            secs += 86_400 * 29 + 12_345;
        }
    }

    #[test]
    fn every_day_has_its_date() {
        let mut before = date(-800_000);
        for since in -799_999..800_000 {
            let next = date(since);
            assert!(next > before && (next.2 == before.2 + 1 || next.2 == 1), "{since}");
            assert_eq!(days(next.0, next.1, next.2), since);
            before = next;
        }
        assert_eq!(date_text(1_709_208_000), "2024-02-29");
        for secs in [i64::MIN, i64::MAX] {
            assert!(!date_text(secs).is_empty() && !write(secs).is_empty());
        }
    }
}
