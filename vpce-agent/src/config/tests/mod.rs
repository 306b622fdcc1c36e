//! Every test says what it changes in `VALID` and what is told. The whole answer is compared, so an
//! error that only follows from another fails the test.

mod api;
mod attachment;
mod document;
mod endpoint;
mod gateway;
mod properties;
mod routed;
mod service;
mod vpc;

use super::parse;
use crate::model::Desired;

const VALID: &str = r#"[gateway]
region = "region-1"

[[vpc]]
name = "red"
domain = "d-red"
attach = { interface = "vpce-r" }
address = "10.0.0.254/24"
subnets = [{ name = "default", cidr = "10.0.0.0/24" }]

[[vpc]]
name = "blue"
domain = "d-blue"
attach = [{ interface = "tap0" }, { interface = "tap1" }]
address = "10.0.0.254/24"
subnets = [{ name = "default", cidr = "10.0.0.0/24" }, { name = "more", cidr = "10.0.1.0/24" }]
next_hop = "10.0.0.1"

[[service]]
name = "web"
vpc = "blue"
backend = { kind = "lb", address = "10.0.0.5" }
ports = [{ client = 80, server = 8080 }]
permissions = ["iam:domain::d-red"]
tags = { env = "demo" }

[[endpoint]]
name = "web"
service = "web"
vpc = "red"
subnet = "default"
address = "10.0.0.100"
"#;

/// `VALID` with lines replaced by others, at their numbers.
fn with(lines: &[(usize, &str)]) -> String {
    let mut text: Vec<&str> = VALID.lines().collect();
    for (number, line) in lines {
        text[number - 1] = line;
    }
    text.join("\n") + "\n"
}

/// `VALID` with something behind it, from line 33 on.
fn followed_by(more: &str) -> String {
    format!("{VALID}{more}")
}

#[track_caller]
fn assert_told(text: &str, expected: &[&str]) {
    let told = parse(text).expect_err("the file has errors").to_string();
    assert_eq!(told.lines().collect::<Vec<_>>(), expected, "\n{told}");
}

#[track_caller]
fn accepted(text: &str) -> Desired {
    parse(text).unwrap_or_else(|errors| panic!("refused:\n{errors}"))
}
