//! What the store keeps: one row each.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Role;

/// Someone who may ask. Its key in the store is the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Unique on this gateway.
    pub name: String,
    /// The tenant.
    pub domain: String,
    /// The projects that the user acts in; the first stands in where a request names none. Never empty.
    pub projects: BTreeSet<String>,
    /// What the user may do in them.
    pub role: Role,
    /// Unix seconds.
    pub created_at: u64,
}

/// A pair of keys of a user. Its key in the store is the id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// Public: the AK.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// The secret (SK), sealed: hex of nonce and ciphertext.
    pub sealed: String,
    /// Unix seconds.
    pub created_at: u64,
}

/// A token of a user. Its key in the store is the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// SHA-256 of the token's text, in hex; the token itself is not kept.
    pub hash: String,
    /// Whose it is.
    pub user: String,
    /// Unix seconds.
    pub created_at: u64,
    /// Unix seconds; from then on it is not taken.
    pub expires_at: u64,
}

impl Token {
    /// The name of the token where it is listed or removed: the start of its hash.
    #[must_use]
    pub fn id(&self) -> &str {
        self.hash.get(..16).unwrap_or(&self.hash)
    }
}
