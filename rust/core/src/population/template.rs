//! Templates such as `loadtest-{tenant:05d}`.

use super::model::{Number, Part};

/// Splits a template into its parts; `column` finds a column by name.
pub(crate) fn parse(text: &str, column: &mut dyn FnMut(&str) -> Option<usize>) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        literal.push_str(before);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            literal.push_str(from.get(..1).unwrap_or_default());
            rest = after;
            continue;
        }
        let Some((inside, after)) = from.strip_prefix('{').and_then(|inside| inside.split_once('}')) else {
            return Err("a brace is not closed; write {{ or }} for the character itself".to_owned());
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.push(field(inside, column)?);
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

fn field(inside: &str, column: &mut dyn FnMut(&str) -> Option<usize>) -> Result<Part, String> {
    let (name, format) = inside.split_once(':').unwrap_or((inside, ""));
    let number = match name {
        "tenant" => Some(Number::Tenant),
        "position" => Some(Number::Position),
        "row" => Some(Number::Row),
        _ => None,
    };
    let found = column(name);
    match (format, number, found) {
        (_, None, None) => Err(format!("{{{name}}} is neither tenant, position, row nor a column of the table")),
        ("", Some(of), None) => Ok(Part::Number { of, width: 0 }),
        ("", _, Some(column)) => Ok(Part::Cell { column, slug: false }),
        ("slug", None, Some(column)) => Ok(Part::Cell { column, slug: true }),
        ("json", None, Some(column)) => Ok(Part::Json { column }),
        (format, of, found) => {
            let width = format.strip_prefix('0').and_then(|digits| digits.strip_suffix('d')).and_then(|digits| digits.parse().ok());
            match (width, of.filter(|_| found.is_none()).or(found.map(Number::Column))) {
                (Some(width), Some(of)) if width <= 20 => Ok(Part::Number { of, width }),
                _ => Err(format!("unknown format {format:?}; known: 05d (zeros up to five digits), slug, json")),
            }
        }
    }
}

/// Appends a number in decimal, with zeros up to `width` digits.
#[inline]
pub(crate) fn push_number(out: &mut Vec<u8>, number: i64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut rest = number.unsigned_abs();
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    let start = digits.len() - used.max(width.min(digits.len()));
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<Part>, String> {
        parse(text, &mut |name| ["name", "id"].iter().position(|known| *known == name))
    }

    #[test]
    fn a_template_is_split_at_its_braces() {
        let parts = parsed("x-{tenant:05d} {{{name:slug}}}").unwrap();
        let expected = vec![
            Part::Literal("x-".into()),
            Part::Number { of: Number::Tenant, width: 5 },
            Part::Literal(" {".into()),
            Part::Cell { column: 0, slug: true },
            Part::Literal("}".into()),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn an_unknown_name_or_format_is_a_fault() {
        assert!(parsed("{nobody}").unwrap_err().contains("nobody"));
        assert!(parsed("{id:5x}").unwrap_err().contains("5x"));
        assert!(parsed("{id").unwrap_err().contains("not closed"));
    }

    #[test]
    fn numbers_print_as_rust_prints_them() {
        for number in [0, 7, -7, 42, 99_999, 100_000, i64::MAX, i64::MIN + 1] {
            let mut out = Vec::new();
            push_number(&mut out, number, 0);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
        let mut out = Vec::new();
        push_number(&mut out, 42, 5);
        assert_eq!(out, b"00042");
    }
}
