//! A gateway of ten thousand endpoints.

use std::{fmt::Write, fs, net::Ipv4Addr};

use vpce_tests::{Rig, address, output, port};

/// Endpoints that are there all the time.
pub const ENDPOINTS: u32 = 10_000;
/// Services that they are of.
pub const SERVICES: u32 = 1_000;
/// Open connections that each has room for: all of them have room in the default `max_flows`.
const CONNECTIONS: u32 = 50;
/// Those that come later are numbered from here.
pub const GUEST: u32 = ENDPOINTS;
/// The tenant of the clients.
pub const DOMAIN: &str = "bench";
/// What the services publish where they are for the API.
pub const PORTS: (u16, u16) = (7003, 8003);
/// How many endpoints of each /24 there may be.
const HOSTS: u32 = 250;

/// A rig whose backend has the address of every service; no agent runs yet.
#[must_use]
pub fn build(config: &str) -> Rig {
    let rig = Rig::pair().config(config).build();
    rig.without_outside_view();
    let batch = rig.home().join("addresses");
    let lines: Vec<_> = (0..SERVICES).map(|n| format!("address add {}/16 dev eth0\n", backend(n))).collect();
    fs::write(&batch, lines.concat()).expect("a list of addresses");
    output(rig.backend(1).command("ip").arg("-batch").arg(&batch));
    rig
}

/// The address of endpoint `n`; that of the first is [`address::ENDPOINT`].
#[must_use]
pub fn endpoint(n: u32) -> Ipv4Addr {
    if n == 0 { address::ENDPOINT } else { host(1, n) }
}

/// The address of the backend of endpoint `n`.
#[must_use]
pub fn backend_of(n: u32) -> Ipv4Addr {
    backend(n % SERVICES)
}

fn backend(service: u32) -> Ipv4Addr {
    host(100, service)
}

/// The n-th host of the /16, from this /24 on.
fn host(net: u32, n: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 1)) + ((net + n / HOSTS) << 8) + n % HOSTS)
}

/// The configuration of these endpoints.
#[must_use]
pub fn config(endpoints: &[u32]) -> String {
    let mut text =
        services(&format!("{{ client = {}, server = {}, protocol = \"tcp\" }}", port::WEB, port::WEB_SERVER));
    for &n in endpoints {
        let written = write!(
            text,
            r#"
[[endpoint]]
name = "endpoint-{n}"
service = "service-{}"
vpc = "consumer"
subnet = "default"
address = "{}"
max_connections = {CONNECTIONS}
"#,
            n % SERVICES,
            endpoint(n)
        );
        written.expect("a String takes all");
    }
    text
}

/// The configuration for endpoints that the API makes, and no limit that would be in a client's way.
#[must_use]
pub fn config_for_api() -> String {
    let (client, server) = PORTS;
    let services = services(&format!("{{ client = {client}, server = {server}, protocol = \"udp\" }}"));
    format!("{services}\n[api]\nrequests_per_sec = 1000000\nbasic_connections = {CONNECTIONS}\n")
}

/// The networks and the services, with this port mapping.
fn services(port: &str) -> String {
    let mut text = format!(
        r#"[gateway]
region = "region-1"
mode = "xdp"
transit = "{}"
max_flows = 1048576
"#,
        address::TRANSIT
    );
    let domain = format!("domain = \"{DOMAIN}\"");
    for (name, interface, domain) in [("consumer", "vpce-c1", domain.as_str()), ("provider", "vpce-p1", "")] {
        let written = write!(
            text,
            r#"
[[vpc]]
name = "{name}"
{domain}
attach = {{ interface = "{interface}" }}
address = "{}/16"
subnets = [{{ name = "default", cidr = "10.0.0.0/16" }}]
"#,
            address::GATEWAY
        );
        written.expect("a String takes all");
    }
    for n in 0..SERVICES {
        let written = write!(
            text,
            r#"
[[service]]
name = "service-{n}"
vpc = "provider"
type = "interface"
backend = {{ kind = "vm", address = "{}" }}
ports = [{port}]
permissions = ["*"]
"#,
            backend(n)
        );
        written.expect("a String takes all");
    }
    text
}
