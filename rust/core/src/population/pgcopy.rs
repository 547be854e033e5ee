//! Postgres' binary COPY format (documentation of COPY, "Binary Format", and the send functions of the types).

use super::block::{Block, Cells};
use super::model::{NULL, Population, Table};
use super::print::uuid;
use super::spec::Type;

/// What a stream starts with: signature, no flags, no extension.
pub const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
pub const TRAILER: &[u8] = &[0xff, 0xff];

pub(super) const DAYS_TO_2000: i64 = 10_957;
pub(super) const MICROS_TO_2000: i64 = 946_684_800_000_000;

/// Appends all rows of a block, without header and trailer.
pub fn encode(population: &Population, table: &Table, block: &Block, out: &mut Vec<u8>) {
    let columns: Vec<(Type, &Cells)> =
        table.visible.iter().filter_map(|index| Some((table.columns.get(*index)?.ty, block.column(*index)?))).collect();
    let count = (columns.len() as i16).to_be_bytes();
    for row in 0..block.len() {
        out.extend_from_slice(&count);
        for (ty, cells) in &columns {
            match cells {
                Cells::Integers(values) => encode_integer(population, *ty, values.get(row).copied().unwrap_or(NULL), out),
                Cells::Text { .. } => match cells.text(row) {
                    Some(bytes) => text(*ty, bytes, out),
                    None => null(out),
                },
                Cells::Lists { .. } => match cells.list(row) {
                    Some([low, high]) if matches!(ty, Type::Range(_)) => encode_range(population, *ty, [*low, *high], out),
                    Some(values) => encode_list(population, *ty, values, out),
                    None => null(out),
                },
            }
        }
    }
}

#[inline(always)]
fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1_i32).to_be_bytes());
}

#[inline(always)]
fn encode_integer(population: &Population, ty: Type, value: i64, out: &mut Vec<u8>) {
    if value == NULL {
        return null(out);
    }
    match ty {
        Type::Bigint => fixed(&value.to_be_bytes(), out),
        Type::Int => fixed(&(value as i32).to_be_bytes(), out),
        Type::Smallint => fixed(&(value as i16).to_be_bytes(), out),
        Type::Double => fixed(&(value as f64 / 1e6).to_be_bytes(), out),
        Type::Uuid => fixed(&uuid(value), out),
        Type::Bool => fixed(&[value as u8], out),
        Type::Date => fixed(&((value - DAYS_TO_2000) as i32).to_be_bytes(), out),
        Type::Timestamptz | Type::Timestamp => fixed(&(value - MICROS_TO_2000).to_be_bytes(), out),
        Type::Numeric { scale, .. } => numeric(value, scale, out),
        Type::Bytea | Type::Array(_) | Type::Range(_) => null(out),
        Type::Text | Type::Json | Type::Jsonb => text(ty, population.words.text(value).as_bytes(), out),
    }
}

#[inline(always)]
pub(super) fn fixed<const N: usize>(bytes: &[u8; N], out: &mut Vec<u8>) {
    out.extend_from_slice(&(N as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// `array_send`: dimensions (none for an empty one), whether there are nulls, the type of the elements; length and first index; elements.
fn encode_list(population: &Population, ty: Type, values: &[i64], out: &mut Vec<u8>) {
    let element = ty.element().unwrap_or(ty);
    array(element, values.len(), out, |out| values.iter().for_each(|value| encode_integer(population, element, *value, out)));
}

/// An array of so many elements, which `elements` appends.
pub(super) fn array(element: Type, count: usize, out: &mut Vec<u8>, elements: impl FnOnce(&mut Vec<u8>)) {
    let place = out.len();
    let oid = match element {
        Type::Int => 23,
        Type::Bigint => 20,
        Type::Uuid => 2950,
        _ => 25,
    };
    for part in [0, i32::from(count > 0), 0, oid] {
        out.extend_from_slice(&part.to_be_bytes());
    }
    if count > 0 {
        out.extend_from_slice(&(count as i32).to_be_bytes());
        out.extend_from_slice(&1_i32.to_be_bytes());
    }
    elements(out);
    length_at(place, out);
}

fn encode_range(population: &Population, ty: Type, bounds: [i64; 2], out: &mut Vec<u8>) {
    let bound = ty.element().unwrap_or(ty);
    range(bounds.map(|value| value != NULL), out, |index, out| {
        bounds.get(index).iter().for_each(|value| encode_integer(population, bound, **value, out));
    });
}

/// `range_send`: which bounds there are and which are inside (the lower one), then those that there are, which `bound` appends.
pub(super) fn range(present: [bool; 2], out: &mut Vec<u8>, mut bound: impl FnMut(usize, &mut Vec<u8>)) {
    const LOWER_INSIDE: u8 = 0x02;
    const NO_BOUND: [u8; 2] = [0x08, 0x10];
    let place = out.len();
    out.extend_from_slice(&0_i32.to_be_bytes());
    let open: u8 = present.iter().zip(NO_BOUND).filter(|(there, _)| !**there).map(|(_, flag)| flag).sum();
    out.push(open | if present[0] { LOWER_INSIDE } else { 0 });
    present.iter().enumerate().filter(|(_, there)| **there).for_each(|(index, _)| bound(index, out));
    length_at(place, out);
}

/// Puts the length of all that follows there into the four bytes at `place`.
fn length_at(place: usize, out: &mut [u8]) {
    let length = (out.len() - place - 4) as i32;
    if let Some(prefix) = out.get_mut(place..place + 4) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
}

/// `jsonb_recv` wants its version before the text.
#[inline(always)]
pub(super) fn text(ty: Type, text: &[u8], out: &mut Vec<u8>) {
    let version: &[u8] = if ty == Type::Jsonb { &[1] } else { &[] };
    out.extend_from_slice(&((version.len() + text.len()) as i32).to_be_bytes());
    out.extend_from_slice(version);
    out.extend_from_slice(text);
}

/// `numeric_send`: digits in base 10,000 without zeros at either end, the weight of the first, the sign, the scale.
#[inline]
pub(super) fn numeric(value: i64, scale: u8, out: &mut Vec<u8>) {
    let fraction_digits = usize::from(scale).div_ceil(4);
    let mut rest = u128::from(value.unsigned_abs()) * 10_u128.pow((fraction_digits * 4 - usize::from(scale)) as u32);
    let mut reversed = [0_i16; 16];
    let mut used = 0;
    for digit in &mut reversed {
        if rest == 0 {
            break;
        }
        *digit = (rest % 10_000) as i16;
        rest /= 10_000;
        used += 1;
    }
    let digits = reversed.get(..used).unwrap_or_default();
    let trailing = digits.iter().take_while(|digit| **digit == 0).count();
    let count = used - trailing;
    let weight = if count == 0 { 0 } else { used as i16 - fraction_digits as i16 - 1 };
    let sign: i16 = if value < 0 { 0x4000 } else { 0 };
    out.extend_from_slice(&((8 + 2 * count) as i32).to_be_bytes());
    for part in [count as i16, weight, sign, i16::from(scale)] {
        out.extend_from_slice(&part.to_be_bytes());
    }
    for digit in digits.iter().skip(trailing).rev() {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::Element;
    use super::*;

    #[test]
    fn numerics_are_sent_as_postgres_sends_them() {
        // SELECT encode(numeric_send('123.45'::numeric(12,2)), 'hex') and so on, in Postgres 15.
        let table = [
            (0, 2, "0000000000000002"),
            (1, 2, "0001ffff000000020064"),
            (100, 2, "00010000000000020001"),
            (12_345, 2, "0002000000000002007b1194"),
            (1_000_000, 2, "00010001000000020001"),
            (123_456_789_012, 2, "0004000200000002000c0d801ed204b0"),
            (-550, 2, "000200004000000200051388"),
            (9_999_999_999, 2, "0003000100000002270f270f26ac"),
            (10_000, 0, "00010001000000000001"),
            (5, 5, "0001fffe000000051388"),
            (12_345_678, 5, "0003000000000005007b11d71f40"),
        ];
        for (value, scale, wanted) in table {
            let mut out = Vec::new();
            numeric(value, scale, &mut out);
            let hex: String = out.iter().skip(4).map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, wanted, "{value} at scale {scale}");
            assert_eq!(out[..4], (out.len() as i32 - 4).to_be_bytes());
        }
    }

    #[test]
    fn a_range_has_the_flags_and_bounds_of_range_send() {
        // `SELECT encode(range_send(...), 'hex')` of int4range in Postgres 15.
        let table = [
            ([1, 5], "0200000004000000010000000400000005"),
            ([NULL, 5], "080000000400000005"),
            ([1, NULL], "120000000400000001"),
            ([NULL, NULL], "18"),
        ];
        let population = Population::from_json(
            r#"{"name": "x", "anchor": 0, "tenant_table": "t", "users_table": null, "pools": {},
                "tables": [{"name": "t", "per_tenant": 1, "columns": [{"name": "id", "type": "int", "source": {"kind": "key"}}]}]}"#,
            1,
            1,
        )
        .unwrap();
        for (bounds, hex) in table {
            let mut out = Vec::new();
            encode_range(&population, Type::Range(Element::Int), bounds, &mut out);
            let sent: String = out.iter().skip(4).map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(sent, hex);
            assert_eq!(out[..4], ((out.len() - 4) as i32).to_be_bytes());
        }
    }
}
