//! HPACK (RFC 7541): reading whatever a client writes, and writing in the plainest way.

use std::collections::VecDeque;

use super::huffman;

/// A field as it was read.
pub type Field = (String, String);

/// RFC 7541 Appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The size of the dynamic table unless SETTINGS say otherwise.
const TABLE: usize = 4096;

/// Reads header blocks, in the order in which they came.
pub struct Decoder {
    /// The newest first.
    table: VecDeque<Field>,
    size: usize,
    limit: usize,
    /// The most that the client may make of it: what our SETTINGS say, once they are acknowledged.
    pub allowed: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder {
            table: VecDeque::new(),
            size: 0,
            limit: TABLE,
            allowed: TABLE,
        }
    }
}

impl Decoder {
    /// Reads a block; an error says what is wrong with it.
    pub fn decode(&mut self, block: &[u8]) -> Result<Vec<Field>, String> {
        let mut rest = block;
        let mut fields = Vec::new();
        while let Some(&first) = rest.first() {
            match first {
                // Section 6.1: an indexed field.
                0x80.. => {
                    let index = integer(&mut rest, 7)?;
                    fields.push(self.entry(index)?);
                }
                // Section 6.2.1: a literal that joins the table.
                0x40.. => {
                    let field = self.literal(&mut rest, 6)?;
                    self.add(field.clone());
                    fields.push(field);
                }
                // Section 6.3: a new size of the table; it stands at the beginning.
                0x20.. => {
                    let limit = integer(&mut rest, 5)?;
                    if limit > self.allowed || !fields.is_empty() {
                        return Err(format!("a table of {limit} after {} fields", fields.len()));
                    }
                    self.limit = limit;
                    self.evict();
                }
                // Sections 6.2.2 and 6.2.3: a literal that does not.
                _ => fields.push(self.literal(&mut rest, 4)?),
            }
        }
        Ok(fields)
    }

    fn literal(&self, rest: &mut &[u8], prefix: u32) -> Result<Field, String> {
        let name = match integer(rest, prefix)? {
            0 => string(rest)?,
            index => self.entry(index)?.0,
        };
        Ok((name, string(rest)?))
    }

    fn entry(&self, index: usize) -> Result<Field, String> {
        let at = index.checked_sub(1).ok_or("the index 0")?;
        if let Some((name, value)) = STATIC.get(at) {
            return Ok(((*name).to_owned(), (*value).to_owned()));
        }
        let found = self.table.get(at - STATIC.len());
        found.cloned().ok_or(format!("no entry {index}"))
    }

    fn add(&mut self, field: Field) {
        self.size += size(&field);
        self.table.push_front(field);
        self.evict();
    }

    fn evict(&mut self) {
        while self.size > self.limit {
            match self.table.pop_back() {
                Some(field) => self.size -= size(&field),
                None => return,
            }
        }
    }
}

/// Section 4.1.
fn size((name, value): &Field) -> usize {
    name.len() + value.len() + 32
}

/// Section 5.1.
fn integer(rest: &mut &[u8], prefix: u32) -> Result<usize, String> {
    let end = || "a block that ends in the middle".to_owned();
    let most = (1usize << prefix) - 1;
    let (&first, mut tail) = rest.split_first().ok_or_else(end)?;
    let mut value = usize::from(first) & most;
    if value == most {
        for shift in (0..).step_by(7) {
            let (&next, after) = tail.split_first().ok_or_else(end)?;
            tail = after;
            if shift > 28 {
                return Err("an integer too long".to_owned());
            }
            value += usize::from(next & 0x7f) << shift;
            if next < 0x80 {
                break;
            }
        }
    }
    *rest = tail;
    Ok(value)
}

/// Section 5.2.
fn string(rest: &mut &[u8]) -> Result<String, String> {
    let huffman = rest.first().is_some_and(|first| *first >= 0x80);
    let length = integer(rest, 7)?;
    if rest.len() < length {
        return Err("a string longer than its block".to_owned());
    }
    let (bytes, tail) = rest.split_at(length);
    *rest = tail;
    let bytes = match huffman {
        true => huffman::decode(bytes)?,
        false => bytes.to_vec(),
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes fields as literals with new names, uncompressed, outside the table: whatever bytes they are.
pub fn literals<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    fields: impl IntoIterator<Item = (N, V)>,
) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        write_string(&mut block, name.as_ref());
        write_string(&mut block, value.as_ref());
    }
    block
}

/// Writes a literal that joins the table.
pub fn remembered(name: &str, value: &[u8]) -> Vec<u8> {
    let mut block = vec![0x40];
    write_string(&mut block, name.as_bytes());
    write_string(&mut block, value);
    block
}

/// Writes an integer behind these leading bits.
pub fn write_integer(block: &mut Vec<u8>, bits: u8, prefix: u32, value: usize) {
    let most = (1usize << prefix) - 1;
    if value < most {
        block.push(bits | value as u8);
        return;
    }
    block.push(bits | most as u8);
    let mut left = value - most;
    while left >= 0x80 {
        block.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    block.push(left as u8);
}

fn write_string(block: &mut Vec<u8>, bytes: &[u8]) {
    write_integer(block, 0, 7, bytes.len());
    block.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::{Decoder, literals, remembered, write_integer};

    fn fields(list: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        list.iter().map(own).collect()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        digits.chunks(2).map(|pair| byte(pair).unwrap()).collect()
    }

    #[test]
    fn the_requests_of_the_rfc_are_read() {
        let first = [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "www.example.com"),
        ];
        let second = [&first[..], &[("cache-control", "no-cache")]].concat();
        let third = [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ];
        // RFC 7541 Appendices C.3, plain, and C.4, by Huffman's code.
        for blocks in [
            [
                "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                "8286 84be 5808 6e6f 2d63 6163 6865",
                "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
            ],
            [
                "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
                "8286 84be 5886 a8eb 1064 9cbf",
                "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            ],
        ] {
            let mut decoder = Decoder::default();
            for (block, expected) in blocks.iter().zip([&first[..], &second, &third]) {
                assert_eq!(decoder.decode(&bytes(block)), Ok(fields(expected)));
            }
            assert_eq!(decoder.size, 164);
        }
    }

    #[test]
    fn the_table_forgets_the_oldest() {
        let mut decoder = Decoder::default();
        decoder.decode(&[0x3f, 0x45]).unwrap();
        assert_eq!(decoder.limit, 100);
        let block = [remembered("a", b"1"), remembered("b", &[b'2'; 30])].concat();
        decoder.decode(&block).unwrap();
        assert_eq!((decoder.table.len(), decoder.size), (2, 97));
        decoder.decode(&remembered("c", b"3")).unwrap();
        assert_eq!((decoder.table.len(), decoder.size), (2, 97));
        let found = decoder.decode(&[0xbe]).unwrap();
        assert_eq!(found, fields(&[("c", "3")]));
        assert!(decoder.decode(&[0xc0]).is_err());
    }

    #[test]
    fn what_is_written_is_read() {
        let long = "v".repeat(5000);
        let list = [(":status", "200"), ("x-empty", ""), ("x-long", &*long)];
        let block = literals(list);
        assert_eq!(Decoder::default().decode(&block), Ok(fields(&list)));
        for value in [0, 30, 31, 127, 128, 1337, 1 << 20] {
            let mut block = Vec::new();
            write_integer(&mut block, 0xe0, 5, value);
            assert_eq!(super::integer(&mut &block[..], 5), Ok(value));
        }
    }

    #[test]
    fn malformed_blocks_are_refused() {
        for block in [
            &[0x80][..],
            &[0xbe],
            &[0x00, 0x05, b'a'],
            &[0x40],
            &[0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
            &[0x82, 0x20],
            &[0x3f, 0xe2, 0x1f],
        ] {
            assert!(Decoder::default().decode(block).is_err(), "{block:x?}");
        }
    }
}
