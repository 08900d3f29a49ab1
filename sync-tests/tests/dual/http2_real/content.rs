//! What the servers serve, and how it is known again.

use std::sync::OnceLock;

/// 64 MiB, no part of which looks like another.
pub(crate) fn large() -> &'static [u8] {
    static LARGE: OnceLock<Vec<u8>> = OnceLock::new();
    LARGE.get_or_init(|| {
        let mut bytes = vec![0; 64 << 20];
        // A word in each sixteen bytes is enough, and takes a debug build a quarter of the time.
        for (n, place) in bytes.chunks_exact_mut(16).enumerate() {
            place[..8]
                .copy_from_slice(&(n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        }
        bytes
    })
}

/// The body that belongs to a number: one to some two thousand bytes, which no other number has.
pub(crate) fn of_nonce(nonce: u64) -> Vec<u8> {
    let mut bytes = format!("{nonce} ").into_bytes();
    let length = bytes.len() + (nonce.wrapping_mul(7919) % 2000) as usize;
    let word = nonce.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    while bytes.len() < length {
        let most = word.len().min(length - bytes.len());
        bytes.extend_from_slice(&word[..most]);
    }
    bytes
}

/// Compares pieces of [`large`] with it as they come, and holds none.
#[derive(Default)]
pub(crate) struct Check {
    at: usize,
}

impl Check {
    /// Takes the next piece.
    pub(crate) fn piece(&mut self, piece: &[u8]) {
        let end = self.at + piece.len();
        assert!(
            large().get(self.at..end) == Some(piece),
            "wrong at {} to {end}",
            self.at
        );
        self.at = end;
    }

    /// Tells how much came.
    pub(crate) fn total(&self) -> usize {
        self.at
    }
}
