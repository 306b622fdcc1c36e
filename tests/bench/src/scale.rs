//! Large numbers of flows: whether all live, what they cost, how punctually they end.
//!
//! They are opened and checked by running the loaded program on frames: no network in between that
//! could lose one.

use std::{
    fs,
    net::Ipv4Addr,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use vpce_tests::{
    Rig, address,
    frames::flag::{ACK, SYN},
    interrupt,
    object::{Connection, Dialled, Object, Runner, Sides},
    output, wait_until,
};

use crate::{
    effort::Effort,
    row::{Goal, Row},
    usage,
};

/// Most connections that one endpoint can be set to.
const MOST: u32 = 1_000_000;
/// Flows of all endpoints together.
const ALL: u32 = 1 << 20;
/// Two endpoints hold them; connections of the first have the lower numbers.
const HOLDERS: [(Ipv4Addr, u32); 2] =
    [(Ipv4Addr::new(10, 0, 0, 101), MOST), (Ipv4Addr::new(10, 0, 0, 102), ALL - MOST)];
/// Blocks of records for these, and for the endpoint of brief flows.
const RECORDS: u32 = (1 << 20) + (1 << 16) + (1 << 7);
/// Tables to compare with.
const FEW_RECORDS: u32 = 1 << 12;
/// How long a brief flow lives.
const BRIEF: Duration = Duration::from_secs(2);
/// Brief flows at once.
const BRIEF_FLOWS: u32 = 64;

/// Measures the section.
pub fn rows(effort: Effort, notes: &mut Vec<String>) -> Vec<Row> {
    notes.push(
        "scale: flows are TCP, established, opened and checked on the loaded program (BPF_PROG_TEST_RUN)".to_owned(),
    );
    let limits = HOLDERS.map(|(_, limit)| limit);
    let mut rig = Rig::pair().config(&configuration(RECORDS, limits, None)).build();
    rig.without_outside_view();
    rig.agent().start();
    let memory = memory_of_a_flow(&mut rig);
    let (object, sides) = (Object::of(&rig), Sides::of(&rig, 1));
    let gateway = rig.gateway().clone();
    let mut flows = gateway.run(|| open(&mut object.runner(), &sides));
    let agent = rig.agent().pid();
    // The walk comes to its pace.
    thread::sleep(Duration::from_secs(2));
    let share = usage::cpu_percent(agent, Duration::from_secs(effort.pick(15, 60)));
    interrupt::check();
    // Only now: nothing may rest longer than the shortest timer of all.
    rig.write_config(&configuration(RECORDS, limits, Some(BRIEF)));
    rig.agent().reload();
    let late = gateway.run(|| {
        let mut late = |round| late(&object, &sides, ALL + round * BRIEF_FLOWS);
        (0..u32::try_from(effort.rounds()).expect("few rounds")).map(&mut late).collect::<Vec<_>>()
    });
    let alive = gateway.run(|| {
        let mut runner = object.runner();
        HOLDERS.map(|(endpoint, _)| {
            alive(&mut runner, flows.iter_mut().filter(|(at, _)| *at == endpoint).map(|(_, flow)| flow))
        })
    });
    vec![
        Row::new("live flows of all endpoints", "flows")
            .goal(Goal::at_least(f64::from(ALL)))
            .measured(vec![alive.iter().copied().map(f64::from).sum()]),
        Row::new("live flows of one endpoint", "flows")
            .goal(Goal::at_least(f64::from(MOST)))
            .measured(vec![f64::from(alive[0])]),
        Row::new("kernel memory of one flow", "bytes").goal(Goal::at_most(230.0)).measured(vec![memory]),
        Row::new("agent with 1,048,576 flows, of a CPU", "%").goal(Goal::at_most(1.0)).measured(vec![share]),
        Row::new("expiry of a flow among 1,048,576, late", "s").goal(Goal::at_most(1.0).always()).measured(late),
    ]
}

/// Opens all flows; answers those that opened, with their endpoints.
fn open(runner: &mut Runner<'_>, sides: &Sides) -> Vec<(Ipv4Addr, Connection)> {
    let limits = HOLDERS.iter().flat_map(|&(endpoint, limit)| std::iter::repeat_n(endpoint, limit as usize));
    let mut flows = Vec::with_capacity(ALL as usize);
    for (number, endpoint) in (0..ALL).zip(limits) {
        let mut flow = Connection::new(sides, 1, number, endpoint, address::BACKEND);
        if establish(&mut flow, runner) {
            flows.push((endpoint, flow));
        }
        if number % (1 << 16) == 0 {
            interrupt::check();
        }
    }
    flows
}

fn establish(flow: &mut Connection, runner: &mut Runner<'_>) -> bool {
    matches!(flow.dial(runner), Dialled::Open(_)) && flow.try_hear(runner, SYN | ACK) && flow.try_say(runner, ACK)
}

/// How many of these carry a segment each way, translated as ever.
fn alive<'f>(runner: &mut Runner<'_>, flows: impl Iterator<Item = &'f mut Connection>) -> u32 {
    flows.map(|flow| u32::from(flow.try_say(runner, ACK) && flow.try_hear(runner, ACK))).sum()
}

/// Seconds between the time at which the last of some flows is over and the time at which it is gone.
fn late(object: &Object, sides: &Sides, first: u32) -> f64 {
    let mut runner = object.runner();
    for number in first..first + BRIEF_FLOWS {
        let mut flow = Connection::new(sides, 1, number, address::ENDPOINT, address::BACKEND);
        assert!(establish(&mut flow, &mut runner), "a brief flow was refused");
    }
    let start = Instant::now();
    wait_until("the end of brief flows", BRIEF * 10, || object.open(sides.endpoint) == 0);
    let late = start.elapsed().saturating_sub(BRIEF).as_secs_f64();
    // The next ones begin elsewhere in the walk.
    thread::sleep(Duration::from_millis(u64::from(first % 7) * 130));
    late
}

/// Bytes of kernel memory that a further flow takes: what the tables of two sizes differ in.
fn memory_of_a_flow(rig: &mut Rig) -> f64 {
    let many = map_bytes(rig);
    let mut small = Rig::pair().config(&configuration(FEW_RECORDS, [100, 100], None)).start();
    (many - map_bytes(&mut small)) / f64::from(RECORDS - FEW_RECORDS)
}

/// Kernel memory of all maps of a rig.
fn map_bytes(rig: &mut Rig) -> f64 {
    let pins = fs::read_dir(rig.agent().bpf_dir().join("maps")).expect("pinned maps");
    let bytes = |pin: fs::DirEntry| {
        let told = output(Command::new("bpftool").args(["-j", "map", "show", "pinned"]).arg(pin.path()));
        let told: Value = serde_json::from_str(&told).expect("JSON of bpftool");
        told["bytes_memlock"].as_f64().expect("the memory of a map")
    };
    pins.map(|pin| bytes(pin.expect("a pin"))).sum()
}

/// The endpoints of [`HOLDERS`], and one whose connections live so long; none: as long as all others.
fn configuration(records: u32, limits: [u32; 2], brief: Option<Duration>) -> String {
    let mut parts = vec![format!(
        r#"[gateway]
region = "region-1"
mode = "xdp"
transit = "{transit}"
max_flows = {records}

[[vpc]]
name = "consumer"
attach = {{ interface = "vpce-c1" }}
address = "{gateway}/24"
subnets = [{{ name = "default", cidr = "10.0.0.0/24" }}]

[[vpc]]
name = "provider"
attach = {{ interface = "vpce-p1" }}
address = "{gateway}/24"
subnets = [{{ name = "default", cidr = "10.0.0.0/24" }}]
"#,
        transit = address::TRANSIT,
        gateway = address::GATEWAY,
    )];
    let timers = brief.map(|brief| format!("timers = {{ established_secs = {} }}", brief.as_secs()));
    for (name, timers) in [("web", String::new()), ("brief", timers.unwrap_or_default())] {
        parts.push(format!(
            r#"
[[service]]
name = "{name}"
vpc = "provider"
type = "interface"
backend = {{ kind = "vm", address = "{}" }}
ports = [{{ client = 80, server = 8080, protocol = "tcp" }}]
{timers}
"#,
            address::BACKEND
        ));
    }
    let holders = HOLDERS.iter().zip(limits).map(|(&(at, _), limit)| ("web", at, limit));
    for (service, at, limit) in holders.chain([("brief", address::ENDPOINT, BRIEF_FLOWS)]) {
        parts.push(format!(
            r#"
[[endpoint]]
name = "at-{}"
service = "{service}"
vpc = "consumer"
subnet = "default"
address = "{at}"
max_connections = {limit}
"#,
            at.octets()[3]
        ));
    }
    parts.concat()
}
