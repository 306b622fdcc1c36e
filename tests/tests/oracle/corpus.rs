//! Cases that once made a difference: files of one step in each line.
//!
//! A frame is the place of its interface and its bytes; `refuse N`, `generation N` and `reach N 0|1` change the
//! configuration; the rest of a line from `#` on tells the story.

use std::{fmt::Write, fs, path::Path};

use crate::{
    gateway::{Gateway, difference, hex},
    world::{Interfaces, Step},
};

/// The lines of these steps.
pub fn write(steps: &[Step], interfaces: Interfaces) -> String {
    steps.iter().fold(String::new(), |mut text, step| {
        let written = match step {
            Step::Frame(ifindex, frame) => {
                let place = interfaces.iter().position(|one| one == ifindex).expect("an interface");
                writeln!(text, "{place} {}", hex(frame))
            }
            Step::Refuse(how) => writeln!(text, "refuse {how}"),
            Step::Generation(endpoint) => writeln!(text, "generation {endpoint}"),
            Step::Reach(backend, found) => writeln!(text, "reach {backend} {}", u8::from(*found)),
        };
        written.expect("a String takes all");
        text
    })
}

fn read(text: &str, interfaces: Interfaces) -> Vec<Step> {
    let number = |word: &str| word.parse::<usize>().expect("a number");
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).expect("hex"), 16).expect("hex");
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|words| !words.is_empty());
    words
        .map(|words| match words[..] {
            ["refuse", how] => Step::Refuse(how.parse().expect("a number")),
            ["generation", endpoint] => Step::Generation(number(endpoint)),
            ["reach", backend, found] => Step::Reach(number(backend), number(found) == 1),
            [place, bytes] => Step::Frame(interfaces[number(place)], bytes.as_bytes().chunks(2).map(byte).collect()),
            _ => panic!("not a step: {words:?}"),
        })
        .collect()
}

/// Replays all cases.
pub fn replay(gateway: &mut impl Gateway) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> =
        fs::read_dir(corpus).expect("the corpus").map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no corpus");
    for file in files {
        let text = fs::read_to_string(&file).expect("a case");
        if let Some((line, told)) = difference(gateway, &read(&text, gateway.interfaces())) {
            panic!("{}, step {line}: {told}", file.display());
        }
    }
}
