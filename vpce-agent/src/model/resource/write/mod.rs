//! What changes resources: one function for each operation.
//!
//! A function that refuses may have changed the resources already: it is called on a clone that is dropped then.

mod backend;
mod connection;
mod endpoint;
mod permission;
mod place;
mod service;
mod tag;

use super::Refusal;

/// What the file owns isn't changed by requests.
fn check_not_of_file(kind: &'static str, owner: &super::item::Owner) -> Result<(), Refusal> {
    match &owner.file {
        Some(name) => Err(Refusal::OwnedByFile { kind, name: name.clone() }),
        None => Ok(()),
    }
}
