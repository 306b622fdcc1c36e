//! What programs of the tests share with those who load them.

#![no_std]

pub mod floor;
pub mod harness;
