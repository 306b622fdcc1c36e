//! Configurations with more in them than a plan has.

use std::{fmt::Write, net::Ipv4Addr};

use vpce_tests::{
    Plan,
    address::{BACKEND, ENDPOINT},
};

/// The plan's own configuration, with room for so many flow records.
pub fn with_max_flows(plan: &Plan, max_flows: u32) -> String {
    let text = plan.toml();
    let line = text.lines().find(|line| line.starts_with("max_flows")).expect("a line of max_flows").to_owned();
    text.replacen(&line, &format!("max_flows = {max_flows}"), 1)
}

/// The address of the n-th endpoint after the plan's own.
pub fn address(n: u32) -> Ipv4Addr {
    (u32::from(ENDPOINT) + n).into()
}

/// A further service of the first tenant's backend, of so many ports.
pub fn service(name: &str, ports: u16) -> String {
    let ports =
        (1..=ports).fold(String::new(), |ports, port| ports + &format!("{{ client = {port}, server = {port} }}, "));
    format!(
        r#"
[[service]]
name = "{name}"
vpc = "provider-1"
backend = {{ address = "{BACKEND}" }}
ports = [{ports}]
permissions = ["*"]
"#
    )
}

/// A further endpoint of the first tenant.
pub fn endpoint(name: &str, service: &str, address: Ipv4Addr, limit: u32) -> String {
    let mut text = String::new();
    let written = write!(
        text,
        r#"
[[endpoint]]
name = "{name}"
service = "{service}"
vpc = "consumer-1"
subnet = "default"
address = "{address}"
max_connections = {limit}
"#
    );
    written.expect("a String takes all");
    text
}
