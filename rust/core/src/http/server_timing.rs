//! `Server-Timing` (W3C): what the app says of where its time went.

/// One metric of a `server-timing` field: its name, and its duration in nanoseconds.
pub type Timing = (Box<str>, i64);

/// Longest list that is kept of one response.
const MOST: usize = 16;
/// A day: longer durations are a mistake.
const LONGEST_MS: f64 = 86_400_000.0;

/// The metrics of a field that have a duration, which stands in milliseconds; what is malformed is left out.
pub(super) fn parse(field: &str) -> Vec<Timing> {
    split(field, ',').filter_map(metric).take(MOST).collect()
}

fn metric(text: &str) -> Option<Timing> {
    let mut parts = split(text, ';');
    let name = parts.next()?.trim();
    if name.is_empty() || !name.bytes().all(is_token) {
        return None;
    }
    let duration = parts.find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case("dur").then(|| value.trim().trim_matches('"').parse::<f64>().ok())?
    })?;
    #[expect(clippy::cast_possible_truncation, reason = "at most a day")]
    (0.0..=LONGEST_MS).contains(&duration).then(|| (name.into(), (duration * 1e6) as i64))
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The pieces of `text` between separators that stand outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character: char| {
        let here = character == separator && !quoted;
        match character {
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = character == '\\' && !escaped;
        here
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(field: &str) -> Vec<(String, i64)> {
        parse(field).into_iter().map(|(name, ns)| (name.into(), ns)).collect()
    }

    #[test]
    fn durations_are_read_and_everything_else_is_skipped() {
        let table: [(&str, &[(&str, i64)]); 7] = [
            ("db;dur=12.5", &[("db", 12_500_000)]),
            ("db;dur=12.5, app;desc=\"the app, and more\";dur=3", &[("db", 12_500_000), ("app", 3_000_000)]),
            ("miss, cache;desc=hit", &[]),
            ("a;DUR=1;dur=2", &[("a", 1_000_000)]),
            ("a;dur=\"0.25\"", &[("a", 250_000)]),
            ("a;dur=-1, b;dur=nan, c;dur=1e99, d;dur=x, e e;dur=1", &[]),
            (",;=\"", &[]),
        ];
        for (field, wanted) in table {
            let wanted: Vec<(String, i64)> = wanted.iter().map(|&(name, ns)| (name.to_owned(), ns)).collect();
            assert_eq!(found(field), wanted, "{field}");
        }
    }

    proptest! {
        #[test]
        fn no_field_makes_it_fail(field in "[ -~]{0,200}") {
            prop_assert!(found(&field).iter().all(|(name, ns)| !name.is_empty() && *ns >= 0));
        }

        #[test]
        fn what_was_written_is_read(times in prop::collection::vec(("[a-z]{1,8}", 0_i64..100_000), 0..10)) {
            let field = times.iter().map(|(name, us)| format!("{name};desc=\"x,y\";dur={}.{:03}", us / 1000, us % 1000)).collect::<Vec<_>>().join(", ");
            for ((name, ns), (wanted, us)) in found(&field).iter().zip(&times) {
                prop_assert!(name == wanted && (ns - us * 1000).abs() <= 1);
            }
            prop_assert_eq!(found(&field).len(), times.len());
        }
    }
}
