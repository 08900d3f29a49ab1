//! The hash functions of digest authentication, by the names that challenges give them.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512, Sha512_256};

/// A hash function; the order is that of strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha256,
    /// SHA-512/256 of FIPS 180-4: its own initial values, not a shortened SHA-512 (RFC 7616, erratum 4897).
    Sha512_256,
    /// The whole of SHA-512: not in RFC 7616, but in HTTPX.
    Sha512,
}

/// A hash function, and whether the credentials' hash is made anew for each session (`-sess`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Algorithm {
    pub(super) hash: Hash,
    pub(super) session: bool,
}

impl Algorithm {
    /// What a challenge without `algorithm` means (RFC 7616 section 3.3).
    pub(super) const DEFAULT: Algorithm = Algorithm {
        hash: Hash::Md5,
        session: false,
    };

    /// Finds an algorithm by its name, in any case.
    pub(super) fn parse(name: &[u8]) -> Option<Algorithm> {
        const SUFFIX: usize = "-sess".len();
        let (base, session) = match name.split_at_checked(name.len().wrapping_sub(SUFFIX)) {
            Some((base, suffix)) if suffix.eq_ignore_ascii_case(b"-sess") => (base, true),
            _ => (name, false),
        };
        let (_, hash) = NAMES
            .iter()
            .find(|(known, _)| base.eq_ignore_ascii_case(known.as_bytes()))?;
        Some(Algorithm {
            hash: *hash,
            session,
        })
    }
}

impl Hash {
    /// Hashes the parts with colons between them, and gives lower-case hexadecimal digits.
    pub(super) fn of(self, parts: &[&[u8]]) -> String {
        match self {
            Hash::Md5 => joined::<Md5>(parts),
            Hash::Sha1 => joined::<Sha1>(parts),
            Hash::Sha256 => joined::<Sha256>(parts),
            Hash::Sha512_256 => joined::<Sha512_256>(parts),
            Hash::Sha512 => joined::<Sha512>(parts),
        }
    }
}

fn joined<D: Digest>(parts: &[&[u8]]) -> String {
    let mut hasher = D::new();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

/// Writes bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit =
        |value: u8| char::from_digit(u32::from(value), 16).expect("four bits are one digit");
    bytes
        .iter()
        .flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

const NAMES: [(&str, Hash); 5] = [
    ("MD5", Hash::Md5),
    ("SHA", Hash::Sha1),
    ("SHA-256", Hash::Sha256),
    ("SHA-512-256", Hash::Sha512_256),
    ("SHA-512", Hash::Sha512),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        let cases = [
            ("MD5", Some((Hash::Md5, false))),
            ("md5-SESS", Some((Hash::Md5, true))),
            ("SHA", Some((Hash::Sha1, false))),
            ("Sha-sess", Some((Hash::Sha1, true))),
            ("SHA-256", Some((Hash::Sha256, false))),
            ("SHA-256-sess", Some((Hash::Sha256, true))),
            ("SHA-512-256", Some((Hash::Sha512_256, false))),
            ("SHA-512-256-sess", Some((Hash::Sha512_256, true))),
            ("SHA-512", Some((Hash::Sha512, false))),
            ("sha-512-sess", Some((Hash::Sha512, true))),
            ("SHA-1", None),
            ("MD5-sess-sess", None),
            ("-sess", None),
            ("sess", None),
            ("MD5 ", None),
            ("", None),
        ];
        for (name, expected) in cases {
            let found = Algorithm::parse(name.as_bytes());
            assert_eq!(found.map(|a| (a.hash, a.session)), expected, "{name}");
        }
    }

    #[test]
    fn parts_are_hashed_with_colons_between() {
        // Of Python's hashlib, over `a:b`.
        let cases = [
            (Hash::Md5, "d8160c9b3dc20d4e931aeb4f45262155"),
            (Hash::Sha1, "dcea6d9ccd3d20ba1549f6d9b5dde60742158882"),
            (
                Hash::Sha256,
                "6783a31eabf68ccc0660f935c0826282bdd2241f3a80a9f2d10d59aea9ebb5d8",
            ),
            (
                Hash::Sha512_256,
                "399ce3b985f4a59dcded69bacdd23f8fe39ff5dacb7ced8431ff48ca561cf644",
            ),
            (
                Hash::Sha512,
                "99da1a258b39d6c43bc58d72879fc2c54d8c2dde8ec80fa66f49de3b4e91ecfdf26af6dd68327d5c59bfe1168a1012d75317983bfd2a4d2e6e5dfded61fd129b",
            ),
        ];
        for (hash, expected) in cases {
            assert_eq!(hash.of(&[b"a", b"b"]), expected, "{hash:?}");
            assert_eq!(hash.of(&[b"a:b"]), expected, "{hash:?}");
        }
    }
}
