//! Waiting for what comes by itself.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::interrupt;

/// How long between two looks: short against anything a test waits for.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until `holds` is true; panics with `what` when it is not within `limit`.
pub fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    wait_for(what, limit, || holds().then_some(()).ok_or("it does not hold"));
}

/// Waits until `look` gives a value; panics with `what` and the last error when it does not
/// within `limit`.
pub fn wait_for<T, E: std::fmt::Display>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, E>) -> T {
    let start = Instant::now();
    loop {
        interrupt::check();
        match look() {
            Ok(value) => return value,
            Err(error) if start.elapsed() > limit => {
                panic!("waited {limit:?} in vain for: {what}; last seen: {error}")
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
