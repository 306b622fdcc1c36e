//! What the programs take of the kernel. A process of its own: for moments it can open no file.

use vpce_tests::budget::Budget;

#[test]
fn the_programs_take_of_the_kernel_what_was_committed() {
    let now = Budget::measured();
    println!("{now:#?}");
    let differences = Budget::committed().differences(&now);
    let told: Vec<_> = differences.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "`cargo xtask bench --budget` writes vpce-ebpf/budget.toml anew: {told:#?}");
}
