//! What programs of the tests share with those who load them.

#![cfg_attr(not(test), no_std)]

pub mod floor;
pub mod harness;
