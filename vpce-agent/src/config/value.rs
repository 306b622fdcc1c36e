//! Typed values of a TOML document, and what is told of those that aren't as they should be.

use std::{num::NonZeroU16, ops::RangeInclusive};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Cause,
    report::{Read, Scope},
    rule::Rule,
    table::{Keys, Table},
};
use crate::model::Port;

/// A value of the document, of whatever type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'d> {
    /// The key that it stands behind; an entry of a list has the list's.
    pub(super) key: &'d str,
    /// How it may be written, for messages.
    pub(super) example: &'static str,
    pub(super) node: &'d Spanned<DeValue<'d>>,
    pub(super) scope: Scope<'d>,
}

impl<'d> Value<'d> {
    pub(super) fn line(self) -> usize {
        self.scope.line(self.offset())
    }

    /// Reports what is wrong with the value.
    pub(super) fn fail<T>(self, cause: Cause) -> Read<T> {
        Err(self.scope.add(self.offset(), cause))
    }

    pub(super) fn text(self) -> Read<&'d str> {
        let text = self.node.get_ref().as_str();
        text.map_or_else(|| self.wrong_type("a string"), Ok)
    }

    /// A text that keeps a rule.
    pub(super) fn text_by(self, rule: Rule) -> Read<&'d str> {
        let text = self.text()?;
        if rule.admits(text) {
            return Ok(text);
        }
        let (key, value) = (self.key.to_owned(), text.to_owned());
        self.fail(Cause::NotAllowed { key, value, rule: rule.says })
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(self, words: &[(&'static str, T)]) -> Read<T> {
        let text = self.text()?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*meaning);
        }
        let allowed = words.iter().map(|(word, _)| *word).collect();
        self.fail(Cause::UnknownWord { key: self.key.to_owned(), word: text.to_owned(), allowed })
    }

    /// A switch that can't be on yet.
    pub(super) fn off(self) -> Read<()> {
        match self.node.get_ref().as_bool() {
            Some(false) => Ok(()),
            Some(true) => self.fail(Cause::Planned { what: format!("{} = true", self.key), instead: "leave it out" }),
            None => self.wrong_type("true or false"),
        }
    }

    pub(super) fn integer(self, allowed: RangeInclusive<u32>) -> Read<u32> {
        let (least, most) = (*allowed.start(), *allowed.end());
        self.number(least, most, |number| allowed.contains(&number).then_some(number))
    }

    /// An integer from 1 on, of whatever width.
    pub(super) fn number_to<T: TryFrom<u32>>(self, most: u32) -> Read<T> {
        self.number(1, most, |number| (1..=most).contains(&number).then(|| T::try_from(number).ok())?)
    }

    pub(super) fn port(self) -> Read<Port> {
        let port = |number| u16::try_from(number).ok().and_then(NonZeroU16::new).map(Port);
        self.number(1, u16::MAX.into(), port)
    }

    /// The entries of a list. One entry too many is reported, but all can be read.
    pub(super) fn items(self, count: RangeInclusive<usize>) -> Read<Vec<Value<'d>>> {
        let Some(array) = self.node.get_ref().as_array() else {
            return self.wrong_type("a list");
        };
        if array.len() < *count.start() {
            return self.fail(Cause::Empty { key: self.key.to_owned(), example: self.example });
        }
        self.check_count(array.len(), *count.end());
        Ok(array.iter().map(|node| Value { node, ..self }).collect())
    }

    /// The entries of a list; a single one may stand without its list.
    pub(super) fn one_or_more(self) -> Read<Vec<Value<'d>>> {
        if self.node.get_ref().is_table() { Ok(vec![self]) } else { self.items(1..=usize::MAX) }
    }

    /// The values of a table whose keys are the operator's.
    pub(super) fn entries(self, most: usize) -> Read<Vec<Value<'d>>> {
        let table = self.any_table()?;
        self.check_count(table.len(), most);
        Ok(table.iter().map(|(key, node)| Value { key: key.get_ref(), node, ..self }).collect())
    }

    /// A table within a section.
    pub(super) fn table(self, keys: Keys) -> Read<Table<'d>> {
        Ok(Table::open(self.any_table()?, self.offset(), keys, self.scope))
    }

    /// A section of its own.
    pub(super) fn section(self, header: &'static str, keys: Keys) -> Read<Table<'d>> {
        let name = self.node.get_ref().get("name").and_then(|name| name.get_ref().as_str());
        Value { scope: self.scope.section(header, name), ..self }.table(keys)
    }

    fn offset(self) -> usize {
        self.node.span().start
    }

    fn any_table(self) -> Read<&'d DeTable<'d>> {
        let table = self.node.get_ref().as_table();
        table.map_or_else(|| self.wrong_type("a table"), Ok)
    }

    fn number<T>(self, least: u32, most: u32, checked: impl FnOnce(u32) -> Option<T>) -> Read<T> {
        let Some(integer) = self.node.get_ref().as_integer() else {
            return self.wrong_type("an integer");
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix());
        if let Some(value) = number.ok().and_then(checked) {
            return Ok(value);
        }
        let (key, value) = (self.key.to_owned(), integer.to_string());
        self.fail(Cause::OutOfRange { key, value, least, most })
    }

    fn check_count(self, count: usize, most: usize) {
        if count > most {
            let _: Read<()> = self.fail(Cause::TooMany { key: self.key.to_owned(), count, most });
        }
    }

    fn wrong_type<T>(self, expected: &'static str) -> Read<T> {
        let (key, found) = (self.key.to_owned(), self.node.get_ref().type_str());
        self.fail(Cause::WrongType { key, expected, found, example: self.example })
    }
}

/// Reads every value, also behind one that is wrong.
pub(super) fn each<'d, T, C: FromIterator<T>>(
    values: Vec<Value<'d>>,
    read: impl FnMut(Value<'d>) -> Read<T>,
) -> Read<C> {
    let all: Vec<Read<T>> = values.into_iter().map(read).collect();
    all.into_iter().collect()
}
