//! Desired state into the maps: compile, observe, plan, apply.
//!
//! `compile` and `plan` are pure. A pass touches only what differs, so a second one does nothing.

mod alarms;
mod apply;
mod awake;
mod backends;
mod compile;
mod differences;
mod entries;
mod gateway;
mod hooks;
mod observe;
mod part;
mod plan;
mod release;
mod report;
#[cfg(test)]
mod tests;
mod walk;
mod watch;
mod words;

pub use apply::{Kernel, apply};
pub use compile::{Facts, compile};
pub use entries::Entries;
pub use gateway::{Against, Gateway, ReconcileError};
pub use observe::{Reader, drifted, observe};
pub use part::{Altering, Book};
pub use plan::{Change, plan};
pub use words::Word;
