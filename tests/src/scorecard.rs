//! The scorecard: what the gateway promises in figures, and tests that reach them.
//!
//! A test whose name begins with `row_05_` holds row 5. A normal run reaches figures that fit one;
//! `cargo xtask test --long 5` reaches the full ones of row 5.

/// Whether the full figures are wanted.
#[must_use]
pub fn long() -> bool {
    std::env::var_os("VPCE_LONG").is_some_and(|value| value == "1")
}

/// The figure of a normal run, or the full one.
#[must_use]
pub fn figure<T>(normal: T, full: T) -> T {
    if long() { full } else { normal }
}

/// Tells what a row has reached, on a line of its own.
pub fn report(row: u8, reached: impl std::fmt::Display) {
    println!("row {row}: {reached}");
}
