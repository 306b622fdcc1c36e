//! Tables of a TOML document, and the keys that they may have.

use toml::{Spanned, de::DeTable};

use super::{
    Cause,
    report::{Read, Report, Scope},
    value::Value,
};

/// The keys of one kind of table, each with an example for messages.
pub(super) type Keys = &'static [(&'static str, &'static str)];

/// A table of the document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'d> {
    entries: &'d DeTable<'d>,
    offset: usize,
    keys: Keys,
    scope: Scope<'d>,
}

impl<'d> Table<'d> {
    /// The whole document.
    pub(super) fn root(document: &'d Spanned<DeTable<'d>>, keys: Keys, report: &'d Report<'d>) -> Self {
        Self::open(document.get_ref(), 0, keys, Scope::file(report))
    }

    /// A table at a byte of the text. Reports at once every key that it may not have.
    pub(super) fn open(entries: &'d DeTable<'d>, offset: usize, keys: Keys, scope: Scope<'d>) -> Self {
        for key in entries.keys() {
            let (offset, key) = (key.span().start, key.get_ref());
            if keys.iter().all(|(known, _)| known != key) {
                let known = keys.iter().map(|(known, _)| *known).collect();
                scope.add(offset, Cause::UnknownKey { key: key.to_string(), known });
            }
        }
        Self { entries, offset, keys, scope }
    }

    /// A value that may be left out.
    pub(super) fn optional<T>(self, key: &'static str, read: impl FnOnce(Value<'d>) -> Read<T>) -> Read<Option<T>> {
        let (example, scope) = (self.example(key), self.scope);
        let value = self.entries.get(key).map(|node| Value { key, example, node, scope });
        value.map(read).transpose()
    }

    /// A value that has a default.
    pub(super) fn or<T>(self, key: &'static str, default: T, read: impl FnOnce(Value<'d>) -> Read<T>) -> Read<T> {
        Ok(self.optional(key, read)?.unwrap_or(default))
    }

    /// A value that must be there.
    pub(super) fn required<T>(self, key: &'static str, read: impl FnOnce(Value<'d>) -> Read<T>) -> Read<T> {
        self.required_if(Ok(()), key, read)
    }

    /// A value that must be there, unless what decides that couldn't be read.
    pub(super) fn required_if<T>(
        self,
        needed: Read<()>,
        key: &'static str,
        read: impl FnOnce(Value<'d>) -> Read<T>,
    ) -> Read<T> {
        if let Some(value) = self.optional(key, read)? {
            return Ok(value);
        }
        needed?;
        self.fail(Cause::Missing { key, example: self.example(key) })
    }

    /// A key that has no meaning in `what` this table is.
    pub(super) fn refuse(self, key: &'static str, what: &'static str, instead: &'static str) -> Read<()> {
        let refused = |value: Value<'d>| value.fail(Cause::NotFor { key, what, instead });
        self.optional(key, refused).map(|_: Option<()>| ())
    }

    /// All sections of one kind, `[[key]]`.
    pub(super) fn sections(self, key: &'static str) -> Read<Vec<Value<'d>>> {
        self.or(key, Vec::new(), |value| value.items(0..=usize::MAX))
    }

    /// Reports what is wrong with the table as a whole.
    pub(super) fn fail<T>(self, cause: Cause) -> Read<T> {
        Err(self.scope.add(self.offset, cause))
    }

    fn example(self, key: &'static str) -> &'static str {
        let known = self.keys.iter().find(|(known, _)| *known == key);
        debug_assert!(known.is_some(), "{key} is read, but not in the table's list of keys");
        known.map_or(key, |(_, example)| example)
    }
}
