//! Signatures that were seen, for as long as their date is let in.

use std::collections::{BTreeMap, HashMap};

use super::{Denied, Origin, SKEW_SECS};

/// Enough of a signature to tell it from all others.
type Mark = [u8; 16];

/// The signatures of the last half hour, as many as there is room for.
///
/// Where there is no room, the oldest dates are forgotten and no longer let in: under load a client's
/// clock must be nearer to ours.
#[derive(Debug)]
pub struct Replays {
    most: usize,
    count: usize,
    /// Dates up to this one are refused.
    forgotten: u64,
    seen: BTreeMap<u64, HashMap<Mark, Origin>>,
}

impl Replays {
    /// Room for so many signatures, at some 50 bytes each. What was signed before now may have been seen
    /// by an agent before this one, and is refused.
    #[must_use]
    pub const fn new(most: usize, now: u64) -> Self {
        Self { most, count: 0, forgotten: now.saturating_sub(1), seen: BTreeMap::new() }
    }

    /// Signatures that are remembered.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether none is remembered.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Notes a signature that was found right, with its date.
    ///
    /// A client that asks the same twice within a second signs the same twice, since dates have whole
    /// seconds. So what only `reads` may come again on the connection that it came on first, where
    /// nobody else can send.
    ///
    /// # Errors
    /// [`Denied::Replayed`], [`Denied::Forgotten`]
    pub(super) fn note(
        &mut self,
        signature: &str,
        signed_at: u64,
        (origin, reads): (Origin, bool),
        now: u64,
    ) -> Result<(), Denied> {
        self.forget_before(now.saturating_sub(SKEW_SECS));
        if signed_at <= self.forgotten {
            return Err(Denied::Forgotten);
        }
        let mut mark = Mark::default();
        // It was found right: 64 letters of hex.
        hex::decode_to_slice(&signature[..32], &mut mark).map_err(|_| Denied::Signature)?;
        let seen = self.seen.entry(signed_at).or_default();
        match seen.get(&mark) {
            Some(first) if reads && *first == origin => return Ok(()),
            Some(_) => return Err(Denied::Replayed),
            None => seen.insert(mark, origin),
        };
        self.count += 1;
        while self.count > self.most
            && let Some((date, seen)) = self.seen.pop_first()
        {
            self.count -= seen.len();
            self.forgotten = date;
        }
        Ok(())
    }

    /// Dates before this one are refused anyway.
    fn forget_before(&mut self, date: u64) {
        while let Some(first) = self.seen.first_entry().filter(|first| *first.key() < date) {
            self.count -= first.remove().len();
        }
    }
}
