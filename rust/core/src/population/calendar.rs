//! Dates as text.

use super::model::DAY;
use super::template::push_number;

/// Year, month and day of a number of days since 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms").
pub fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

pub(crate) fn push_date(out: &mut Vec<u8>, days: i64) {
    let (year, month, day) = civil(days);
    push_number(out, year, 4);
    out.push(b'-');
    push_number(out, month, 2);
    out.push(b'-');
    push_number(out, day, 2);
}

pub(crate) fn push_timestamp(out: &mut Vec<u8>, micros: i64) {
    push_clock(out, micros);
    out.extend_from_slice(b"+00");
}

/// A point in time without zone.
pub(crate) fn push_clock(out: &mut Vec<u8>, micros: i64) {
    push_date(out, micros.div_euclid(DAY));
    let seconds = micros.rem_euclid(DAY) / 1_000_000;
    for (mark, number) in [(b' ', seconds / 3600), (b':', seconds / 60 % 60), (b':', seconds % 60)] {
        out.push(mark);
        push_number(out, number, 2);
    }
    if micros % 1_000_000 != 0 {
        out.push(b'.');
        push_number(out, micros.rem_euclid(1_000_000), 6);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(days: i64) -> String {
        let mut out = Vec::new();
        push_date(&mut out, days);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_agree_with_date_of_coreutils() {
        // `date -u -d @$((days * 86400)) +%F`
        let table = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (20_458, "2026-01-05"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ];
        for (days, text) in table {
            assert_eq!(date(days), text);
        }
    }

    #[test]
    fn a_time_is_printed_in_utc() {
        let mut out = Vec::new();
        push_timestamp(&mut out, 20_458 * DAY + (8 * 3600 + 30 * 60) * 1_000_000);
        assert_eq!(out, b"2026-01-05 08:30:00+00");
    }
}
