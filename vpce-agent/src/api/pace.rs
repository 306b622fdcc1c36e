//! How many requests a key or token may make in a second.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Keys that are at rest are forgotten beyond this number.
const KEPT: usize = 4096;
const SECOND: Duration = Duration::from_secs(1);

/// When each key will have had its share (the generic cell rate algorithm).
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    even_at: HashMap<String, Instant>,
}

impl Pace {
    pub(super) fn new(per_sec: u32) -> Self {
        Self { interval: SECOND / per_sec.max(1), even_at: HashMap::new() }
    }

    /// Whether this key may ask now; if so, that is counted.
    pub(super) fn admits(&mut self, key: &str, now: Instant) -> bool {
        if self.even_at.len() > KEPT {
            self.even_at.retain(|_, even_at| *even_at > now);
        }
        let even_at = self.even_at.get(key).copied().unwrap_or(now).max(now) + self.interval;
        let admits = even_at.duration_since(now) <= SECOND;
        if admits {
            self.even_at.insert(key.to_owned(), even_at);
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_requests_at_once_and_then_evenly_and_takes_none_of_another() {
        let (mut pace, now) = (Pace::new(10), Instant::now());
        let admitted = |pace: &mut Pace, key, now| (0..20).filter(|_| pace.admits(key, now)).count();
        assert_eq!(admitted(&mut pace, "a", now), 10);
        assert_eq!(admitted(&mut pace, "b", now), 10);
        assert_eq!(admitted(&mut pace, "a", now + Duration::from_millis(350)), 3);
        assert_eq!(admitted(&mut pace, "a", now + Duration::from_secs(9)), 10);
    }
}
