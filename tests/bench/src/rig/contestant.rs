//! Who carries the packets: a client, a gateway and a backend of each kind, on veth pairs alike.
//!
//! ```text
//!   client eth0 --- vpce-c1 [ gateway ] vpce-p1 --- eth0 backend
//! ```

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::Path,
    thread,
    time::Duration,
};

use tempfile::TempDir;
use vpce_tests::{Namespace, Process, Rig, address, output};

use super::{cubic::Cubic, offload::Offloads};

/// The machines' interfaces.
const MACHINE: &str = "eth0";
/// The gateway's interfaces, the client's first.
const GATEWAY: [&str; 2] = ["vpce-c1", "vpce-p1"];
/// Client addresses, so many that no connection repeats one that was just closed.
pub const CLIENTS: u8 = 8;
/// How far a server's port is from the one that clients dial.
const SERVER: u16 = 1000;

/// The ports that clients dial.
pub mod port {
    /// TCP, for connections.
    pub const CONNECT: u16 = 7001;
    /// TCP, for one stream.
    pub const STREAM: u16 = 7002;
    /// UDP, for the flood.
    pub const FLOOD: u16 = 7003;
    /// UDP, for round trips.
    pub const TRIP: u16 = 7004;
    /// All, with their protocols.
    pub const ALL: [(&str, u16); 4] = [("tcp", CONNECT), ("tcp", STREAM), ("udp", FLOOD), ("udp", TRIP)];
}

/// What stands between client and backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// This gateway, on the hook that `mode` of its configuration names.
    Ours {
        /// `xdp` or `tc`.
        mode: &'static str,
    },
    /// The kernel's address translation, both ways.
    Nftables,
    /// The kernel's forwarding, nothing translated.
    Routing,
    /// A proxy in user space; TCP alone.
    Haproxy,
}

/// A client and a backend, and what carries packets between them.
pub struct Contestant {
    /// What that is.
    pub kind: Kind,
    /// Where clients run.
    pub client: Namespace,
    /// Where servers run.
    pub backend: Namespace,
    /// Where packets are carried.
    pub gateway: Namespace,
    /// What clients dial.
    target: Ipv4Addr,
    /// The first of the clients' [`CLIENTS`] addresses.
    first_client: Ipv4Addr,
    /// How far the dialled port is from the server's.
    offset: u16,
    _rig: Option<Rig>,
    _proxy: Option<(Process, TempDir)>,
}

impl Kind {
    /// As the table calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours { mode: "tc" } => "vpce, TC",
            Self::Ours { .. } => "vpce, XDP",
            Self::Nftables => "nftables",
            Self::Routing => "routing",
            Self::Haproxy => "HAProxy",
        }
    }

    /// Whether datagrams pass.
    #[must_use]
    pub fn carries_udp(self) -> bool {
        self != Self::Haproxy
    }
}

impl Contestant {
    /// Builds one, its interfaces' offloads set.
    #[must_use]
    pub fn build(kind: Kind, offloads: Offloads) -> Self {
        let contestant = match kind {
            Kind::Ours { mode } => Self::ours(mode),
            _ => Self::baseline(kind),
        };
        offloads.set(&contestant.client, &[MACHINE], true);
        offloads.set(&contestant.backend, &[MACHINE], true);
        offloads.set(&contestant.gateway, &GATEWAY, false);
        for machine in [&contestant.client, &contestant.backend, &contestant.gateway] {
            machine.sysctl("net/ipv4/ip_local_port_range", "1024 65535");
            Cubic::choose(machine);
        }
        drop_flood(&contestant.backend);
        for address in contestant.clients().skip(1) {
            contestant.client.ip(&format!("address add {address}/24 dev {MACHINE}"));
        }
        contestant
    }

    /// What clients dial for this port.
    #[must_use]
    pub fn dialled(&self, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(self.target, port + SERVER - self.offset)
    }

    /// Where the server of this port listens.
    #[must_use]
    pub fn served(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port + SERVER)
    }

    /// The clients' addresses.
    pub fn clients(&self) -> impl Iterator<Item = Ipv4Addr> + Clone {
        let first = u32::from(self.first_client);
        (0..u32::from(CLIENTS)).map(move |n| Ipv4Addr::from(first + n))
    }

    /// The Ethernet addresses of the client and, on its link, of the gateway.
    #[must_use]
    pub fn macs(&self) -> [[u8; 6]; 2] {
        [mac(&self.client, MACHINE), mac(&self.gateway, GATEWAY[0])]
    }

    fn ours(mode: &str) -> Self {
        let mut rig = Rig::pair().config(&configuration(mode)).build();
        rig.without_outside_view();
        rig.agent().start();
        Self {
            kind: Kind::Ours { mode: if mode == "tc" { "tc" } else { "xdp" } },
            client: rig.client(1).clone(),
            backend: rig.backend(1).clone(),
            gateway: rig.gateway().clone(),
            target: address::ENDPOINT,
            first_client: address::CLIENT,
            offset: SERVER,
            _rig: Some(rig),
            _proxy: None,
        }
    }

    fn baseline(kind: Kind) -> Self {
        let name = |part: &str| format!("vpce-bench-{}-{}-{part}", std::process::id(), kind.name().to_lowercase());
        let [client, gateway, backend] = ["c", "gw", "b"].map(|part| Namespace::make(name(part)));
        for (machine, interface, network) in [(&client, GATEWAY[0], "10.1.0"), (&backend, GATEWAY[1], "10.2.0")] {
            gateway.ip(&format!("link add {interface} type veth peer {MACHINE} netns {}", machine.name()));
            gateway.ip(&format!("link set {interface} up"));
            gateway.ip(&format!("address add {network}.254/24 dev {interface}"));
            machine.ip(&format!("link set {MACHINE} up"));
            machine.ip(&format!("address add {network}.5/24 dev {MACHINE}"));
            machine.ip(&format!("route add default via {network}.254"));
        }
        gateway.sysctl("net/ipv4/ip_forward", "1");
        let (mut target, mut offset, mut proxy) = (Ipv4Addr::new(10, 1, 0, 254), SERVER, None);
        match kind {
            Kind::Nftables => translate(&gateway),
            Kind::Haproxy => proxy = Some(start_proxy(&gateway)),
            _ => (target, offset) = (Ipv4Addr::new(10, 2, 0, 5), 0),
        }
        let first_client = Ipv4Addr::new(10, 1, 0, 5);
        Self { kind, client, backend, gateway, target, first_client, offset, _rig: None, _proxy: proxy }
    }
}

/// One endpoint that holds what a row opens. What RST closed is kept as long as conntrack keeps it.
fn configuration(mode: &str) -> String {
    let ports: Vec<_> = port::ALL
        .iter()
        .map(|(protocol, port)| format!("{{ client = {port}, server = {}, protocol = \"{protocol}\" }}", port + SERVER))
        .collect();
    format!(
        r#"[gateway]
region = "region-1"
transit = "{transit}"
mode = "{mode}"
max_flows = 262144
timers = {{ closing_secs = 10 }}

[[vpc]]
name = "consumer"
attach = {{ interface = "{client}" }}
address = "{gateway}/24"
subnets = [{{ name = "default", cidr = "10.0.0.0/24" }}]

[[vpc]]
name = "provider"
attach = {{ interface = "{provider}" }}
address = "{gateway}/24"
subnets = [{{ name = "default", cidr = "10.0.0.0/24" }}]

[[service]]
name = "web"
vpc = "provider"
type = "interface"
backend = {{ kind = "vm", address = "{backend}" }}
ports = [{ports}]

[[endpoint]]
name = "web"
service = "web"
vpc = "consumer"
subnet = "default"
address = "{endpoint}"
max_connections = 200000
"#,
        transit = address::TRANSIT,
        client = GATEWAY[0],
        provider = GATEWAY[1],
        gateway = address::GATEWAY,
        backend = address::BACKEND,
        endpoint = address::ENDPOINT,
        ports = ports.join(", "),
    )
}

/// Full translation in as many source addresses as the transit addresses of our endpoint are.
fn translate(gateway: &Namespace) {
    let to_backend: Vec<_> = port::ALL
        .iter()
        .map(|(protocol, port)| {
            format!("ip daddr 10.1.0.254 {protocol} dport {port} dnat to 10.2.0.5:{}\n", port + SERVER)
        })
        .collect();
    let rules = format!(
        "table ip bench {{
            chain dial {{ type nat hook prerouting priority dstnat;
                {} }}
            chain leave {{ type nat hook postrouting priority srcnat;
                oifname \"{}\" snat to 198.19.128.1-198.19.128.16; }}
        }}",
        to_backend.concat(),
        GATEWAY[1]
    );
    output(gateway.command("nft").arg(rules));
}

/// What is counted at the interface needs no server: it is dropped before the backend's stack sees it.
fn drop_flood(backend: &Namespace) {
    let rules = format!(
        "table netdev bench {{ chain flood {{ type filter hook ingress device {MACHINE} priority 0;
            udp dport {} drop; }}; }}",
        port::FLOOD + SERVER
    );
    output(backend.command("nft").arg(rules));
}

/// A proxy that resets what its client reset, so that no connection waits for the end of its time.
fn start_proxy(gateway: &Namespace) -> (Process, TempDir) {
    let home = tempfile::Builder::new().prefix("vpce-bench-").tempdir().expect("a temporary directory");
    let mut parts = vec![String::from(
        "global\n  maxconn 2000\ndefaults\n  mode tcp\n  option nolinger\n  timeout connect 5s\n  \
         timeout client 60s\n  timeout server 60s\n",
    )];
    for (_, port) in port::ALL.iter().filter(|(protocol, _)| *protocol == "tcp") {
        let server = port + SERVER;
        parts.push(format!("listen p{port}\n  bind 10.1.0.254:{port}\n  server backend 10.2.0.5:{server}\n"));
    }
    let config = home.path().join("haproxy.cfg");
    fs::write(&config, parts.concat()).expect("the proxy's configuration");
    let mut command = gateway.command("haproxy");
    let mut process = Process::spawn(command.arg("-f").arg(&config).arg("-db"), &log_of(home.path()));
    thread::sleep(Duration::from_millis(300));
    assert!(process.ended().is_none(), "HAProxy ended:\n{}", process.log());
    (process, home)
}

fn log_of(home: &Path) -> std::path::PathBuf {
    home.join("haproxy.log")
}

/// The Ethernet address of an interface.
fn mac(machine: &Namespace, interface: &str) -> [u8; 6] {
    let told = machine.ip(&format!("-o link show dev {interface}"));
    let text = told.split("link/ether ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an Ethernet address");
    let bytes: Vec<u8> = text.split(':').map(|byte| u8::from_str_radix(byte, 16).expect("hex")).collect();
    bytes.try_into().expect("six bytes")
}
