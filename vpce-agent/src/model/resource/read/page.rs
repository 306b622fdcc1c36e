//! Order and page of lists.

use crate::model::resource::{Refusal, request::Query};

const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 1000;
/// What fits a signed 32-bit number, as clients have.
const MAX_OFFSET: usize = (1 << 31) - 1;

/// Which part of a list is asked for, in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    by_update: bool,
    ascending: bool,
    limit: usize,
    offset: usize,
}

impl Page {
    pub(super) fn new(query: &Query) -> Result<Self, Refusal> {
        Ok(Self {
            by_update: match given(query.sort_key.as_ref()) {
                None | Some("create_at" | "created_at") => false,
                Some("update_at" | "updated_at") => true,
                Some(value) => return Err(Refusal::SortKey { value: value.to_owned() }),
            },
            ascending: match given(query.sort_dir.as_ref()) {
                None | Some("desc") => false,
                Some("asc") => true,
                Some(value) => return Err(Refusal::SortDir { value: value.to_owned() }),
            },
            limit: number(query.limit.as_ref(), MAX_LIMIT, |value| Refusal::Limit { value })?.unwrap_or(DEFAULT_LIMIT),
            offset: offset(query.offset.as_ref())?,
        })
    }

    /// A page in the order of the ids.
    pub(super) fn by_id(limit: Option<&String>, offset_of: Option<&String>) -> Result<Self, Refusal> {
        let limit = number(limit, MAX_LIMIT, |value| Refusal::Limit { value })?;
        if limit == Some(0) {
            return Err(Refusal::Limit { value: "0".to_owned() });
        }
        let (limit, offset) = (limit.unwrap_or(MAX_LIMIT), offset(offset_of)?);
        Ok(Self { by_update: false, ascending: true, limit, offset })
    }

    /// Whether it is of a list in the order in which its items were made.
    pub(super) const fn is_by_creation(self) -> bool {
        !self.by_update
    }

    /// The page of what is in several lists, each in that order from the first on. Takes of each no more than
    /// there can be up to the end of the page.
    pub(super) fn cut_of<I: Copy + Ord, L: DoubleEndedIterator<Item = (u64, I)>>(
        self,
        lists: impl Iterator<Item = L>,
    ) -> Vec<I> {
        let enough = self.offset + self.limit;
        let mut items = Vec::new();
        for list in lists {
            if self.ascending {
                items.extend(list.take(enough));
            } else {
                items.extend(list.rev().take(enough));
            }
        }
        self.cut(items, |_| 0).0
    }

    /// The page, and how many there are.
    ///
    /// Takes when each was made, in the order of that; `updated` says when one was changed last.
    pub(super) fn cut<I: Copy + Ord>(self, mut items: Vec<(u64, I)>, updated: impl Fn(I) -> u64) -> (Vec<I>, usize) {
        if self.by_update {
            for (time, item) in &mut items {
                *time = updated(*item);
            }
        }
        // A stable sort finds runs that are in order already: mostly there is nothing to do.
        items.sort();
        if !self.ascending {
            items.reverse();
        }
        let total = items.len();
        (items.into_iter().skip(self.offset).take(self.limit).map(|(_, item)| item).collect(), total)
    }
}

/// A field of a query; an empty one is as good as none.
pub(super) fn given(field: Option<&String>) -> Option<&str> {
    field.map(String::as_str).filter(|text| !text.is_empty())
}

/// Whether a text has a part, in letters of either case.
pub(super) fn has_part(text: &str, part: Option<&str>) -> bool {
    part.is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
}

fn offset(text: Option<&String>) -> Result<usize, Refusal> {
    Ok(number(text, MAX_OFFSET, |value| Refusal::Offset { value })?.unwrap_or(0))
}

fn number(text: Option<&String>, most: usize, refuse: impl Fn(String) -> Refusal) -> Result<Option<usize>, Refusal> {
    let Some(text) = given(text) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| *number <= most);
    number.map(Some).ok_or_else(|| refuse(text.to_owned()))
}
