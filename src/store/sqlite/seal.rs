//! Secrets at rest: XChaCha20-Poly1305, each value bound to its row, so that a sealed value copied to another
//! row (another bot's token, say) does not open there.

use std::{fmt, sync::Arc};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::Digest as _;
use zeroize::{Zeroize, Zeroizing};

use crate::base::Secret;

/// Form of a sealed value: version (1 byte), key id (8), nonce (24), ciphertext with its tag.
const VERSION: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 24;

/// The key that seals tokens and webhook secrets. Cheap to clone; wiped when the last clone goes.
#[derive(Clone)]
pub struct SealKey(Arc<Inner>);

struct Inner {
    key: Zeroizing<[u8; 32]>,
    /// Names the key without telling it; stands before each value, so that keys can be told apart at a rotation.
    id: [u8; KEY_ID],
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.name())
    }
}

/// Why a sealed value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnsealError {
    /// Another key sealed it.
    #[error("it was sealed with another key")]
    OtherKey,
    /// It is damaged, or belongs to another row.
    #[error("it is damaged or belongs to another row")]
    Damaged,
}

/// The name of the key that sealed a value, as it says itself.
pub(super) fn sealed_with(sealed: &[u8]) -> Option<String> {
    let (version, rest) = sealed.split_first()?;
    (*version == VERSION).then(|| rest.get(..KEY_ID).map(hex::encode)).flatten()
}

/// Which row a value belongs to: the associated data of its seal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Table and column.
    pub(super) column: &'static str,
    /// Whose; empty for the store's own.
    pub(super) bot: &'a str,
    /// Row number; 0 where the bot is the row.
    pub(super) row: i64,
}

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        // None of the parts can hold a `|`, so no two places have the same bytes.
        format!("botyard|{}|{}|{}", self.column, self.bot, self.row).into_bytes()
    }
}

impl SealKey {
    /// A key from its 32 bytes.
    #[must_use]
    pub fn from_bytes(key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        let digest = sha2::Sha256::new().chain_update(b"botyard seal key id").chain_update(key.as_slice()).finalize();
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&digest[..KEY_ID]);
        Self(Arc::new(Inner { key, id }))
    }

    /// A fresh random key.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice())?;
        Ok(Self::from_bytes(*key))
    }

    /// What stands in front of everything that it seals.
    pub(super) fn id(&self) -> [u8; KEY_ID] {
        self.0.id
    }

    /// Its name: its id in hex, which does not tell the key.
    #[must_use]
    pub fn name(&self) -> String {
        hex::encode(self.0.id)
    }

    /// Reads 64 hex digits. The error does not repeat the text.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), key.as_mut_slice()).ok()?;
        Some(Self::from_bytes(*key))
    }

    /// 64 hex digits, for the key file.
    pub(super) fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.key.as_slice()))
    }

    /// Seals a value for one place.
    pub(super) fn seal(&self, place: Place<'_>, secret: &str) -> Result<Vec<u8>, String> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| format!("no randomness to seal a secret with: {error}"))?;
        let aad = place.bytes();
        let body = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: secret.as_bytes(), aad: &aad })
            .or(Err("a secret could not be sealed"))?;
        let mut sealed = Vec::with_capacity(1 + KEY_ID + NONCE + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.0.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens what [`SealKey::seal`] made for the same place.
    pub(super) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Secret, UnsealError> {
        let (version, rest) = sealed.split_first().ok_or(UnsealError::Damaged)?;
        let (id, rest) = rest.split_at_checked(KEY_ID).ok_or(UnsealError::Damaged)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or(UnsealError::Damaged)?;
        if *version != VERSION {
            return Err(UnsealError::Damaged);
        }
        if id != self.0.id {
            return Err(UnsealError::OtherKey);
        }
        let aad = place.bytes();
        let plain = self
            .cipher()
            .decrypt(&XNonce::from(*nonce), Payload { msg: body, aad: &aad })
            .or(Err(UnsealError::Damaged))?;
        match String::from_utf8(plain) {
            Ok(text) => Ok(Secret::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                Err(UnsealError::Damaged)
            }
        }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0.key).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Place<'_> = Place { column: "bots.token", bot: "echo", row: 0 };

    #[test]
    fn a_sealed_value_opens_in_its_own_place_only() {
        let key = SealKey::from_bytes([7; 32]);
        let sealed = key.seal(TOKEN, "hunter2").unwrap();
        assert_eq!(key.open(TOKEN, &sealed).unwrap().expose(), "hunter2");
        for place in
            [Place { bot: "other", ..TOKEN }, Place { row: 1, ..TOKEN }, Place { column: "webhooks.secret", ..TOKEN }]
        {
            assert_eq!(key.open(place, &sealed), Err(UnsealError::Damaged), "{place:?}");
        }
    }

    #[test]
    fn the_same_secret_never_seals_to_the_same_bytes() {
        let key = SealKey::from_bytes([7; 32]);
        assert_ne!(key.seal(TOKEN, "x").unwrap(), key.seal(TOKEN, "x").unwrap());
    }

    #[test]
    fn another_key_is_told_from_damage() {
        let sealed = SealKey::from_bytes([7; 32]).seal(TOKEN, "hunter2").unwrap();
        assert_eq!(SealKey::from_bytes([8; 32]).open(TOKEN, &sealed), Err(UnsealError::OtherKey));
        for at in [0, sealed.len() - 1] {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(SealKey::from_bytes([7; 32]).open(TOKEN, &damaged), Err(UnsealError::Damaged), "byte {at}");
        }
        assert_eq!(SealKey::from_bytes([7; 32]).open(TOKEN, &sealed[..20]), Err(UnsealError::Damaged), "cut off");
    }

    #[test]
    fn a_key_prints_only_its_id() {
        let key = SealKey::from_bytes([7; 32]);
        assert!(!format!("{key:?}").contains(&*key.to_hex()));
        assert!(!key.to_hex().contains(&key.name()));
        let sealed = key.seal(TOKEN, "hunter2").unwrap();
        assert_eq!(sealed_with(&sealed), Some(key.name()));
        assert_eq!((sealed_with(&sealed[..8]), sealed_with(b"")), (None, None));
    }
}
