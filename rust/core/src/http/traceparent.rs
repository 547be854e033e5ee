//! W3C trace context: what lets the app's traces be found from a request of the load.

use crate::population::random::draw;

/// Makes trace ids that depend on nothing but the run and the number of the request.
#[derive(Debug, Clone, Copy)]
pub struct Traces(u64);

impl Traces {
    /// Those of a run; `entropy` keeps the ids of several runs apart.
    #[must_use]
    pub fn new(entropy: u64) -> Self {
        Self(entropy)
    }

    /// The trace id of request `id`: 32 hexadecimal digits.
    #[must_use]
    pub fn id_of(&self, id: u64) -> [u8; 32] {
        let mut text = [0; 32];
        write_hex(&mut text, &[self.0.to_be_bytes(), draw(self.0 ^ id, 0).to_be_bytes()].concat());
        text
    }

    /// The `traceparent` of request `id`: version, trace id, the id of the request as the parent span, sampled.
    #[must_use]
    pub fn parent_of(&self, id: u64) -> [u8; 55] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
        if let Some(trace) = text.get_mut(3..35) {
            trace.copy_from_slice(&self.id_of(id));
        }
        if let Some(span) = text.get_mut(36..52) {
            // All zeros would be no span.
            write_hex(span, &(id + 1).to_be_bytes());
        }
        text
    }
}

fn write_hex(text: &mut [u8], bytes: &[u8]) {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_has_the_form_of_the_standard_and_no_two_are_equal() {
        let traces = Traces::new(7);
        let text = String::from_utf8(traces.parent_of(0).to_vec()).unwrap();
        let parts: Vec<&str> = text.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
        assert_eq!((parts[0], parts[2], parts[3]), ("00", "0000000000000001", "01"));
        assert!(text.bytes().all(|byte| b"0123456789abcdef-".contains(&byte)));
        assert_ne!(traces.id_of(1), traces.id_of(2));
        assert_ne!(traces.id_of(1), Traces::new(8).id_of(1));
    }
}
