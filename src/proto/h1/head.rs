//! The head of a response: from bytes to a status, a version and a header map.
//!
//! RFC 9112:
//!
//! ```text
//! status-line = HTTP-version SP status-code SP [ reason-phrase ]     section 4
//! field-line  = field-name ":" OWS field-value OWS                   section 5
//! obs-fold    = OWS CRLF RWS                                         section 5.2
//! ```
//!
//! `httparse` checks this grammar. Where we go further than it, or stop short of it:
//! - A bare LF ends a line as CRLF does (section 2.2), a bare CR never does.
//! - The SP after the status code may be missing if there is no reason (common in the wild).
//! - An obs-fold becomes one SP, as section 5.2 asks of a user agent. A folded first line, and a
//!   continuation line with nothing on it, are errors: others end the head there.
//! - At most four empty lines may stand before the status line; section 2.2 lets only servers
//!   skip them, but some servers send one too many after a body.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use httparse::{Header, ParserConfig, Response, Status};
use memchr::memchr;

use super::diagnosis::diagnose;
use super::error::Quoted;
use super::names::header_name;
use super::{H1Error, H1Limits};

/// The head of one response.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    /// The reason phrase as sent; `None` when it is the canonical one of the status.
    pub(crate) reason: Option<Bytes>,
    pub(crate) headers: HeaderMap,
    /// There may be a `set-cookie` among them.
    pub(crate) sets_cookies: bool,
}

/// Finds heads at the front of a buffer.
///
/// The first look at a buffer is a parse, for most heads come whole. After that the reader only
/// searches the new bytes for the end of the head, so a head that comes byte by byte takes linear
/// time.
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    /// The end of the head does not begin before this offset; 0: nobody has looked.
    searched: usize,
    /// Empty lines dropped before the status line.
    skipped: u8,
    noticed: Noticed,
}

/// Fields of the last head that decide what to do next. They are known when the map is made, and
/// mostly missing: a search for them in it would cost as much as the making of an entry.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Noticed {
    pub(super) connection: bool,
    pub(super) transfer_encoding: bool,
}

impl HeadReader {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Splits one complete head off the front of `buf`; `Ok(None)`: more bytes are needed.
    ///
    /// # Errors
    ///
    /// The bytes are not, or cannot become, a head within the limits.
    pub(crate) fn read(
        &mut self,
        buf: &mut BytesMut,
        limits: &H1Limits,
    ) -> Result<Option<ResponseHead>, H1Error> {
        if let Some(b'\r' | b'\n') = buf.first() {
            self.skip_empty_lines(buf)?;
        }
        if buf.is_empty() {
            return Ok(None);
        }
        let window = buf.len().min(limits.head_bytes).min(u32::MAX as usize);
        let worth_parsing = self.searched == 0 || window <= EAGER || self.find_end(&buf[..window]);
        if worth_parsing && let Some(head) = parse(buf, window, limits, &mut self.noticed)? {
            self.searched = 0;
            self.skipped = 0;
            return Ok(Some(head));
        }
        if window < buf.len() || window == limits.head_bytes {
            return Err(H1Error::HeadTooLong {
                limit: limits.head_bytes,
            });
        }
        // LF CR LF may have begun, but not ended, in the last two bytes.
        self.searched = self.searched.max(window.saturating_sub(2)).max(1);
        Ok(None)
    }

    pub(super) fn noticed(&self) -> Noticed {
        self.noticed
    }

    /// Says what an end of stream means now, when `buf` holds what no head was found in.
    pub(crate) fn eof(&self, buf: &[u8]) -> H1Error {
        if buf.is_empty() && self.skipped == 0 {
            return H1Error::Disconnected;
        }
        // The last parse may be older than the last byte.
        let mut fields = [const { MaybeUninit::uninit() }; STACK_FIELDS];
        let mut response = Response::new(&mut []);
        match config().parse_response_with_uninit_headers(&mut response, buf, &mut fields) {
            Err(error) if error != httparse::Error::TooManyHeaders => diagnose(buf, error),
            _ => H1Error::TruncatedHead {
                received: buf.len(),
            },
        }
    }

    fn skip_empty_lines(&mut self, buf: &mut BytesMut) -> Result<(), H1Error> {
        loop {
            let line = match &buf[..] {
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                [b'\r', _, ..] => {
                    return Err(H1Error::NotHttp {
                        start: Quoted::new(buf),
                    });
                }
                _ => return Ok(()),
            };
            buf.advance(line);
            self.searched = 0;
            self.skipped += 1;
            if self.skipped > MAX_EMPTY_LINES {
                return Err(H1Error::EmptyLines {
                    limit: MAX_EMPTY_LINES,
                });
            }
        }
    }

    /// Searches on for the empty line: LF, an optional CR, LF. A CR with anything else behind it
    /// ends the search too, for no line begins so.
    fn find_end(&mut self, window: &[u8]) -> bool {
        while let Some(found) = memchr(b'\n', &window[self.searched..]) {
            let lf = self.searched + found;
            match &window[lf + 1..] {
                [b'\n', ..] | [b'\r', _, ..] => return true,
                [] | [b'\r'] => {
                    self.searched = lf;
                    return false;
                }
                _ => self.searched = lf + 1,
            }
        }
        self.searched = window.len();
        false
    }
}

/// Parses the first `window` bytes; takes the head out of `buf` if it is complete.
fn parse(
    buf: &mut BytesMut,
    window: usize,
    limits: &H1Limits,
    noticed: &mut Noticed,
) -> Result<Option<ResponseHead>, H1Error> {
    let mut fields = [const { MaybeUninit::uninit() }; STACK_FIELDS];
    let mut spots = [Spot::default(); STACK_FIELDS];
    let allowed = limits.fields.min(STACK_FIELDS);
    let line = match parse_into(&buf[..window], &mut fields[..allowed], &mut spots) {
        Ok(Some(line)) => line,
        Ok(None) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) if limits.fields > STACK_FIELDS => {
            return parse_many(buf, window, limits, noticed);
        }
        Err(error) => return Err(parse_error(&buf[..window], error, limits)),
    };
    let block = buf.split_to(line.head).freeze();
    assemble(block, &line, &spots[..line.fields], limits, noticed).map(Some)
}

/// As [`parse`], for more fields than have room on the stack.
#[cold]
fn parse_many(
    buf: &mut BytesMut,
    window: usize,
    limits: &H1Limits,
    noticed: &mut Noticed,
) -> Result<Option<ResponseHead>, H1Error> {
    // No field line is shorter than `a:` and LF: room for more could not be used.
    let allowed = limits.fields.min(window / 3 + 1);
    let mut fields = vec![MaybeUninit::uninit(); allowed];
    let mut spots = vec![Spot::default(); allowed];
    let line = match parse_into(&buf[..window], &mut fields, &mut spots) {
        Ok(Some(line)) => line,
        Ok(None) => return Ok(None),
        Err(error) => return Err(parse_error(&buf[..window], error, limits)),
    };
    let block = buf.split_to(line.head).freeze();
    assemble(block, &line, &spots[..line.fields], limits, noticed).map(Some)
}

/// The numbers of a parsed head.
struct Line {
    /// Bytes of the head, with the empty line.
    head: usize,
    fields: usize,
    minor: u8,
    code: u16,
}

/// Where a field stands in the head. Offsets, since the buffer is split after the parse.
#[derive(Clone, Copy, Default)]
struct Spot {
    name: u32,
    name_end: u32,
    value: u32,
    value_end: u32,
}

impl Spot {
    fn name<'b>(&self, block: &'b [u8]) -> &'b [u8] {
        &block[self.name as usize..self.name_end as usize]
    }

    fn value<'b>(&self, block: &'b [u8]) -> &'b [u8] {
        &block[self.value as usize..self.value_end as usize]
    }
}

/// Lets httparse look; `None`: the head is incomplete.
fn parse_into<'b>(
    window: &'b [u8],
    fields: &mut [MaybeUninit<Header<'b>>],
    spots: &mut [Spot],
) -> Result<Option<Line>, httparse::Error> {
    let mut response = Response::new(&mut []);
    let Status::Complete(head) =
        config().parse_response_with_uninit_headers(&mut response, window, fields)?
    else {
        return Ok(None);
    };
    let base = window.as_ptr() as usize;
    for (spot, field) in spots.iter_mut().zip(response.headers.iter()) {
        // All slices lie in the window, whose length fits in 32 bits.
        let name = (field.name.as_ptr() as usize - base) as u32;
        let value = (field.value.as_ptr() as usize - base) as u32;
        *spot = Spot {
            name,
            name_end: name + field.name.len() as u32,
            value,
            value_end: value + field.value.len() as u32,
        };
    }
    Ok(Some(Line {
        head,
        fields: response.headers.len(),
        minor: response.version.unwrap_or(1),
        code: response.code.unwrap_or(0),
    }))
}

fn config() -> ParserConfig {
    let mut config = ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    config
}

/// Makes the head out of its bytes. All values share them.
fn assemble(
    block: Bytes,
    line: &Line,
    spots: &[Spot],
    limits: &H1Limits,
    noticed: &mut Noticed,
) -> Result<ResponseHead, H1Error> {
    // RFC 9110 section 15: 100 to 599; what is above is treated as x00, what is below is no status.
    let status = StatusCode::from_u16(line.code)
        .map_err(|_| H1Error::StatusOutOfRange { code: line.code })?;
    let too_many = |_| H1Error::TooManyFields {
        limit: limits.fields,
    };
    let mut headers = HeaderMap::try_with_capacity(spots.len()).map_err(too_many)?;

    let empty_line = if block[line.head - 2] == b'\r' { 2 } else { 1 };
    let mut lines_end = (line.head - empty_line) as u32;
    // Folds are found by the distances between the parts: usually `: ` and CRLF.
    let mut odd_distance = false;
    for spot in spots.iter().rev() {
        odd_distance |= spot.value - spot.name_end > 2 || lines_end - spot.value_end > 2;
        lines_end = spot.name;
    }
    if odd_distance {
        refuse_blank_folds(&block, spots, line.head - empty_line)?;
    }

    *noticed = Noticed::default();
    let mut sets_cookies = false;
    for (index, spot) in spots.iter().enumerate() {
        let name = header_name(spot.name(&block))
            .map_err(|_| H1Error::FieldNameTooLong { field: index + 1 })?;
        noticed.connection |= name == CONNECTION;
        noticed.transfer_encoding |= name == TRANSFER_ENCODING;
        sets_cookies |= name == SET_COOKIE;
        let value = block.slice(spot.value as usize..spot.value_end as usize);
        let value = match HeaderValue::from_maybe_shared(value) {
            Ok(value) => value,
            // The grammar has been checked: only the line ends of a fold can be in it.
            Err(_) => unfold(spot.value(&block)).ok_or_else(|| H1Error::BlankFold {
                field: index + 1,
                name: Quoted::new(spot.name(&block)),
            })?,
        };
        headers.try_append(name, value).map_err(too_many)?;
    }
    Ok(ResponseHead {
        status,
        version: if line.minor == 0 {
            Version::HTTP_10
        } else {
            Version::HTTP_11
        },
        reason: reason(&block, status),
        headers,
        sets_cookies,
    })
}

/// Refuses blank continuation lines at the ends of a value, where httparse has trimmed them off.
///
/// A value may begin on its first continuation line (`Content-Length:` CRLF SP `5`).
#[cold]
fn refuse_blank_folds(block: &[u8], spots: &[Spot], end: usize) -> Result<(), H1Error> {
    let line_ends = |from: u32, to: usize| {
        block[from as usize..to]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
    };
    for (index, spot) in spots.iter().enumerate() {
        let next = spots.get(index + 1).map_or(end, |next| next.name as usize);
        let before = line_ends(spot.name_end, spot.value as usize);
        let after = line_ends(spot.value_end, next);
        if before > usize::from(spot.value < spot.value_end) || after > 1 {
            let name = Quoted::new(spot.name(block));
            return Err(H1Error::BlankFold {
                field: index + 1,
                name,
            });
        }
    }
    Ok(())
}

/// Joins the lines of a folded value with one SP each; `None`: one of them is blank.
#[cold]
fn unfold(value: &[u8]) -> Option<HeaderValue> {
    let mut joined = Vec::with_capacity(value.len());
    for line in value.split(|&byte| byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            return None;
        }
        if !joined.is_empty() {
            joined.push(b' ');
        }
        joined.extend_from_slice(line);
    }
    HeaderValue::from_maybe_shared(Bytes::from(joined)).ok()
}

/// Cuts the reason phrase out of the status line, unless it is the canonical one.
fn reason(block: &Bytes, status: StatusCode) -> Option<Bytes> {
    let after = block.get(REASON_OFFSET..).unwrap_or_default();
    if block[REASON_OFFSET - 1] != b' ' {
        return Some(Bytes::new());
    }
    if let Some(canonical) = status.canonical_reason()
        && let Some(b'\r' | b'\n') = after.get(canonical.len())
        && after.starts_with(canonical.as_bytes())
    {
        return None;
    }
    let length = memchr::memchr2(b'\r', b'\n', after).unwrap_or(after.len());
    Some(block.slice(REASON_OFFSET..REASON_OFFSET + length))
}

#[cold]
fn parse_error(window: &[u8], error: httparse::Error, limits: &H1Limits) -> H1Error {
    match error {
        httparse::Error::TooManyHeaders => H1Error::TooManyFields {
            limit: limits.fields,
        },
        error => diagnose(window, error),
    }
}

/// Fields whose places have room on the stack.
const STACK_FIELDS: usize = 64;

/// Buffers up to this length are parsed at each look, so that what cannot become a status line is
/// refused at its first wrong byte, however slowly it comes.
const EAGER: usize = 32;

/// Empty lines that may stand before a status line.
const MAX_EMPTY_LINES: u8 = 4;

/// `HTTP/1.1 200 ` is so long: httparse lets nothing longer or shorter pass.
const REASON_OFFSET: usize = 13;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], limits: &H1Limits) -> Result<Option<ResponseHead>, H1Error> {
        HeadReader::new().read(&mut BytesMut::from(bytes), limits)
    }

    /// Status, version, reason, `name=value` lines, and what is left in the buffer.
    fn outline(bytes: &[u8]) -> Result<String, H1Error> {
        let mut buf = BytesMut::from(bytes);
        let head = HeadReader::new().read(&mut buf, &H1Limits::default())?;
        let Some(head) = head else {
            return Ok("incomplete".into());
        };
        let mut text = format!("{} {:?}", head.status.as_u16(), head.version);
        if let Some(reason) = head.reason {
            text += &format!(" '{}'", reason.escape_ascii());
        }
        for (name, value) in &head.headers {
            text += &format!(" {name}={}", value.as_bytes().escape_ascii());
        }
        Ok(format!("{text} +{}", buf.escape_ascii()))
    }

    #[test]
    fn good_heads_are_read() {
        for (bytes, expected) in [
            (
                &b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nrest"[..],
                "200 HTTP/1.1 a=b +rest",
            ),
            (b"HTTP/1.0 404 Nope\r\n\r\n", "404 HTTP/1.0 'Nope' +"),
            (b"HTTP/1.1 200 OK \r\n\r\n", "200 HTTP/1.1 'OK ' +"),
            (b"HTTP/1.1 200 O\r\n\r\n", "200 HTTP/1.1 'O' +"),
            (b"HTTP/1.1 200 \r\n\r\n", "200 HTTP/1.1 '' +"),
            (b"HTTP/1.1 200\r\n\r\n", "200 HTTP/1.1 '' +"),
            (b"HTTP/1.1 200\n\n", "200 HTTP/1.1 '' +"),
            (b"HTTP/1.1 200 caf\xe9\r\n\r\n", "200 HTTP/1.1 'caf\\xe9' +"),
            (b"HTTP/1.1 999 \r\n\r\n", "999 HTTP/1.1 '' +"),
            (
                b"HTTP/1.1 200 OK\nA: b\nC: d\n\nx",
                "200 HTTP/1.1 a=b c=d +x",
            ),
            (b"HTTP/1.1 200 OK\nA: b\r\n\nx", "200 HTTP/1.1 a=b +x"),
            (
                b"HTTP/1.1 200 OK\r\nA:\r\nB: \t \r\nC:d \t\r\n\r\n",
                "200 HTTP/1.1 a= b= c=d +",
            ),
            (
                b"HTTP/1.1 200 OK\r\nA: \xc3\xa9\tb\r\n\r\n",
                "200 HTTP/1.1 a=\\xc3\\xa9\\tb +",
            ),
            (
                b"HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\n\r\n",
                "200 HTTP/1.1 a=1 a=2 +",
            ),
            (b"\r\n\nHTTP/1.1 200 OK\r\n\r\n", "200 HTTP/1.1 +"),
            // obs-fold
            (
                b"HTTP/1.1 200 OK\r\nA: b \r\n \t c\r\n\td\r\n\r\n",
                "200 HTTP/1.1 a=b c d +",
            ),
            (
                b"HTTP/1.1 200 OK\r\nA: b\n c\nB:\n d\n\n",
                "200 HTTP/1.1 a=b c b=d +",
            ),
            (
                b"HTTP/1.1 200 OK\r\nA:\r\n 5\r\nB: c\r\n\r\n",
                "200 HTTP/1.1 a=5 b=c +",
            ),
            // A terminator that is only begun.
            (b"HTTP/1.1 200 OK\r\nA: b\r\n\r", "incomplete"),
            (b"HTTP/1.1 200 OK\r\nA: b\r\n", "incomplete"),
            (b"\r", "incomplete"),
            (b"", "incomplete"),
        ] {
            assert_eq!(
                outline(bytes).as_deref(),
                Ok(expected),
                "{}",
                bytes.escape_ascii()
            );
        }
    }

    #[test]
    fn bad_heads_are_refused_and_the_message_names_the_place() {
        for (bytes, expected) in [
            (
                &b"<html>hi"[..],
                r#"status line: the answer does not begin with HTTP/1.x but with "<html>hi""#,
            ),
            (
                b" HTTP/1.1 200 OK\r\n\r\n",
                r#"status line: the answer does not begin with HTTP/1.x but with " HTTP/1.1 200 OK""#,
            ),
            (
                b"\rHTTP/1.1",
                r#"status line: the answer does not begin with HTTP/1.x but with "\rHTTP/1.1""#,
            ),
            (
                b"\x15\x03\x03\x00",
                "status line: the peer answered with a TLS record; this port speaks TLS",
            ),
            (
                b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0d",
                "status line: the peer answered in HTTP/2",
            ),
            (
                b"HTTP/2.0 200 OK\r\n\r\n",
                r#"status line: unsupported version "HTTP/2.0""#,
            ),
            (
                b"HTTP/1.2 200 OK\r\n\r\n",
                r#"status line: unsupported version "HTTP/1.2""#,
            ),
            (b"HTTP/1.1\r\n\r\n", r#"status line: malformed: "HTTP/1.1""#),
            (
                b"HTTP/1.1  200 OK\r\n\r\n",
                r#"status line: malformed: "HTTP/1.1  200 OK""#,
            ),
            (
                b"HTTP/1.1 200\rOK\r\n\r\n",
                r#"status line: malformed: "HTTP/1.1 200""#,
            ),
            (
                b"HTTP/1.1 200 O\x00K\r\n\r\n",
                r#"status line: malformed: "HTTP/1.1 200 O\x00K""#,
            ),
            (
                b"HTTP/1.1 099 OK\r\n\r\n",
                "status line: status 99 is below 100",
            ),
            (
                b"\n\n\n\n\nHTTP/1.1 200 OK\r\n\r\n",
                "status line: more than 4 empty lines before it",
            ),
            (
                b"HTTP/1.1 200 OK\r\nA: b\r\nFoo Bar: c\r\n\r\n",
                r#"header field 2: byte 0x20 in the name, after "Foo""#,
            ),
            (
                b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
                r#"header field 1: byte 0x20 in the name, after "A""#,
            ),
            (
                b"HTTP/1.1 200 OK\r\n: b\r\n\r\n",
                r#"header field 1: byte 0x3a in the name, after """#,
            ),
            (
                b"HTTP/1.1 200 OK\r\nA: b\r\nsecret=1\r\n\r\n",
                "header field 2: no colon in the line",
            ),
            (
                b"HTTP/1.1 200 OK\r\nA: b\x00c\r\n\r\n",
                r#"header field 1 ("A"): byte 0x00 in the value"#,
            ),
            (
                b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
                r#"header field 1 ("A"): byte 0x0d in the value"#,
            ),
            (
                b"HTTP/1.1 200 OK\r\nA: b\r\n c\x7f\r\n\r\n",
                r#"header field 1 ("A"): byte 0x7f in the value"#,
            ),
            (
                b"HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
                "header field 1: the line begins with white space",
            ),
            (
                b"HTTP/1.1 200 OK\r\n \r\n\r\n",
                "header field 1: the line begins with white space",
            ),
            (
                b"HTTP/1.1 200 OK\r\nA: b\r\n \r\n c\r\n\r\n",
                r#"header field 1 ("A"): a continuation line is blank"#,
            ),
            (
                b"HTTP/1.1 200 OK\r\nA: b\r\n \r\nC: d\r\n\r\n",
                r#"header field 1 ("A"): a continuation line is blank"#,
            ),
            (
                b"HTTP/1.1 200 OK\r\nA: b\r\n \r\n\r\n",
                r#"header field 1 ("A"): a continuation line is blank"#,
            ),
            (
                b"HTTP/1.1 200 OK\nA: b\n \n\n",
                r#"header field 1 ("A"): a continuation line is blank"#,
            ),
            (
                b"HTTP/1.1 200 OK\r\nA:\r\n \r\n\r\n",
                r#"header field 1 ("A"): a continuation line is blank"#,
            ),
            (
                b"HTTP/1.1 200 OK\r\nA:\r\n \r\n b\r\n\r\n",
                r#"header field 1 ("A"): a continuation line is blank"#,
            ),
        ] {
            let error = outline(bytes).expect_err(&bytes.escape_ascii().to_string());
            assert_eq!(error.to_string(), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn the_first_wrong_byte_of_a_status_line_is_refused_however_slowly_it_comes() {
        for (bytes, wrong) in [
            (&b"<html>"[..], 0),
            (b"HTTP/2", 5),
            (b"HTTP/1.2", 7),
            (b"HTTP/1.1 20x", 11),
            (b"HTTP/1.1 2000", 12),
            (b"\r\n\r\nGET", 4),
        ] {
            let mut reader = HeadReader::new();
            let mut buf = BytesMut::new();
            for (index, &byte) in bytes.iter().enumerate() {
                buf.extend_from_slice(&[byte]);
                let result = reader.read(&mut buf, &H1Limits::default());
                assert_eq!(
                    result.is_err(),
                    index == wrong,
                    "{} at {index}",
                    bytes.escape_ascii()
                );
                if index == wrong {
                    break;
                }
            }
        }
    }

    #[test]
    fn limits_hold_to_the_byte_and_to_the_field() {
        let head = |fields: usize| {
            let mut bytes = b"HTTP/1.1 200 OK\r\n".to_vec();
            for index in 0..fields {
                bytes.extend_from_slice(format!("X-{index}: y\r\n").as_bytes());
            }
            bytes.extend_from_slice(b"\r\n");
            bytes
        };
        for (fields, limit, good) in [
            (1, 0, false),
            (3, 3, true),
            (4, 3, false),
            (64, 64, true),
            (65, 64, false),
            (65, 256, true),
            (256, 256, true),
            (257, 256, false),
            (70, usize::MAX, true),
        ] {
            let limits = H1Limits {
                fields: limit,
                ..H1Limits::default()
            };
            match read(&head(fields), &limits) {
                Ok(head) => {
                    assert!(good, "{fields} of {limit}");
                    assert_eq!(head.map(|head| head.headers.len()), Some(fields));
                }
                Err(error) => {
                    assert!(!good, "{fields} of {limit}");
                    assert_eq!(error, H1Error::TooManyFields { limit });
                }
            }
        }
        let bytes = head(5);
        for (head_bytes, good) in [(bytes.len(), true), (bytes.len() - 1, false), (0, false)] {
            let limits = H1Limits {
                head_bytes,
                ..H1Limits::default()
            };
            assert_eq!(read(&bytes, &limits).is_ok(), good);
            // Also when the head is not yet complete.
            let partial = read(&bytes[..bytes.len() - 1], &limits);
            assert_eq!(partial.is_ok(), good);
        }
        let long_name = [b"HTTP/1.1 200 OK\r\n", &[b'x'; 70_000][..], b": y\r\n\r\n"].concat();
        let error = read(&long_name, &H1Limits::default()).expect_err("64 KiB is the most");
        assert_eq!(error, H1Error::FieldNameTooLong { field: 1 });
    }

    #[test]
    fn more_fields_than_a_header_map_can_hold_are_refused() {
        let mut bytes = b"HTTP/1.1 200 OK\r\n".to_vec();
        for index in 0..40_000 {
            bytes.extend_from_slice(format!("{index}:\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        let limits = H1Limits {
            head_bytes: usize::MAX,
            fields: usize::MAX,
            ..H1Limits::default()
        };
        let error = read(&bytes, &limits).expect_err("the map is full before");
        assert_eq!(error, H1Error::TooManyFields { limit: usize::MAX });
    }

    #[test]
    fn an_end_of_stream_is_a_disconnect_a_truncation_or_the_error_in_the_bytes() {
        let reader = HeadReader::new();
        for (bytes, expected) in [
            (&b""[..], H1Error::Disconnected),
            (b"H", H1Error::TruncatedHead { received: 1 }),
            (
                b"HTTP/1.1 200 OK\r\nContent-Le",
                H1Error::TruncatedHead { received: 27 },
            ),
            (
                b"HTTP/1.1 200 OK\r\nno colon\r",
                H1Error::FieldWithoutColon { field: 1 },
            ),
        ] {
            assert_eq!(reader.eof(bytes), expected);
        }
        let mut reader = HeadReader::new();
        let mut buf = BytesMut::from(&b"\r\n"[..]);
        assert!(matches!(
            reader.read(&mut buf, &H1Limits::default()),
            Ok(None)
        ));
        assert_eq!(reader.eof(&buf), H1Error::TruncatedHead { received: 0 });
    }

    #[test]
    fn a_reader_is_ready_for_the_next_head_after_one() {
        let mut reader = HeadReader::new();
        let mut buf = BytesMut::from(&b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2"[..]);
        let limits = H1Limits::default();
        let status = |head: Option<ResponseHead>| head.map(|head| head.status.as_u16());
        assert_eq!(reader.read(&mut buf, &limits).map(status), Ok(Some(100)));
        assert_eq!(reader.read(&mut buf, &limits).map(status), Ok(None));
        buf.extend_from_slice(b"00 OK\r\n\r\n");
        assert_eq!(reader.read(&mut buf, &limits).map(status), Ok(Some(200)));
        assert!(buf.is_empty());
    }
}
