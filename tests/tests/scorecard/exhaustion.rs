//! Row 12: what is full refuses what is new, and leaves alone what is there.

use vpce_tests::{
    Plan, Rig,
    address::endpoint,
    port,
    scorecard::report,
    tcp::{Knock, Talk, knock},
};

use crate::{config, turn};

/// Live connections that must outlast what is full.
const LIVE: usize = 50;

#[test]
fn row_12_a_full_limit_refuses_at_once_and_every_live_flow_goes_on() {
    let _turn = turn();
    let rig = Rig::pair().max_connections(64).start();
    let _echo = rig.echo(1);
    rig.client(1).run(|| {
        let mut live = dial(64);
        for _ in 0..20 {
            assert_eq!(knock(endpoint(port::ECHO)), Knock::Refused);
        }
        all_talk(&mut live);
    });
    report(12, "limit full, 0 of 64 live flows lost");
}

#[test]
fn row_12_full_flow_records_refuse_a_further_endpoint_and_every_live_flow_goes_on() {
    // Records for one endpoint of the default size, and no more.
    let plan = Rig::pair();
    let text = config::with_max_flows(&plan, 4096);
    let more = text.clone() + &config::endpoint("more", "web-1", config::address(1), 3000);
    refused("flow records", plan, &text, &more, "flow records, more than max_flows");
}

#[test]
fn row_12_full_transit_addresses_refuse_a_further_endpoint_and_every_live_flow_goes_on() {
    let plan = Rig::pair().max_connections(3000);
    let narrow = |text: &str| {
        let text = text.replacen("198.19.128.0/17", "198.19.128.0/24", 1);
        assert!(text.contains("198.19.128.0/24"), "a transit range in the plan: {text}");
        wide(&text)
    };
    let text = narrow(&config::with_max_flows(&plan, 1 << 16));
    let more =
        (1..=300).fold(text.clone(), |text, n| text + &config::endpoint(&format!("more-{n}"), "web-1", far(n), 1));
    refused("transit addresses", plan, &text, &more, "the transit range 198.19.128.0/24 has no address free");
}

#[test]
fn row_12_full_endpoint_numbers_refuse_further_endpoints_and_every_live_flow_goes_on() {
    let plan = Rig::pair();
    let text = wide(&config::with_max_flows(&plan, 1 << 21));
    let mut more = text.clone();
    (1..=16_400).for_each(|n| more += &config::endpoint(&format!("more-{n}"), "web-1", far(n), 1));
    refused("endpoint numbers", plan, &text, &more, "all 16384 endpoints are given out");
}

#[test]
fn row_12_full_port_mappings_refuse_further_endpoints_and_every_live_flow_goes_on() {
    let plan = (0..47).fold(Rig::pair(), |plan, n| plan.publish("tcp", 20_000 + n, 20_000 + n));
    let text = wide(&config::with_max_flows(&plan, 1 << 18));
    let mut more = text.clone();
    (1..=1400).for_each(|n| more += &config::endpoint(&format!("more-{n}"), "web-1", far(n), 1));
    refused("port mappings", plan, &text, &more, "port mappings, and a gateway has room for 65536");
}

/// A rig with live connections gets a configuration that does not fit, which must be refused with
/// words about it; what lived goes on, and new connections find the gateway as it was.
fn refused(what: &str, plan: Plan, text: &str, more: &str, about: &str) {
    let _turn = turn();
    let mut rig = plan.config(text).start();
    let _echo = rig.echo(1);
    let mut live = rig.client(1).run(|| dial(LIVE));
    let logged = rig.agent().log().len();
    rig.write_config(more);
    rig.agent().reload();
    let log = rig.agent().log().split_off(logged);
    assert!(log.contains(about) && log.contains("ERROR"), "the agent says that {what} are full: {log}");
    all_talk(&mut live);
    live.extend(rig.client(1).run(|| dial(1)));
    // What fits is taken again.
    rig.write_config(text);
    rig.agent().reload();
    all_talk(&mut live);
    assert_eq!(rig.endpoint(1).number("connections.open"), live.len() as u64);
    report(12, format_args!("{what} full, 0 of {LIVE} live flows lost"));
}

/// The client's subnet made wide enough for thousands of endpoints.
fn wide(text: &str) -> String {
    let (subnet, network) = ("cidr = \"10.0.0.0/24\"", "address = \"10.0.0.254/24\"");
    assert!(text.contains(subnet) && text.contains(network), "{text}");
    text.replacen(subnet, "cidr = \"10.0.0.0/16\"", 1).replacen(network, "address = \"10.0.0.254/16\"", 1)
}

/// Addresses beyond those that a rig uses.
fn far(n: u32) -> std::net::Ipv4Addr {
    (u32::from(std::net::Ipv4Addr::new(10, 0, 1, 0)) + n).into()
}

fn dial(connections: usize) -> Vec<Talk> {
    (0..connections).map(|_| Talk::open(endpoint(port::ECHO)).expect("a connection")).collect()
}

fn all_talk(live: &mut [Talk]) {
    for talk in live {
        talk.say("still here").expect("a live flow");
    }
}
