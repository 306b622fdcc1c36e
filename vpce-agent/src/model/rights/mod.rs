//! Who may do what: users with their rights, and how a request shows whose it is.
//!
//! A tenant is a domain. Its resources are in projects, each of one domain; its users act in some of
//! them, with an access key or a token. Pure: the time, random bytes and the key that seals secrets are
//! handed in.

mod accounts;
mod action;
mod caller;
mod denied;
mod key;
mod replay;
mod request;
mod rows;
mod signature;
#[cfg(test)]
mod tests;

pub use self::{
    accounts::{Accounts, AccountsError, Dropped},
    action::{Action, Rights, Role},
    caller::{Caller, Principal},
    denied::Denied,
    key::{KEY_ENTROPY, Seal, SealError, Secret, TOKEN_ENTROPY},
    replay::Replays,
    request::{Origin, Request},
    rows::{AccessKey, Token, User},
    signature::{SKEW_SECS, sign},
};
