//! Entries that others refer to by name.

use std::collections::{BTreeMap, btree_map};

use super::{Cause, report::Read, rule::Rule, table::Table, value::Value};

/// Entries by name, as far as they could be read.
#[derive(Debug)]
pub(super) struct Named<'d, T> {
    entries: BTreeMap<&'d str, Entry<T>>,
    /// Err if there are entries whose name couldn't be read: an unknown name may be one of those.
    names: Read<()>,
}

#[derive(Debug)]
struct Entry<T> {
    line: usize,
    item: Read<T>,
}

impl<'d, T> Named<'d, T> {
    pub(super) fn new() -> Self {
        Self { entries: BTreeMap::new(), names: Ok(()) }
    }

    /// Reads a list of tables that have a `name`.
    pub(super) fn read(
        list: Read<Vec<Value<'d>>>,
        open: impl Fn(Value<'d>) -> Read<Table<'d>>,
        rule: Rule,
        mut item: impl FnMut(Table<'d>) -> Read<T>,
    ) -> Self {
        let mut named = Self::new();
        let list = list.unwrap_or_else(|reported| {
            named.names = Err(reported);
            Vec::new()
        });
        for entry in list {
            if let Err(reported) = open(entry).and_then(|table| named.read_entry(table, rule, &mut item)) {
                named.names = Err(reported);
            }
        }
        named
    }

    fn read_entry(&mut self, table: Table<'d>, rule: Rule, item: &mut impl FnMut(Table<'d>) -> Read<T>) -> Read<()> {
        let name = table.required("name", |value| {
            let name = value.text()?;
            // A name against the rule is still the one that references mean.
            let _: Read<_> = value.text_by(rule);
            Ok((value, name))
        });
        let item = item(table);
        let (value, name) = name?;
        self.insert(value, name, item);
        Ok(())
    }

    /// Adds an entry; of two of the same name neither can be referred to.
    pub(super) fn insert(&mut self, value: Value<'d>, name: &'d str, item: Read<T>) {
        match self.entries.entry(name) {
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(Entry { line: value.line(), item });
            }
            btree_map::Entry::Occupied(mut first) => {
                let first = first.get_mut();
                first.item = value.fail(Cause::Duplicate {
                    key: value.key.to_owned(),
                    value: format!("{name:?}"),
                    line: first.line,
                });
            }
        }
    }

    /// The entry that a value names.
    pub(super) fn find(&self, value: Value<'d>) -> Read<(&'d str, &T)> {
        let name = value.text()?;
        if let Some(entry) = self.entries.get(name) {
            return entry.item.as_ref().map(|item| (name, item)).map_err(|reported| *reported);
        }
        self.names?;
        value.fail(Cause::UnknownName {
            key: value.key.to_owned(),
            name: name.to_owned(),
            known: self.entries.keys().map(|&known| known.to_owned()).collect(),
        })
    }

    /// The entries that could be read.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'d str, &T)> {
        self.entries.iter().filter_map(|(name, entry)| Some((*name, entry.item.as_ref().ok()?)))
    }

    /// Err if there are entries that couldn't be read.
    pub(super) fn whole(&self) -> Read<()> {
        self.names?;
        self.entries.values().try_for_each(|entry| entry.item.as_ref().map(|_| ()).map_err(|reported| *reported))
    }

    /// The entries as the model has them.
    pub(super) fn build<U>(&self, build: impl Fn(&T) -> Read<U>) -> Read<BTreeMap<String, U>> {
        self.whole()?;
        self.iter().map(|(name, item)| Ok((name.to_owned(), build(item)?))).collect()
    }
}
