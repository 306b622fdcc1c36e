//! The packet path against the model of its rules: the same verdicts, bytes, flows and counts.
//!
//! A difference ends as the few frames that matter; such cases are kept in `tests/corpus`.
//! `VPCE_LONG=1` runs longer; `VPCE_SEED` and `VPCE_FRAMES` choose what is run.

mod bytes;
mod corpus;
mod frames;
mod gateway;
mod grammar;
mod host;
mod kernel;
mod random;
mod talk;
mod world;

use std::{env, fs};

use gateway::{Counted, Gateway, compare, shrink};
use grammar::Grammar;
use host::Host;
use kernel::Kernel;
use vpce_common::reason::{DropReason, REASONS};
use vpce_tests::{Hook, Rig, object::Object};
use world::Step;

/// Steps after which all is made anew.
const ROUND: usize = 1500;
/// Steps after which flows and counts are looked at.
const LOOK: usize = 250;

fn number(name: &str, or: u64) -> u64 {
    env::var(name).map_or(or, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Holds a gateway against the model for so many frames, or more with `VPCE_LONG`.
fn differ(gateway: &mut impl Gateway, frames: u64) {
    let seed = number("VPCE_SEED", 1);
    let long = env::var_os("VPCE_LONG").map_or(1, |_| 100);
    let rounds = number("VPCE_FRAMES", frames * long).div_ceil(ROUND as u64);
    let mut totals = vec![0; 5 + REASONS];
    for round in 0..rounds {
        for (sum, count) in totals.iter_mut().zip(differ_once(gateway, seed, round)) {
            *sum += count;
        }
    }
    let names = ["packets in", "passed", "forwarded", "replied", "answered"];
    let names = names.into_iter().chain(DropReason::ALL.iter().map(|reason| reason.name()));
    let ends: Vec<_> = names.zip(totals.iter().copied()).collect();
    println!("{ends:?}");
    println!("row 5: {} frames, 0 differences from the model", totals[0]);
    // What only a race or a torn configuration makes.
    let rare = [DropReason::Contended, DropReason::Internal].map(DropReason::name);
    let missed: Vec<_> = ends.iter().filter(|(name, count)| *count == 0 && !rare.contains(name)).collect();
    assert!(missed.is_empty(), "no frame reaches {missed:?}");
}

/// One round; equal seeds are equal frames.
fn differ_once(gateway: &mut impl Gateway, seed: u64, round: u64) -> Vec<u64> {
    let mut grammar = Grammar::new(seed << 32 | round, gateway.interfaces());
    let mut counted = Counted::new(gateway.interfaces());
    let mut steps: Vec<Step> = Vec::with_capacity(ROUND);
    gateway.renew();
    while steps.len() < ROUND {
        let step = grammar.step(&counted.model);
        let done = compare(gateway, &mut counted, &step, steps.len() % LOOK == LOOK - 1);
        steps.push(step);
        if let Err(difference) = done {
            let (steps, difference) = shrink(gateway, steps, difference);
            panic!("seed {seed}, round {round}: {difference}\n{}", corpus::write(&steps, gateway.interfaces()));
        }
    }
    counted.totals
}

#[test]
fn the_path_on_the_host_does_what_the_rules_say() {
    differ(&mut Host::new(), 150_000);
}

fn loaded_program_differs(hook: Hook) {
    let rig = Rig::same_cidr().start();
    let object = Object::apart(&rig, hook);
    rig.gateway().run(|| differ(&mut Kernel::new(&object, &rig), 1_000_000));
}

#[test]
fn the_loaded_program_does_what_the_rules_say() {
    loaded_program_differs(Hook::Xdp);
}

#[test]
fn the_loaded_program_for_tc_does_what_the_rules_say() {
    loaded_program_differs(Hook::Tc);
}

#[test]
fn differences_found_before_stay_away_on_the_host() {
    corpus::replay(&mut Host::new());
}

#[test]
fn differences_found_before_stay_away_in_the_kernel() {
    for hook in [Hook::Xdp, Hook::Tc] {
        let rig = Rig::same_cidr().start();
        let object = Object::apart(&rig, hook);
        rig.gateway().run(|| corpus::replay(&mut Kernel::new(&object, &rig)));
    }
}

#[test]
fn what_the_fuzzer_begins_with_ends_on_the_host_as_the_rules_say() {
    let seeds = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/path")).expect("seeds");
    let seeds: Vec<_> = seeds.map(|seed| fs::read(seed.expect("a file").path()).expect("a seed")).collect();
    assert!(!seeds.is_empty(), "no seeds");
    for seed in &seeds {
        bytes::check(seed);
    }
}
