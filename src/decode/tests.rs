#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::HeaderValue;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

fn headers(fields: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for field in fields {
        headers.append(CONTENT_ENCODING, HeaderValue::from_str(field).unwrap());
    }
    headers
}

fn decoder(coding: &str) -> Decoder {
    Decoder::from_headers(&headers(&[coding])).unwrap().unwrap()
}

/// Decodes a body that comes in pieces of `size` bytes.
fn decode_by(coding: &str, body: &[u8], size: usize) -> Result<Vec<u8>, DecodeError> {
    let mut decoder = decoder(coding);
    let mut content = Vec::new();
    let mut pieces = body.chunks(size);
    loop {
        while let Some(piece) = decoder.next()? {
            assert!(!piece.is_empty() && piece.len() <= MAX_PIECE);
            content.extend(piece);
        }
        match pieces.next() {
            Some(piece) => decoder.feed(Bytes::copy_from_slice(piece)),
            None if decoder.raw.complete => return Ok(content),
            None => decoder.finish(),
        }
    }
}

fn decode(coding: &str, body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    decode_by(coding, body, usize::MAX)
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    compress_to_vec(content, CompressionLevel::Fastest)
}

fn text(lines: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for line in 0..lines {
        writeln!(text, "line {line} of a text that repeats itself").unwrap();
    }
    text
}

/// `text(300)`, compressed by the reference encoder at quality 11.
const BROTLI_TEXT: &str = "G0UtaBwJNo5yqxo7j1DpKh6SDrB5PYaLtwZRMJtL/cfBAOjW/sMMmizNKPG06hC74BmdPPWl3nwf9LX4XPDOZWRmZefkzpM33+8oOjq7unt69+mb787q6Ozq7undp2++u6qjs6u7p3efvvnuro7Oru6e3n365runOjq7unt69+mb797V0dnV3dO7T99896mOzq7unt59+ua7b3V0dnX39O7TN9/9qqOzq7und5+++f6AKgAAgYBBQIMB22+AAgAEAgYBDQZsvwELABAIGAQ0GLD9BioAQCBgENBgwPYbuAAAgYBBQIMB22+QAgAEAgYBDQZsv0EXACAQMAhoMGD7DaYAAIGAQUCDAdtvsAUACAQMAhoM2H6DKwBAIGAQ0GDA5nsAqwAAgYBBQIMB22+AAgAEAgYBDQZsvwELABAIGAQ0GLD9BioAQCBgENBgwPYbuAAAgYBBQIMB22+QAgAEAgYBDQZsv0EXACAQMAhoMGD7DaYAAIGAQUCDAdtvsAUACAQMAhoM2H6DKwBAIGAQ0GDAlgM=";
/// 4 MiB of zeros in a window of 16 MiB.
const BROTLI_ZEROS: &str = "n///PwAkAOKxQHLvfwA=";

/// Each coding with `text(300)` in it.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let text = text(300);
    vec![
        ("gzip", gzip(&text)),
        ("x-gzip", gzip(&text)),
        ("deflate", zlib(&text)),
        ("deflate", raw_deflate(&text)),
        ("br", STANDARD.decode(BROTLI_TEXT).unwrap()),
        ("zstd", zstd(&text)),
    ]
}

#[test]
fn a_decoder_is_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<Decoder>();
}

#[test]
fn unknown_codings_pass_the_body_through() {
    let table: &[(&[&str], usize)] = &[
        (&[], 0),
        (&["identity"], 0),
        (&["", ",", " , "], 0),
        (&["invalid-header"], 0),
        (&["gzip, compress"], 0),
        (&["compress, gzip"], 0),
        (&["gzip", "dcb"], 0),
        (&["gzip;q=1"], 0),
        (&["gzip"], 1),
        (&["GZip"], 1),
        (&["\tgzip , , identity"], 1),
        (&["gzip, br"], 2),
        (&["gzip", "br", "deflate, zstd"], 4),
        (&["gzip, gzip, gzip, gzip, gzip"], 5),
    ];
    for (fields, stages) in table {
        let decoder = Decoder::from_headers(&headers(fields)).unwrap();
        assert_eq!(decoder.map_or(0, |d| d.stages.len()), *stages, "{fields:?}");
    }
}

#[test]
fn res_01_more_than_five_codings_over_all_fields_are_refused() {
    let long = ["gzip"; 2000].join(",");
    let table: &[&[&str]] = &[
        &["gzip, gzip, gzip, gzip, gzip, gzip"],
        &["gzip", "gzip", "gzip", "gzip", "gzip", "gzip"],
        &["gzip, br", "identity, identity", "unknown, zstd"],
        &[&long],
        &["gzip"; 1000],
    ];
    for fields in table {
        let error = Decoder::from_headers(&headers(fields)).unwrap_err();
        assert!(matches!(error, DecodeError::TooManyCodings { limit: 5 }));
    }
}

#[test]
fn the_pieces_do_not_change_the_content() {
    let text = text(300);
    for (coding, body) in bodies() {
        for size in [1, 2, 3, 7, 100, usize::MAX] {
            let content = decode_by(coding, &body, size).unwrap();
            assert!(content == text, "{coding} by {size}");
        }
    }
}

#[test]
fn an_empty_body_is_empty_content() {
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, br, zstd, deflate"] {
        assert_eq!(decode(coding, b"").unwrap(), b"", "{coding}");
    }
}

#[test]
fn empty_content_may_be_compressed() {
    let table = [
        ("gzip", gzip(b"")),
        ("deflate", zlib(b"")),
        ("deflate", raw_deflate(b"")),
        ("br", vec![0x3b]),
        ("zstd", zstd(b"")),
    ];
    for (coding, body) in table {
        assert_eq!(decode(coding, &body).unwrap(), b"", "{coding}");
    }
}

#[test]
fn codings_are_undone_from_the_last() {
    let text = text(20_000);
    let body = zstd(&zlib(&gzip(&gzip(&raw_deflate(&text)))));
    for size in [1, 1000, usize::MAX] {
        let content = decode_by("deflate, gzip, gzip, deflate, zstd", &body, size).unwrap();
        assert!(content == text, "by {size}");
    }
}

#[test]
fn a_body_cut_anywhere_is_an_error_and_stays_one() {
    for (coding, body) in bodies() {
        for cut in 1..body.len() {
            let mut decoder = decoder(coding);
            decoder.feed(Bytes::copy_from_slice(&body[..cut]));
            decoder.finish();
            let error = loop {
                match decoder.next() {
                    Ok(piece) => assert!(piece.is_some(), "{coding} cut at {cut}"),
                    Err(error) => break error,
                }
            };
            assert!(
                matches!(error, DecodeError::Truncated { .. }),
                "{coding} cut at {cut}"
            );
            assert_eq!(decoder.next().unwrap_err().to_string(), error.to_string());
        }
    }
}

#[test]
fn checksums_and_lengths_are_verified() {
    let text = text(10);
    let table = [
        ("gzip", gzip(&text), 8),
        ("gzip", gzip(&text), 4),
        ("deflate", zlib(&text), 4),
        ("zstd", zstd(&text), 4),
    ];
    for (coding, mut body, from_end) in table {
        let at = body.len() - from_end;
        body[at] ^= 1;
        assert!(
            matches!(decode(coding, &body), Err(DecodeError::Corrupt { .. })),
            "{coding}"
        );
    }
}

#[test]
fn other_data_is_corrupt() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        for body in [
            &b"this is not compressed at all"[..],
            b"<html>",
            &[0xff; 100],
        ] {
            assert!(decode(coding, body).is_err(), "{coding} {body:?}");
        }
    }
    // A preset dictionary (RFC 1950 2.2).
    assert!(decode("deflate", &[0x78, 0xbb, 1, 2, 3, 4, 5]).is_err());
}

#[test]
fn a_flipped_bit_is_an_error_or_harmless_but_never_a_panic() {
    for (coding, body) in bodies() {
        for at in 0..body.len() {
            let mut body = body.clone();
            body[at] ^= 1 << (at % 8);
            let _ = decode_by(coding, &body, 100);
        }
    }
}

#[test]
fn gzip_members_are_read_to_the_last() {
    let join = |parts: &[&[u8]]| parts.concat();
    let (a, b) = (gzip(b"first "), gzip(b"second"));
    let mut corrupt = b.clone();
    corrupt[12] ^= 0xff;
    let table: &[(Vec<u8>, Option<&str>)] = &[
        (join(&[&a, &b]), Some("first second")),
        (join(&[&a, &gzip(b""), &b]), Some("first second")),
        (join(&[&a, &[0; 700], &b, &[0; 9]]), Some("first second")),
        (join(&[&a, b"\x1f"]), Some("first ")),
        (join(&[&a, b"\x1f\x8a garbage"]), Some("first ")),
        (join(&[&a, b"garbage", &b]), Some("first ")),
        (join(&[&a, b"\x1f\x8b"]), None),
        (join(&[&a, &b[..b.len() - 1]]), None),
        (join(&[&a, &corrupt]), None),
    ];
    for (body, content) in table {
        for size in [1, 2, a.len(), a.len() + 1, usize::MAX] {
            let decoded = decode_by("gzip", body, size).ok();
            assert_eq!(
                decoded.as_deref(),
                content.map(str::as_bytes),
                "{body:x?} by {size}"
            );
        }
    }
}

#[test]
fn gzip_headers_may_carry_every_field() {
    let plain = gzip(b"content");
    // FEXTRA, FNAME and FCOMMENT (RFC 1952 2.3).
    let mut body = vec![0x1f, 0x8b, 8, 0x1c, 0, 0, 0, 0, 0, 3];
    body.extend(b"\x04\0abcdname\0comment\0");
    body.extend(&plain[10..]);
    assert_eq!(decode_by("gzip", &body, 1).unwrap(), b"content");
    // A reserved flag, another method.
    for (at, value) in [(3, 0x20), (2, 7)] {
        let mut body = plain.clone();
        body[at] = value;
        assert!(decode("gzip", &body).is_err());
    }
}

#[test]
fn what_follows_a_stream_is_ignored_but_for_zstd() {
    for (coding, mut body) in bodies() {
        body.extend(b"and something else");
        assert_eq!(
            decode_by(coding, &body, 50).is_ok(),
            coding != "zstd",
            "{coding}"
        );
    }
}

#[test]
fn what_follows_a_stream_is_refused_where_asked_for() {
    for (coding, body) in bodies() {
        for tail in [&b""[..], b"and something else"] {
            let mut decoder = decoder(coding);
            decoder.refuse_trailing_data();
            decoder.feed([&body, tail].concat().into());
            let mut content = 0;
            let failed = loop {
                match decoder.next() {
                    Ok(Some(piece)) => content += piece.len(),
                    Ok(None) => break false,
                    Err(_) => break true,
                }
            };
            assert_eq!(failed, !tail.is_empty(), "{coding} {tail:?}");
            assert!(content > 0, "{coding}: what came before is given out");
        }
    }
}

#[test]
fn zstd_frames_and_skippable_frames_follow_each_other() {
    let skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
    let empty = b"\x50\x2a\x4d\x18\0\0\0\0";
    let body = [
        &zstd(b"first "),
        &skippable[..],
        empty,
        &zstd(b"second"),
        skippable,
    ]
    .concat();
    for size in [1, 5, usize::MAX] {
        assert_eq!(
            decode_by("zstd", &body, size).unwrap(),
            b"first second",
            "by {size}"
        );
    }
    assert!(decode("zstd", &body[..body.len() - 1]).is_err());
}

/// A zstd frame of `blocks` RLE blocks of zeros, 128 KiB each.
fn zstd_zeros(window_descriptor: u8, blocks: usize) -> Vec<u8> {
    let mut body = vec![0x28, 0xb5, 0x2f, 0xfd, 0, window_descriptor];
    for block in 1..=blocks {
        let header = (128 * 1024) << 3 | 1 << 1 | usize::from(block == blocks);
        body.extend(&header.to_le_bytes()[..3]);
        body.push(0);
    }
    body
}

#[test]
fn res_05_zstd_windows_above_8_mib_are_refused_from_the_header() {
    let log = |log: u8| (log - 10) << 3;
    for descriptor in [log(17), log(23)] {
        let content = decode("zstd", &zstd_zeros(descriptor, 2)).unwrap();
        assert_eq!(content.len(), 256 * 1024);
    }
    let too_large = [
        log(23) + 1,
        log(24),
        log(27),
        log(28),
        log(31),
        log(41),
        0xff,
    ];
    for descriptor in too_large {
        let error = decode("zstd", &zstd_zeros(descriptor, 2)[..6]).unwrap_err();
        assert!(
            matches!(error, DecodeError::WindowTooLarge { .. }),
            "{descriptor}"
        );
    }
    // A single segment of 8 MiB and one byte is its own window.
    let single = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 1, 0, 0x80, 0];
    let error = decode("zstd", &single).unwrap_err();
    assert!(matches!(
        error,
        DecodeError::WindowTooLarge {
            window: 0x80_0001,
            ..
        }
    ));
}

#[test]
fn zstd_frames_that_break_the_format_are_refused() {
    let frame = |rest: &[u8]| [&[0x28, 0xb5, 0x2f, 0xfd], rest].concat();
    let table = [
        ("a dictionary", frame(&[0x21, 7, 1, 1, 0, 0])),
        ("a reserved bit", frame(&[0x28, 1, 1, 0, 0])),
        ("a reserved block type", frame(&[0x20, 1, 7, 0, 0])),
        ("a block above 128 KiB", frame(&[0, 0x58, 0xff, 0xff, 0xff])),
        ("a block above its window", frame(&[0, 0, 3, 0x40, 0, b'a'])),
        ("less than announced", frame(&[0x20, 2, 9, 0, 0, b'a'])),
        (
            "more than announced",
            frame(&[0x20, 1, 17, 0, 0, b'a', b'b']),
        ),
    ];
    for (what, body) in table {
        let result = decode("zstd", &body);
        assert!(
            matches!(result, Err(DecodeError::Corrupt { .. })),
            "{what}: {result:?}"
        );
    }
    assert_eq!(
        decode("zstd", &frame(&[0x20, 1, 9, 0, 0, b'a'])).unwrap(),
        b"a"
    );
    assert_eq!(
        decode("zstd", &frame(&[0x21, 0, 1, 9, 0, 0, b'a'])).unwrap(),
        b"a"
    );
}

#[test]
fn res_05_large_window_brotli_is_refused() {
    for bits in [10u8, 25, 30, 62] {
        assert!(
            decode("br", &[0x11, bits, 0xff, 0xff, 0xff, 0xff]).is_err(),
            "{bits}"
        );
    }
}

#[test]
fn res_02_a_bomb_comes_out_in_small_pieces() {
    const SIZE: usize = 4 << 20;
    let zeros = vec![0; SIZE];
    let table = [
        ("gzip", gzip(&zeros)),
        ("gzip, gzip", gzip(&gzip(&zeros))),
        ("deflate", zlib(&zeros)),
        ("br", STANDARD.decode(BROTLI_ZEROS).unwrap()),
        ("zstd", zstd_zeros(0x58, SIZE / (128 * 1024))),
        ("zstd, br", vec![0x3b]),
    ];
    for (coding, body) in table {
        let mut decoder = decoder(coding);
        decoder.feed(Bytes::from(body));
        decoder.finish();
        let mut length = 0;
        while let Some(piece) = decoder.next().unwrap() {
            assert!(piece.len() <= MAX_PIECE, "{coding}");
            assert!(piece.iter().all(|&b| b == 0), "{coding}");
            length += piece.len();
            for stage in &decoder.stages {
                assert!(stage.out.capacity() <= MAX_PIECE, "{coding}");
            }
        }
        assert_eq!(
            length,
            if coding == "zstd, br" { 0 } else { SIZE },
            "{coding}"
        );
    }
}

#[test]
fn content_is_given_as_soon_as_its_bytes_have_come() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut decoder = decoder("gzip");
    for event in ["one", "two", "three"] {
        encoder.write_all(event.as_bytes()).unwrap();
        encoder.flush().unwrap();
        decoder.feed(Bytes::from(mem::take(encoder.get_mut())));
        assert_eq!(decoder.next().unwrap().as_deref(), Some(event.as_bytes()));
        assert_eq!(decoder.next().unwrap(), None);
    }
}

#[test]
fn zstd_content_waits_until_it_leaves_the_window_or_its_frame_ends() {
    let frame = zstd_zeros(0, 1);
    let header = [&frame[..5], &[0x58]].concat();
    let mut decoder = decoder("zstd");
    // One raw block of three bytes, then an empty last one.
    decoder.feed(Bytes::from([&header[..], &[3 << 3, 0, 0], b"abc"].concat()));
    assert_eq!(decoder.next().unwrap(), None);
    decoder.feed(Bytes::from_static(&[1, 0, 0]));
    assert_eq!(decoder.next().unwrap().as_deref(), Some(&b"abc"[..]));
}
