//! What tells of resources: one function for each operation.

mod endpoint;
mod page;
mod service;
mod tag;

pub use tag::ResourceType;
