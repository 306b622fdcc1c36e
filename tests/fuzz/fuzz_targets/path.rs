//! Frames, one after another, on the host-compiled path next to the model of its rules.

#![no_main]
#![allow(dead_code, reason = "the modules are those of the tests of the model")]

#[path = "../../tests/oracle/bytes.rs"]
mod bytes;
#[path = "../../tests/oracle/corpus.rs"]
mod corpus;
#[path = "../../tests/oracle/gateway.rs"]
mod gateway;
#[path = "../../tests/oracle/host.rs"]
mod host;
#[path = "../../tests/oracle/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bytes::check(bytes));
