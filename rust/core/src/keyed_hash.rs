//! HMAC-SHA-256 (RFC 2104): what can be compared, and not guessed without the key.
//!
//! Above: `redact`, `evaluate`. Below: nothing. Pure.

use std::fmt;

use sha2::{Digest, Sha256};

const BLOCK: usize = 64;

/// A key, ready to hash with. It shows nothing of itself.
#[derive(Clone)]
pub struct KeyedHash {
    inner: Sha256,
    outer: Sha256,
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeyedHash")
    }
}

impl KeyedHash {
    /// Takes a key of any length; one of 32 random bytes is best.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let mut block = [0_u8; BLOCK];
        let shortened: [u8; 32];
        let key = if key.len() > BLOCK {
            shortened = Sha256::digest(key).into();
            &shortened
        } else {
            key
        };
        for (byte, of_key) in block.iter_mut().zip(key) {
            *byte = *of_key;
        }
        let padded = |pad: u8| Sha256::new_with_prefix(block.map(|byte| byte ^ pad));
        Self {
            inner: padded(0x36),
            outer: padded(0x5c),
        }
    }

    /// The hash of a text.
    #[must_use]
    pub fn of(&self, text: &[u8]) -> [u8; 32] {
        let inner = self.inner.clone().chain_update(text).finalize();
        self.outer.clone().chain_update(inner).finalize().into()
    }

    /// The first `bytes` bytes of the hash, at most 32, in hex.
    #[must_use]
    pub fn hex(&self, text: &[u8], bytes: usize) -> String {
        let hash = self.of(text);
        let kept = hash.iter().take(bytes);
        kept.map(|byte| format!("{byte:02x}")).collect()
    }
}
