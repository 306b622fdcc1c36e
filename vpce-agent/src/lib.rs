//! The agent: desired state from a config file, kept true in the kernel's maps.

pub mod config;
pub mod model;
