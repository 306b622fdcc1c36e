//! What the dataplane said of services and endpoints. Not stored.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use uuid::Uuid;

/// Apart are those that it couldn't take: there are few, and they are tried again and again.
#[derive(Debug, Clone, Default)]
pub(super) struct Applied {
    taken: OrdSet<Uuid>,
    /// Why it couldn't take one.
    refused: OrdMap<Uuid, Arc<str>>,
}

impl Applied {
    pub(super) fn set(&mut self, id: Uuid, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => {
                self.refused.remove(&id);
                self.taken.insert(id);
            }
            Err(why) => {
                self.taken.remove(&id);
                self.refused.insert(id, why.into());
            }
        }
    }

    pub(super) fn forget(&mut self, id: Uuid) {
        self.taken.remove(&id);
        self.refused.remove(&id);
    }

    /// What it said of one, if it did.
    pub(super) fn of(&self, id: Uuid) -> Option<Result<(), &str>> {
        match self.refused.get(&id) {
            Some(why) => Some(Err(why)),
            None => self.taken.contains(&id).then_some(Ok(())),
        }
    }

    /// Why it couldn't take one.
    pub(super) fn error(&self, id: Uuid) -> Option<String> {
        self.refused.get(&id).map(|why| why.as_ref().to_owned())
    }

    /// What it couldn't take.
    pub(super) fn refused(&self) -> impl Iterator<Item = Uuid> {
        self.refused.keys().copied()
    }

    /// What it said of those that are known.
    pub(super) fn of_those(&self, known: impl Fn(Uuid) -> bool) -> Self {
        Self {
            taken: self.taken.iter().copied().filter(|id| known(*id)).collect(),
            refused: self.refused.iter().filter(|(id, _)| known(**id)).map(|(id, why)| (*id, why.clone())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_last_counts_and_what_was_refused_is_told_apart() {
        let [one, other] = [1, 2].map(Uuid::from_u128);
        let mut applied = Applied::default();
        let refused = |applied: &Applied| applied.refused().collect::<Vec<_>>();
        assert_eq!(applied.of(one), None);
        applied.set(one, Err("no room".to_owned()));
        applied.set(other, Ok(()));
        assert_eq!((applied.of(one), applied.of(other)), (Some(Err("no room")), Some(Ok(()))));
        assert_eq!(refused(&applied), [one]);
        applied.set(one, Ok(()));
        applied.set(other, Err("none either".to_owned()));
        assert_eq!((applied.of(one), refused(&applied)), (Some(Ok(())), vec![other]));
        assert!(refused(&applied.of_those(|id| id == one)).is_empty());
        applied.forget(other);
        assert_eq!((applied.of(other), applied.error(other)), (None, None));
    }
}
