//! The Gregorian calendar: days since 1970 to dates.

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// The year; 0 is the one before the year 1.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

/// The date that is `days` after 1970-01-01, in the proleptic Gregorian calendar: counted in
/// eras of 400 years that begin on 1 March, so that a leap day is the last of its year. Good for
/// any day that has a second in 64 bits.
#[must_use]
pub fn civil(days: i64) -> Civil {
    const DAYS_0000_TO_1970: i64 = 719_468;
    const ERA_DAYS: i64 = 146_097;
    let shifted = days.saturating_add(DAYS_0000_TO_1970);
    let era = shifted.div_euclid(ERA_DAYS);
    // Fits: below ERA_DAYS.
    let day_of_era = shifted.rem_euclid(ERA_DAYS) as u32;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + i64::from(year_of_era) + i64::from(month <= 2);
    Civil { year, month, day }
}

/// The short English name of a month from 1 to 12.
#[must_use]
pub fn month_name(month: u32) -> &'static [u8; 3] {
    MONTHS[(month as usize + 11) % 12]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_up_without_a_gap() {
        let mut before = civil(-800_000);
        for days in -799_999..800_000 {
            let next = civil(days);
            assert!(next > before, "{days}");
            assert!(next.day == before.day + 1 || next.day == 1, "{days}");
            before = next;
        }
        assert_eq!(civil(0), Civil { year: 1970, month: 1, day: 1 });
        assert_eq!(civil(11_016), Civil { year: 2000, month: 2, day: 29 });
    }

    #[test]
    fn months_have_names_and_no_day_is_too_far() {
        assert_eq!((month_name(1), month_name(12)), (b"Jan", b"Dec"));
        for secs in [i64::MIN, i64::MAX] {
            let date = civil(secs.div_euclid(86_400));
            assert!((1..=12).contains(&date.month) && (1..=31).contains(&date.day));
        }
    }
}
