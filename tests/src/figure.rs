//! The figures that a run of the tests has reached.

use std::io::{Write, stdout};

/// Prints the figure of a row of the scorecard on a line of its own, also where the test harness
/// keeps what tests print.
pub fn figure(row: u8, reached: &str) {
    // At once and whole: other tests print too.
    let line = format!("row {row}: {reached}\n");
    stdout().lock().write_all(line.as_bytes()).expect("a place to print to");
}

/// The full figure where it was asked for (`cargo xtask test --long`), else the one of every run.
#[must_use]
pub fn times(every_run: u32, long_run: u32) -> u32 {
    if std::env::var_os("VPCE_LONG").is_some() { long_run } else { every_run }
}
