//! The packet path against the model of its rules: the same verdicts, bytes, flows and counts.
//!
//! A difference ends as the few frames that matter; such cases are kept in `tests/corpus`.

mod corpus;
mod frames;
mod gateway;
mod grammar;
mod host;
mod world;

use gateway::{Gateway, compare, shrink};
use grammar::Grammar;
use host::Host;
use world::Step;

/// Frames after which all is made anew.
const ROUND: usize = 1500;

/// Holds a gateway against the model for so many frames. Equal seeds are equal frames.
fn differ(gateway: &mut impl Gateway, seed: u64, frames: usize) -> [u64; 6] {
    let mut ends = [0; 6];
    for round in 0..frames.div_ceil(ROUND) as u64 {
        let mut grammar = Grammar::new(seed << 32 | round, gateway.interfaces());
        let mut model = world::model(gateway.interfaces());
        let mut steps: Vec<Step> = Vec::new();
        gateway.renew();
        for place in 0..ROUND {
            steps.push(grammar.step(&model));
            let step = steps.last().expect("a step");
            if let Err(difference) =
                compare(gateway, &mut model, step, place % 64 == 63 || place == ROUND - 1, &mut ends)
            {
                let (steps, difference) = shrink(gateway, steps, difference);
                panic!("seed {seed}, round {round}: {difference}\n{}", corpus::write(&steps, gateway.interfaces()));
            }
        }
    }
    ends
}

#[test]
fn the_path_on_the_host_does_what_the_rules_say() {
    let number = |name: &str, or| std::env::var(name).map_or(or, |text| text.parse().expect("a number"));
    let ends = differ(&mut Host::new(), number("VPCE_SEED", 1) as u64, number("VPCE_FRAMES", 300_000));
    println!("ends (pass, forward, reply, answer, refuse, drop): {ends:?}");
    assert!(ends.iter().all(|count| *count > 100), "the frames hardly reach every end of the path: {ends:?}");
}

#[test]
fn differences_found_before_stay_away_on_the_host() {
    corpus::replay(&mut Host::new());
}
