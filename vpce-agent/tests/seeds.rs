//! What holds of any configuration holds of the files that the fuzzer begins with.

#[path = "../../tests/fuzz/checks/config.rs"]
mod config;

use std::fs;

#[test]
fn what_the_fuzzer_begins_with_is_told_well_or_works() {
    let seeds = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/corpus/config")).expect("seeds");
    let seeds: Vec<_> = seeds.map(|seed| fs::read(seed.expect("a file").path()).expect("a seed")).collect();
    assert!(!seeds.is_empty(), "no seeds");
    for seed in &seeds {
        config::check(seed);
    }
}
