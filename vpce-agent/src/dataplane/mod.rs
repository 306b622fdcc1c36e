//! The programs in the kernel: loading, attaching, the reaper's walk, taking it all off.
//!
//! Everything is pinned under one directory of bpffs: `maps/NAME`, `programs/NAME-MADE_OF`, `links/IFINDEX`. Pins
//! keep packets flowing while no agent runs; the next one adopts them.

mod attach;
mod error;
mod load;
mod pins;
mod programs;
mod reaper;
mod rights;
mod tcx;

pub use attach::Target;
pub use error::DataplaneError;
pub use load::Dataplane;
pub use pins::unload;
pub use reaper::hertz;
pub use rights::check_rights;
pub use tcx::has_tcx;
