//! Wires everything: ordered start, one loop, orderly end.

mod input;
mod run;

pub use input::{InputError, check};
pub use run::{Options, RunError, run};

pub use crate::{
    dataplane::unload,
    store::{backup, restore},
};
