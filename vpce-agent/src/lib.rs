//! The agent: desired state from a config file, kept true in the kernel's maps.

pub mod model;
