//! How access keys and tokens are made, and how a secret rests.

use std::fmt;

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{Aead as _, Payload},
};
use sha2::{Digest as _, Sha256};

/// Letters of an AK.
const ID: usize = 20;
/// Letters of a SK: 200 bits.
const SECRET: usize = 40;
const NONCE: usize = 24;

/// Random bytes that an access key takes.
pub const KEY_ENTROPY: usize = ID + SECRET + NONCE;
/// Random bytes that a token takes.
pub const TOKEN_ENTROPY: usize = 32;

/// 32, so that a byte picks each with the same chance; none looks like another.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// What only its user may know: a SK, or a token. Not printed by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret that came from elsewhere.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a sealed secret can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret was sealed with another key; bring back the key file of this state, or make new access keys")]
pub struct SealError;

/// The key that secrets are sealed with.
#[derive(Clone)]
pub struct Seal(XChaCha20Poly1305);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    /// A seal of this key, which is random and kept apart from the rows.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// Seals the secret of this access key; no other key's row can hold it.
    fn close(&self, id: &str, secret: &Secret, nonce: &[u8; NONCE]) -> String {
        let payload = Payload { msg: secret.0.as_bytes(), aad: id.as_bytes() };
        let sealed = self.0.encrypt(nonce.into(), payload);
        let Ok(sealed) = sealed else { unreachable!("only a text of 256 GB can't be sealed") };
        hex::encode([nonce, &sealed[..]].concat())
    }

    /// The secret of this access key.
    ///
    /// # Errors
    /// [`SealError`] where it was sealed with another key, or for another id.
    pub fn open(&self, id: &str, sealed: &str) -> Result<Secret, SealError> {
        let bytes = hex::decode(sealed).map_err(|_| SealError)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or(SealError)?;
        let open = self.0.decrypt(nonce.into(), Payload { msg: sealed, aad: id.as_bytes() });
        String::from_utf8(open.map_err(|_| SealError)?).map(Secret).map_err(|_| SealError)
    }
}

/// An AK, its SK, and the SK sealed.
pub(super) fn pair(random: &[u8; KEY_ENTROPY], seal: &Seal) -> (String, Secret, String) {
    let (id, rest) = random.split_at(ID);
    let (secret, nonce) = rest.split_at(SECRET);
    let (id, secret) = (letters(id), Secret(letters(secret)));
    let mut at = [0; NONCE];
    at.copy_from_slice(nonce);
    let sealed = seal.close(&id, &secret, &at);
    (id, secret, sealed)
}

/// A token, and its hash.
pub(super) fn token(random: &[u8; TOKEN_ENTROPY]) -> (Secret, String) {
    let token = Secret(hex::encode(random));
    let hash = hash(token.reveal());
    (token, hash)
}

/// What is kept of a token. It needs no salt: nobody guesses 256 random bits.
pub(super) fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

fn letters(random: &[u8]) -> String {
    random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}
