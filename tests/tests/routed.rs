//! Clients and backends that are not in the VPC's own network, but behind a router.

use vpce_tests::{
    Place, Rig,
    address::{BEHIND, endpoint},
    output, port,
    tcp::Talk,
};

#[test]
fn a_client_behind_a_router_reaches_the_endpoint_and_hears_its_ping() {
    let rig = Rig::pair().client(1, Place::interface().routed()).start();
    let _web = rig.web(1);
    assert!(rig.client(1).ip("address").contains(&BEHIND.to_string()));
    let page = rig.client(1).get("http://10.0.0.100/");
    assert!(page.body.starts_with("backend-1 saw 198.19."), "{page:?}");
    output(rig.client(1).command("ping").args(["-n", "-c", "2", "-i", "0.1", "-W", "2", "10.0.0.100"]));
}

#[test]
fn a_backend_behind_a_router_is_reached_by_its_next_hop() {
    let rig = Rig::pair().backend(1, Place::interface().routed()).start();
    let _echo = rig.echo(1);
    let mut talk = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    talk.say("hello").expect("hello, back");
}
