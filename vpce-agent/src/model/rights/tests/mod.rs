//! A made user signs by a signer of the test's own, written from the vendor's words and not from ours.

mod accounts;
mod mutations;
mod replay;
mod signature;
mod signer;

use super::{
    Accounts, Action, Denied, KEY_ENTROPY, Origin, Principal, Replays, Role, Seal, TOKEN_ENTROPY, Token, User,
};

/// 2026-11-22T12:00:00Z
const NOW: u64 = 1_795_348_800;
const DATE: &str = "20261122T120000Z";

fn seal() -> Seal {
    Seal::new(&[7; 32])
}

/// `red` may all in project p-red of domain d-red, `op` is the operator, `blue` reads p-blue.
fn accounts() -> Accounts {
    let mut accounts = Accounts::default();
    for user in [
        User::new("red", "d-red", "p-red", Role::FullAccess, NOW),
        User::new("blue", "d-blue", "p-blue", Role::ReadOnlyAccess, NOW),
        User::new("op", "d-op", "p-op", Role::Administrator, NOW),
    ] {
        accounts.set_user(user).unwrap();
    }
    accounts
}
