//! The operator's Unix socket: HTTP and JSON, for `vpcectl` and whoever else can open it.

mod server;

pub use server::{Asked, SocketError, serve};

/// Where the socket is unless told otherwise.
pub const DEFAULT: &str = "/run/vpce/vpce.sock";
/// Everything at one moment: `model::status::Status`.
pub const STATUS: &str = "/v1/status";
/// What is not as it is wanted: `differences`, a list of `model::difference::Difference`.
pub const DIFFERENCES: &str = "/v1/differences";
