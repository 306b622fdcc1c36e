//! Row 12: what is full refuses what is new, and leaves alone what is there.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use vpce_tests::{
    Plan, Rig,
    address::endpoint,
    object::{Object, Sides},
    port,
    scorecard::report,
    tcp::{Knock, Talk, knock},
    wait_until,
};

use crate::{config, turn};

/// Live connections that must outlast what is full.
const LIVE: usize = 50;
/// How long an alarm may take.
const ALARM: Duration = Duration::from_secs(5);

#[test]
fn row_12_a_full_limit_refuses_at_once_and_every_live_flow_goes_on() {
    let _turn = turn();
    let mut rig = Rig::pair().max_connections(64).start();
    let _echo = rig.echo(1);
    let mut live = rig.client(1).run(|| dial(64));
    let after = alarm(&mut rig, "limit-reached", Some("web-1"));
    rig.client(1).run(|| (0..20).for_each(|_| assert_eq!(knock(endpoint(port::ECHO)), Knock::Refused)));
    all_talk(&mut live);
    report(12, format_args!("limit full, 0 of 64 live flows lost, alarm limit-reached after {after:.1} s"));
}

#[test]
fn row_12_a_ring_without_a_free_record_refuses_at_once_and_every_live_flow_goes_on() {
    let _turn = turn();
    let mut rig = Rig::pair().max_connections(64).start();
    let _echo = rig.echo(1);
    let mut live = rig.client(1).run(|| dial(LIVE));
    // There are more records than connections, so only a fault brings this about.
    let endpoint_number = Sides::of(&rig, 1).endpoint;
    Object::of(&rig).lose_free_records(endpoint_number);
    rig.client(1).run(|| assert_eq!(knock(endpoint(port::ECHO)), Knock::Refused));
    let after = alarm(&mut rig, "no-free-slot", Some("web-1"));
    all_talk(&mut live);
    report(
        12,
        format_args!("records of an endpoint full, 0 of {LIVE} live flows lost, alarm no-free-slot after {after:.1} s"),
    );
}

#[test]
fn row_12_full_flow_records_refuse_a_further_endpoint_and_every_live_flow_goes_on() {
    // Records for one endpoint of the default size, and no more.
    let plan = Rig::pair();
    let full = config::with_max_flows(&plan, 4096);
    let more = full.clone() + &config::endpoint("more", "web-1", config::address(1), 3000);
    refused(
        &Full { what: "flow records", alarm: "max-flows", says: "flow records, more than max_flows" },
        plan,
        &full,
        &more,
    );
}

#[test]
fn row_12_full_transit_addresses_refuse_a_further_endpoint_and_every_live_flow_goes_on() {
    let plan = Rig::pair().max_connections(3000);
    let text = config::with_max_flows(&plan, 1 << 16).replacen("198.19.128.0/17", "198.19.128.0/24", 1);
    let full = followed_by(&wide(&text), "web-1", 1..254);
    let more = followed_by(&full, "web-1", 254..255);
    let says = "the transit range 198.19.128.0/24 has no address free";
    refused(&Full { what: "transit addresses", alarm: "transit-range", says }, plan, &full, &more);
}

#[test]
fn row_12_full_endpoint_numbers_refuse_further_endpoints_and_every_live_flow_goes_on() {
    let plan = Rig::pair();
    let full = followed_by(&wide(&config::with_max_flows(&plan, 1 << 21)), "web-1", 1..16_384);
    let more = followed_by(&full, "web-1", 16_384..16_385);
    refused(
        &Full { what: "endpoint numbers", alarm: "numbers", says: "all 16384 endpoints are given out" },
        plan,
        &full,
        &more,
    );
}

#[test]
fn row_12_full_port_mappings_refuse_further_endpoints_and_every_live_flow_goes_on() {
    let plan = (0..47).fold(Rig::pair(), |plan, n| plan.publish("tcp", 20_000 + n, 20_000 + n));
    // 1310 endpoints of 50 ports, and 36 ports are missing.
    let text = wide(&config::with_max_flows(&plan, 1 << 18)) + &config::service("few", 36);
    let full = followed_by(&followed_by(&text, "web-1", 1..1310), "few", 1310..1311);
    let more = followed_by(&full, "few", 1311..1312);
    let says = "port mappings, and a gateway has room for 65536";
    refused(&Full { what: "port mappings", alarm: "map-full", says }, plan, &full, &more);
}

/// What is full, and how an operator is told.
struct Full {
    what: &'static str,
    alarm: &'static str,
    /// In the error about what does not fit.
    says: &'static str,
}

/// A rig that is just full raises an alarm, and refuses a configuration that does not fit, with words
/// about it; what lived goes on, and new connections find the gateway as it was.
fn refused(Full { what, alarm: name, says }: &Full, plan: Plan, full: &str, more: &str) {
    let _turn = turn();
    let mut rig = plan.config(full).start();
    let after = alarm(&mut rig, name, None);
    let _echo = rig.echo(1);
    let mut live = rig.client(1).run(|| dial(LIVE));
    let logged = rig.agent().log().len();
    rig.write_config(more);
    rig.agent().reload();
    let log = rig.agent().log().split_off(logged);
    assert!(log.contains(says) && log.contains("ERROR"), "the agent says that {what} are full: {log}");
    alarm(&mut rig, "not-reloaded", None);
    all_talk(&mut live);
    live.extend(rig.client(1).run(|| dial(1)));
    // What fits is taken again.
    rig.write_config(full);
    rig.agent().reload();
    assert!(!raised(&rig, "not-reloaded", None), "an alarm without its cause");
    all_talk(&mut live);
    assert_eq!(rig.endpoint(1).number("connections.open"), live.len() as u64);
    report(12, format_args!("{what} full, 0 of {LIVE} live flows lost, alarm {name} after {after:.1} s"));
}

/// Waits for an alarm of the gateway or of one of its endpoints, and gives the seconds that it took.
fn alarm(rig: &mut Rig, name: &str, of: Option<&str>) -> f32 {
    let start = Instant::now();
    wait_until(&format!("the alarm {name}"), ALARM, || raised(rig, name, of));
    let logged = rig.agent().log().lines().any(|line| line.contains("WARN") && line.contains(name));
    assert!(logged, "a line in the log about {name}");
    if let Some(endpoint) = of {
        let told = rig.vpcectl(&format!("describe endpoint {endpoint}")).expect("an endpoint");
        assert!(told.text("alarm").contains(name), "{told}");
    }
    start.elapsed().as_secs_f32()
}

fn raised(rig: &Rig, name: &str, of: Option<&str>) -> bool {
    let told = rig.vpcectl("get alarms").expect("alarms");
    let alarms = told.at("alarms").as_array().expect("a list");
    alarms.iter().any(|alarm| alarm["alarm"] == name && alarm["endpoint"].as_str() == of)
}

/// A configuration with further endpoints of the first tenant.
fn followed_by(text: &str, service: &str, numbers: Range<u32>) -> String {
    let more = numbers.map(|n| config::endpoint(&format!("more-{n}"), service, far(n), 1));
    [text.to_owned()].into_iter().chain(more).collect()
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
