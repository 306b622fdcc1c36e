//! The operator's labels of a service or endpoint (guide §2.2.2).

use std::collections::BTreeMap;

use super::{
    Cause,
    report::Read,
    rule,
    table::Table,
    value::{Value, each},
};

const MAX_TAGS: usize = 10;

pub(super) fn read(table: Table<'_>) -> Read<BTreeMap<String, String>> {
    table.or("tags", BTreeMap::new(), |tags| each(tags.entries(MAX_TAGS)?, tag))
}

fn tag(value: Value<'_>) -> Read<(String, String)> {
    let key = if rule::TAG_KEY.admits(value.key) {
        Ok(value.key)
    } else {
        value.fail(Cause::NotAllowed { key: "tag".to_owned(), value: value.key.to_owned(), rule: rule::TAG_KEY.says })
    };
    let text = value.text_by(rule::TAG_VALUE);
    Ok((key?.to_owned(), text?.to_owned()))
}
