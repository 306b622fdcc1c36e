//! The agent: desired state from a config file, kept true in the kernel's maps.
//!
//! Layers, from the top; imports point downward only (`cargo xtask lint` checks it):
//! `app` wires; `api`, `socket`, `client` and `cli` are the edges; `registry`, `reconcile` and `neighbours` control; `maps`,
//! `dataplane`, `net` and `store` are the ports; `model` and `config` are pure.

pub mod api;
pub mod app;
pub mod cli;
pub mod client;
pub mod config;
pub mod dataplane;
pub mod maps;
pub mod model;
pub mod neighbours;
pub mod net;
pub mod reconcile;
pub mod registry;
pub mod socket;
pub mod store;
