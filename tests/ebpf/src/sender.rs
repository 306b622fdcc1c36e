//! What the benchmark's sender is told.

/// Bytes of the shortest frame, as an interface has it.
pub const FRAME: usize = 60;

/// A frame, in words.
pub type Frame = [u32; FRAME / 4];

/// The sender's one map entry of orders.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Order {
    /// The frame to send next.
    pub next: u32,
    /// How many there are.
    pub frames: u32,
    /// The interface to send by.
    pub ifindex: u32,
}

#[cfg(feature = "user")]
// SAFETY: `repr(C)`, integers only, no padding.
unsafe impl aya::Pod for Order {}
