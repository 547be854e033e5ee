//! Content codings (RFC 9110, section 8.4.1): gzip, deflate, br and zstd, both ways.

use std::io::{self, Read, Write};

/// What `accept-encoding` offers.
pub const ACCEPTED: &str = "gzip, deflate, br, zstd";
/// Longest body that is decoded: a small one can stand for terabytes.
const LONGEST: u64 = 1024 * 1024 * 1024;

/// The body without its codings, which `content_encoding` lists in the order in which they were applied; None when there are none.
///
/// # Errors
/// When a coding is unknown, or the body is not in it.
pub fn decode(body: &[u8], content_encoding: &str) -> io::Result<Option<Vec<u8>>> {
    let codings =
        content_encoding.split(',').map(str::trim).filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
    let mut decoded = None;
    for coding in codings.rev() {
        decoded = Some(decode_one(decoded.as_deref().unwrap_or(body), coding)?);
    }
    Ok(decoded)
}

fn decode_one(body: &[u8], coding: &str) -> io::Result<Vec<u8>> {
    // A response to HEAD, or of status 304, names the coding of a body that it does not have.
    if body.is_empty() {
        return Ok(Vec::new());
    }
    match coding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => read_all(flate2::read::MultiGzDecoder::new(body)),
        // The standard says zlib; some servers have always sent what is inside it.
        "deflate" => read_all(flate2::read::ZlibDecoder::new(body)).or_else(|_| read_all(flate2::read::DeflateDecoder::new(body))),
        "br" => read_all(brotli::Decompressor::new(body, 64 * 1024)),
        "zstd" => read_all(zstd::Decoder::new(body)?),
        other => Err(io::Error::other(format!("unknown content coding {other:?}"))),
    }
}

fn read_all(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut decoded = Vec::new();
    reader.take(LONGEST + 1).read_to_end(&mut decoded)?;
    if decoded.len() as u64 > LONGEST { Err(io::Error::other("the decoded body is longer than 1 GiB")) } else { Ok(decoded) }
}

/// `body` in a content coding.
///
/// # Errors
/// When the coding is unknown.
pub fn encode(body: &[u8], coding: &str) -> io::Result<Vec<u8>> {
    match coding {
        "gzip" => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(body)?;
            writer.finish()
        }
        "deflate" => {
            let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(body)?;
            writer.finish()
        }
        "br" => {
            let mut encoded = Vec::new();
            brotli::CompressorReader::new(body, 64 * 1024, 5, 22).read_to_end(&mut encoded)?;
            Ok(encoded)
        }
        "zstd" => zstd::encode_all(body, 3),
        other => Err(io::Error::other(format!("unknown content coding {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_in_the_coding_is_an_error() {
        for coding in ["gzip", "deflate", "br", "zstd", "lzw"] {
            assert!(decode(b"plain text, and nothing else", coding).is_err(), "{coding}");
        }
        assert_eq!(decode(b"as it is", "identity").unwrap(), None);
        assert_eq!(decode(b"", "gzip").unwrap(), Some(vec![]));
    }

    #[test]
    fn bodies_of_other_encoders_are_read() {
        // Stored blocks, written by hand from RFC 7932 (br), RFC 8878 (zstd), RFC 1950 and 1951 (deflate), RFC 1952 (gzip).
        let stored = b"\x01\x05\x00\xfa\xffhello";
        let table: [(&str, Vec<u8>); 4] = [
            ("br", b"\x0b\x02\x80hello\x03".to_vec()),
            ("zstd", b"\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00hello".to_vec()),
            ("deflate", [b"\x78\x01".as_slice(), stored, b"\x06\x2c\x02\x15"].concat()),
            ("gzip", [b"\x1f\x8b\x08\0\0\0\0\0\0\xff".as_slice(), stored, b"\x86\xa6\x10\x36\x05\0\0\0"].concat()),
        ];
        for (coding, body) in table {
            assert_eq!(decode(&body, coding).unwrap().as_deref(), Some(b"hello".as_slice()), "{coding}");
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(body in prop::collection::vec(any::<u8>(), 1..2000)) {
            for coding in ["gzip", "deflate", "br", "zstd"] {
                prop_assert_eq!(decode(&encode(&body, coding).unwrap(), coding).unwrap(), Some(body.clone()));
            }
            let twice = encode(&encode(&body, "br").unwrap(), "gzip").unwrap();
            prop_assert_eq!(decode(&twice, "br, gzip").unwrap(), Some(body));
        }
    }
}
