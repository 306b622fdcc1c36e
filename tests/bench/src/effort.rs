//! How much a run may cost.

/// How long to measure: a quick run is for a look, a full one for the record.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Under five minutes for all sections.
    pub quick: bool,
}

impl Effort {
    /// Rounds of each figure, besides one that warms up.
    #[must_use]
    pub fn rounds(self) -> usize {
        self.pick(5, 9)
    }

    /// The figure of a quick run, or that of a full one.
    #[must_use]
    pub fn pick<T>(self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}
