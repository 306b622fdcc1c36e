//! A gateway of ten thousand endpoints.

use std::{fmt::Write, fs, net::Ipv4Addr};

use vpce_tests::{Rig, address, output};

/// Endpoints that are there all the time.
pub const ENDPOINTS: u32 = 10_000;
/// Services that they are of.
pub const SERVICES: u32 = 1_000;
/// Those that come later are numbered from here.
pub const GUEST: u32 = ENDPOINTS;
/// How many endpoints of each /16 there may be.
const HOSTS: u32 = 250;

/// A rig whose backend has the address of every service; no agent runs yet.
#[must_use]
pub fn build() -> Rig {
    let rig = Rig::pair().config(&config(&[])).build();
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
    let mut text = format!(
        r#"[gateway]
region = "region-1"
mode = "xdp"
transit = "{}"
max_flows = 1048576
"#,
        address::TRANSIT
    );
    for (name, interface) in [("consumer", "vpce-c1"), ("provider", "vpce-p1")] {
        let written = write!(
            text,
            r#"
[[vpc]]
name = "{name}"
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
ports = [{{ client = 80, server = 8080, protocol = "tcp" }}]
"#,
            backend(n)
        );
        written.expect("a String takes all");
    }
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
max_connections = 50
"#,
            n % SERVICES,
            endpoint(n)
        );
        written.expect("a String takes all");
    }
    text
}
