//! HPACK's Huffman code (RFC 7541 section 5.2 and Appendix B), for reading.

/// The code is canonical: among codes of one length the symbols ascend, and each length goes on where the one before ended.
/// So the lengths alone say everything. Here: the symbols of each length; 256 is the end of the string.
const BY_LENGTH: [(u32, &[u16]); 21] = [
    (5, &[48, 49, 50, 97, 99, 101, 105, 111, 115, 116]),
    (
        6,
        &[
            32, 37, 45, 46, 47, 51, 52, 53, 54, 55, 56, 57, 61, 65, 95, 98, 100, 102, 103, 104,
            108, 109, 110, 112, 114, 117,
        ],
    ),
    (
        7,
        &[
            58, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86,
            87, 89, 106, 107, 113, 118, 119, 120, 121, 122,
        ],
    ),
    (8, &[38, 42, 44, 59, 88, 90]),
    (10, &[33, 34, 40, 41, 63]),
    (11, &[39, 43, 124]),
    (12, &[35, 62]),
    (13, &[0, 36, 64, 91, 93, 126]),
    (14, &[94, 125]),
    (15, &[60, 96, 123]),
    (19, &[92, 195, 208]),
    (20, &[128, 130, 131, 162, 184, 194, 224, 226]),
    (
        21,
        &[
            153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230,
        ],
    ),
    (
        22,
        &[
            129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185,
            186, 187, 189, 190, 196, 198, 228, 232, 233,
        ],
    ),
    (
        23,
        &[
            1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166,
            168, 174, 175, 180, 182, 183, 188, 191, 197, 231, 239,
        ],
    ),
    (
        24,
        &[9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237],
    ),
    (25, &[199, 207, 234, 235]),
    (
        26,
        &[
            192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255,
        ],
    ),
    (
        27,
        &[
            203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252,
            253, 254,
        ],
    ),
    (
        28,
        &[
            2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28,
            29, 30, 31, 127, 220, 249,
        ],
    ),
    (30, &[10, 13, 22, 256]),
];

/// The longest code, and the most bits of padding.
const LONGEST: u32 = 30;
const PADDING: u32 = 7;

/// Decodes a string; an error says what is wrong with it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut text = Vec::with_capacity(bytes.len() * 2);
    let (mut code, mut length) = (0u32, 0u32);
    for bit in bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| u32::from(byte >> at & 1)))
    {
        (code, length) = (code << 1 | bit, length + 1);
        match symbol(code, length) {
            Some(256) => return Err("the end of string is coded".to_owned()),
            Some(byte) => {
                text.push(byte as u8);
                (code, length) = (0, 0);
            }
            None if length >= LONGEST => return Err("no such code".to_owned()),
            None => {}
        }
    }
    match length <= PADDING && code == (1 << length) - 1 {
        true => Ok(text),
        false => Err("padded by other than the first bits of the end of string".to_owned()),
    }
}

fn symbol(code: u32, length: u32) -> Option<u16> {
    let (mut first, mut before) = (0, 0);
    for (of, symbols) in BY_LENGTH {
        first <<= of - before;
        before = of;
        if of == length {
            return symbols.get(code.checked_sub(first)? as usize).copied();
        }
        first += symbols.len() as u32;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // RFC 7541 Appendices C.4 and C.6.
        for (bytes, text) in [
            (
                &[
                    0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
                ][..],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (
                &[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f],
                "custom-key",
            ),
            (
                &[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf],
                "custom-value",
            ),
            (&[0x64, 0x02], "302"),
            (&[0xae, 0xc3, 0x77, 0x1a, 0x4b], "private"),
            (&[], ""),
        ] {
            assert_eq!(decode(bytes), Ok(text.as_bytes().to_vec()));
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for bytes in [
            &[0xff; 4][..],
            &[0xff, 0xff],
            &[0xae, 0xc3, 0x77, 0x1a, 0x4b, 0xff],
            &[0x00],
        ] {
            assert!(decode(bytes).is_err(), "{bytes:x?}");
        }
    }
}
