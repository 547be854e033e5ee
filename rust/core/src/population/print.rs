//! Values as text: as Postgres prints them, and as JSON.

use super::calendar;
use super::model::{NULL, Population};
use super::random::draw;
use super::spec::Type;
use super::template::push_number;

impl Population {
    /// Appends a value as JSON: numbers and truths bare, all else as a string, what is JSON already as it is.
    pub(super) fn push_json(&self, out: &mut Vec<u8>, ty: Type, value: i64) {
        match ty {
            _ if value == NULL => out.extend_from_slice(b"null"),
            Type::Json | Type::Jsonb => out.extend_from_slice(self.words.text(value).as_bytes()),
            Type::Text => out.extend_from_slice(serde_json::Value::from(self.words.text(value)).to_string().as_bytes()),
            Type::Bigint | Type::Int | Type::Smallint | Type::Double | Type::Numeric { .. } | Type::Bool => push_plain(out, ty, value),
            Type::Bytea | Type::Array(_) | Type::Range(_) => out.extend_from_slice(b"null"),
            Type::Date | Type::Timestamptz | Type::Timestamp | Type::Uuid => {
                out.push(b'"');
                push_plain(out, ty, value);
                out.push(b'"');
            }
        }
    }
}

/// The UUID (version 4, RFC 9562) that a number stands for.
pub(super) fn uuid(number: i64) -> [u8; 16] {
    let high = number as u64;
    let mut bytes = [0; 16];
    let halves = [high, draw(high, 0)].map(u64::to_be_bytes);
    bytes.iter_mut().zip(halves.iter().flatten()).for_each(|(byte, from)| *byte = *from);
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = *version & 0x0f | 0x40;
    *variant = *variant & 0x3f | 0x80;
    bytes
}

fn push_uuid(out: &mut Vec<u8>, number: i64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (at, byte) in uuid(number).into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend([byte >> 4, byte & 15].iter().filter_map(|digit| DIGITS.get(usize::from(*digit))));
    }
}

/// Appends a value other than text as Postgres would print it (times in UTC).
pub fn push_plain(out: &mut Vec<u8>, ty: Type, value: i64) {
    match ty {
        Type::Bigint | Type::Int | Type::Smallint | Type::Text | Type::Json | Type::Jsonb => push_number(out, value, 0),
        Type::Bytea | Type::Array(_) | Type::Range(_) => {}
        Type::Double => out.extend_from_slice((value as f64 / 1e6).to_string().as_bytes()),
        Type::Uuid => push_uuid(out, value),
        Type::Bool => out.extend_from_slice(if value == 0 { b"false" } else { b"true" }),
        Type::Date => calendar::push_date(out, value),
        Type::Timestamptz => calendar::push_timestamp(out, value),
        Type::Timestamp => calendar::push_clock(out, value),
        Type::Numeric { scale, .. } => {
            let unit = 10_i64.saturating_pow(u32::from(scale));
            if value < 0 {
                out.push(b'-');
            }
            let value = value.saturating_abs();
            push_number(out, value / unit, 0);
            if scale > 0 {
                out.push(b'.');
                push_number(out, value % unit, usize::from(scale));
            }
        }
    }
}
