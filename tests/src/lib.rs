//! The rig: namespaces, veth pairs, real servers and a real agent, for the
//! end-to-end tests and the demo.
//!
//! ```text
//!   client-1 10.0.0.5 --- vpce-c1 [ gateway  ] vpce-p1 --- backend-1 10.0.0.5
//!   client-2 10.0.0.5 --- vpce-c2 [ XDP + NAT ] vpce-p2 --- backend-2 10.0.0.5
//! ```
//!
//! One line sets it up, and dropping it takes everything away again, also when a
//! test fails; then it first prints what one would ask for:
//!
//! ```no_run
//! let rig = vpce_tests::Rig::same_cidr().start();
//! let _web = rig.web(1);
//! println!("{}", rig.client(1).get("http://10.0.0.100/").body);
//! ```
//!
//! A rig is a test's tool, so what fails in it panics with a message instead of
//! returning an error. It touches nothing that it did not make.

#![expect(clippy::missing_panics_doc, reason = "everything here panics when it fails, see above")]

mod account;
mod agent;
pub mod budget;
mod bulk;
mod crowd;
mod disk;
mod echo;
mod fabric;
pub mod frames;
mod hook;
pub mod interrupt;
mod link;
mod namespace;
pub mod object;
mod operator;
pub mod oracle;
mod place;
mod plan;
mod process;
mod report;
mod rig;
pub mod scorecard;
mod servers;
pub mod state;
pub mod story;
pub mod tcp;
mod view;
mod vlan;
mod wait;
mod wire;

pub use agent::{Agent, binary};
pub use bulk::Bulk;
pub use crowd::{Crowd, Talked};
pub use disk::{Disk, unmount};
pub use echo::Echo;
pub use hook::Hook;
pub use link::Link;
pub use namespace::{Namespace, Page};
pub use operator::Operator;
pub use place::Place;
pub use plan::Plan;
pub use process::{Finished, Process, finish, output};
pub use rig::{Footprint, Rig};
pub use servers::{Iperf, Names, Redis, Web, sha256};
pub use view::View;
pub use vlan::{Deaf, Tags};
pub use wait::{wait_for, wait_until};
pub use wire::Wire;

/// The addresses that every rig has, in every tenant alike.
pub mod address {
    use std::net::{Ipv4Addr, SocketAddrV4};

    /// The client, in the consumer's network.
    pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
    /// The backend, in the provider's network: the same on purpose.
    pub const BACKEND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
    /// The endpoint that the client dials.
    pub const ENDPOINT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);
    /// The gateway's own address in each network.
    pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
    /// A router next to the gateway, where a plan has one.
    pub const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
    /// A machine behind routers.
    pub const BEHIND: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 5);
    /// The gateway on the network that carries VXLAN.
    pub const UNDERLAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    /// The hypervisor there.
    pub const HYPERVISOR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
    /// The range of the sources that backends see.
    pub const TRANSIT: &str = "198.19.128.0/17";

    /// A port of the endpoint.
    #[must_use]
    pub fn endpoint(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(ENDPOINT, port)
    }

    /// Whether the address is one of [`TRANSIT`].
    #[must_use]
    pub fn is_transit(address: Ipv4Addr) -> bool {
        let [a, b, c, _] = address.octets();
        (a, b) == (198, 19) && c >= 128
    }
}

/// The ports that every rig publishes: what the client dials, and where the server listens.
pub mod port {
    /// HTTP as the client dials it.
    pub const WEB: u16 = 80;
    /// HTTP as nginx serves it.
    pub const WEB_SERVER: u16 = 8080;
    /// Where nginx serves the same, published by no plan of its own.
    pub const OTHER_WEB_SERVER: u16 = 8081;
    /// Echo as the client dials it.
    pub const ECHO: u16 = 7;
    /// Echo as [`crate::Echo`] serves it.
    pub const ECHO_SERVER: u16 = 7007;
    /// Redis, on both sides.
    pub const REDIS: u16 = 6379;
    /// DNS as the client dials it.
    pub const NAMES: u16 = 53;
    /// DNS as [`crate::Names`] serves it.
    pub const NAMES_SERVER: u16 = 5353;
    /// iperf3, on both sides.
    pub const IPERF: u16 = 5201;
    /// A port that no service publishes.
    pub const UNPUBLISHED: u16 = 81;
}
