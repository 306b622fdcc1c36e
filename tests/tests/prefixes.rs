//! Services of type gateway: whole prefixes behind a provider's router.

use std::net::SocketAddrV4;

use vpce_tests::{
    Place, Plan, Rig,
    address::{GATEWAY, is_transit},
    port,
    tcp::{Knock, knock},
};

const SERVER: [u8; 4] = [100, 125, 1, 2];

fn server() -> Place {
    Place::interface().routed().address(SERVER)
}

/// Starts a rig whose client routes two prefixes to the gateway, of which one is a service's.
fn start(plan: Plan) -> Rig {
    let rig = plan.start();
    for prefix in ["100.125.0.0/16", "100.126.0.0/16"] {
        rig.client(1).ip(&format!("route add {prefix} via {GATEWAY}"));
    }
    rig
}

#[test]
fn a_server_of_the_prefix_is_reached_by_its_own_address_and_sees_a_transit_address() {
    let rig = start(Rig::pair().backend(1, server()).prefixes(1, &["100.125.0.0/16"]));
    let _web = rig.web(1);
    let page = rig.client(1).get("http://100.125.1.2:8080/");
    let source = page.body.trim().strip_prefix("backend-1 saw ").unwrap_or_else(|| panic!("{page:?}"));
    let source: SocketAddrV4 = source.parse().expect("an address and a port");
    assert!(is_transit(*source.ip()), "{source}");
}

#[test]
fn other_prefixes_and_other_ports_are_not_reached() {
    let rig = start(Rig::pair().backend(1, server()).prefixes(1, &["100.125.0.0/16"]));
    let _web = rig.web(1);
    // The server has the other address too, and a route leads there.
    rig.backend(1).ip("address add 100.126.1.2/32 dev lo");
    rig.backend_routers(1)[0].ip("route add 100.126.0.0/16 via 100.125.1.2");
    let answer = |server: [u8; 4], port| rig.client(1).run(|| knock(SocketAddrV4::new(server.into(), port)));
    assert_ne!(answer([100, 126, 1, 2], port::WEB_SERVER), Knock::Open);
    assert_ne!(answer(SERVER, port::OTHER_WEB_SERVER), Knock::Open, "a port that is not listed");
    assert_eq!(answer(SERVER, port::WEB_SERVER), Knock::Open);
}

#[test]
fn of_two_services_the_longer_prefix_is_taken() {
    let two = Rig::pair().backend(1, server()).and_backend(server()).endpoints(&[(1, 1), (1, 2)]);
    let rig = start(two.prefixes(1, &["100.125.0.0/16"]).prefixes(2, &["100.125.1.0/24"]));
    let _webs = [rig.web(1), rig.web(2)];
    for n in [1, 2] {
        rig.backend(n).ip("address add 100.125.2.2/32 dev lo");
        rig.backend_routers(n)[0].ip("route add 100.125.2.0/24 via 100.125.1.2");
    }
    for (url, server) in [("http://100.125.1.2:8080/", "backend-2"), ("http://100.125.2.2:8080/", "backend-1")] {
        let page = rig.client(1).get(url);
        assert!(page.body.starts_with(&format!("{server} saw ")), "{url}: {page:?}");
    }
}
