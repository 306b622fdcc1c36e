//! Where what is asked for, what is desired and what the kernel holds are not one.

use std::{collections::BTreeMap, fmt::Debug};

use serde::{Deserialize, Serialize};

/// Who wants it otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Between {
    /// The configuration file as it is now, and what the gateway took of it.
    File,
    /// What tenants made, and what the gateway serves of it.
    Api,
    /// What the gateway serves, and the maps of the kernel.
    Kernel,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// It is wanted and is not there.
    Missing,
    /// It is another thing than wanted.
    Other,
    /// It is there and is not wanted.
    Stray,
}

/// One thing that is not as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Who wants it otherwise.
    pub between: Between,
    /// `section`, `vpc`, `service`, `endpoint`, a map; `file` where that can't be read.
    pub kind: String,
    /// Its name, id or key; of a file its errors.
    pub name: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// The differences of what is there from what is wanted, by key.
#[must_use]
pub fn compare<K: Ord + Debug, V: PartialEq>(
    between: Between,
    kind: &str,
    wanted: &BTreeMap<K, V>,
    there: &BTreeMap<K, V>,
) -> Vec<Difference> {
    let faults = wanted.iter().filter_map(|(key, value)| match there.get(key) {
        None => Some((key, Fault::Missing)),
        Some(is) => (is != value).then_some((key, Fault::Other)),
    });
    let strays = there.keys().filter(|key| !wanted.contains_key(key)).map(|key| (key, Fault::Stray));
    let told = |(key, fault): (&K, Fault)| {
        // The quotes of a text are not its own.
        let name = format!("{key:?}").trim_matches('"').to_owned();
        Difference { between, kind: kind.to_owned(), name, fault }
    };
    faults.chain(strays).map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_other_or_stray_is_told_and_nothing_else() {
        let wanted = BTreeMap::from([("a", 1), ("b", 2), ("c", 3)]);
        let there = BTreeMap::from([("b", 2), ("c", 4), ("d", 5)]);
        let told = compare(Between::Kernel, "ADDRESSES", &wanted, &there);
        let told: Vec<_> = told.iter().map(|told| (&*told.name, told.fault)).collect();
        assert_eq!(told, [("a", Fault::Missing), ("c", Fault::Other), ("d", Fault::Stray)]);
    }
}
