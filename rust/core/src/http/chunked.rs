//! The chunked transfer coding (RFC 9112, section 7.1), byte by byte where it must be and slice by slice where it can.

use super::reader::Malformed;

/// Most bytes of a chunk's extensions and of the trailer fields.
const MOST_EXTRA: usize = 16 * 1024;

/// The decoder of one chunked body.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    stage: Stage,
    left: u64,
    extra: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before the first digit of a size.
    #[default]
    Start,
    Size,
    /// Everything between the size and the end of its line.
    Extension,
    SizeEnd,
    Data,
    DataEnd,
    DataLineEnd,
    /// At the start of a trailer line.
    Trailer,
    TrailerField,
    TrailerEnd,
    Last,
    Done,
}

impl Chunks {
    /// Takes the next bytes and hands those of the body to `keep`; returns what follows the end, once it is reached.
    pub(super) fn feed<'a>(
        &mut self,
        mut data: &'a [u8],
        mut keep: impl FnMut(&[u8]) -> Result<(), Malformed>,
    ) -> Result<Option<&'a [u8]>, Malformed> {
        while self.stage != Stage::Done {
            if self.stage == Stage::Data {
                let own = data.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                let (body, rest) = data.split_at_checked(own).unwrap_or((data, &[]));
                keep(body)?;
                self.left -= own as u64;
                data = rest;
                if self.left > 0 {
                    return Ok(None);
                }
                self.stage = Stage::DataEnd;
            }
            let Some((&byte, rest)) = data.split_first() else {
                return Ok(None);
            };
            self.stage = self.step(byte)?;
            data = rest;
        }
        Ok(Some(data))
    }

    fn step(&mut self, byte: u8) -> Result<Stage, Malformed> {
        match (self.stage, byte) {
            (Stage::Start | Stage::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                let size = self.left.checked_mul(16).and_then(|size| size.checked_add(u64::from(digit)));
                self.left = size.ok_or(Malformed::Because("a chunk is too long"))?;
                Ok(Stage::Size)
            }
            (Stage::Size | Stage::Extension, b'\r') => Ok(Stage::SizeEnd),
            (Stage::Size, b';' | b' ' | b'\t') => Ok(Stage::Extension),
            (Stage::Extension, byte) if byte != b'\n' => self.skip(Stage::Extension),
            (Stage::SizeEnd, b'\n') => Ok(if self.left == 0 { Stage::Trailer } else { Stage::Data }),
            (Stage::DataEnd, b'\r') => Ok(Stage::DataLineEnd),
            (Stage::DataLineEnd, b'\n') => Ok(Stage::Start),
            (Stage::Trailer, b'\r') => Ok(Stage::Last),
            (Stage::Last, b'\n') => Ok(Stage::Done),
            (Stage::TrailerField, b'\r') => Ok(Stage::TrailerEnd),
            (Stage::TrailerEnd, b'\n') => Ok(Stage::Trailer),
            (Stage::Trailer | Stage::TrailerField, byte) if byte != b'\n' => self.skip(Stage::TrailerField),
            _ => Err(Malformed::Because("its chunks are not those of HTTP/1.1")),
        }
    }

    fn skip(&mut self, next: Stage) -> Result<Stage, Malformed> {
        self.extra += 1;
        if self.extra > MOST_EXTRA { Err(Malformed::Because("its chunks carry too much beside the body")) } else { Ok(next) }
    }
}
