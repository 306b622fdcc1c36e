//! Agents come and go under live connections and requests: rows 9 and 10 of the scorecard.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use vpce_tests::{
    Crowd, Operator, Rig, View,
    address::endpoint,
    object::Object,
    port,
    scorecard::{figure, report},
    state, wait_for,
};

const LIVE: u32 = 1000;

/// The limits of the test are from here on; all within one block of records.
const LIMIT: u32 = 2000;

/// How long half of the starts may take, at most; the figures are printed.
const READY: Duration = Duration::from_secs(1);

/// As long, where the kernel verifies another program each time.
const READY_ANEW: Duration = Duration::from_secs(5);

/// Flow records for all endpoints of a subnet.
const STORM_FLOWS: u32 = 1 << 20;
const STORM_LIVE: usize = 100;
const PATIENCE: Duration = Duration::from_secs(10);

/// A rig of an endpoint with room for the crowd.
fn rig() -> Rig {
    Rig::pair().max_connections(LIMIT).start()
}

/// Starts the agent, and gives the time from its start to its being ready.
fn start(rig: &mut Rig) -> Duration {
    let began = Instant::now();
    rig.agent().start();
    began.elapsed()
}

/// Tells how long starts took. Other loads of the machine hold up single ones for seconds.
fn readiness(mut starts: Vec<Duration>, within: Duration) -> String {
    starts.sort();
    let (median, slowest) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    assert!(median < within, "half of the starts took {median:?} or more");
    format!("ready in {:.2} s, the slowest {:.2} s", median.as_secs_f32(), slowest.as_secs_f32())
}

#[test]
fn row_09_killed_agents_interrupt_none_of_1000_live_connections_and_lose_nothing_acknowledged() {
    let kills = figure(20, 1000);
    let mut rig = rig();
    let _echo = rig.echo(1);
    let crowd = Crowd::gather(rig.client(1), endpoint(port::ECHO), LIVE as usize);
    let transit = rig.endpoint(1).text("transit_address").to_owned();
    let verified = program(&rig);

    let mut starts = Vec::new();
    for kill in 1..=kills {
        let limit = LIMIT + kill;
        rig.write_config(&rig.plan().max_connections(limit).toml());
        rig.agent().reload();
        rig.agent().kill();
        starts.push(start(&mut rig));

        assert_eq!(program(&rig), verified, "kill {kill}: the program is of this build, and was verified");
        let told = rig.endpoint(1);
        assert_eq!(told.number("connections.limit"), u64::from(limit), "kill {kill}: acknowledged");
        assert_eq!(told.number("connections.open"), u64::from(LIVE), "kill {kill}: {told}");
        assert_eq!(told.text("transit_address"), transit, "kill {kill}");
        assert!(committed(&rig).contains(&transit), "kill {kill}: the store lacks {transit}");
    }
    let talked = crowd.end();
    assert_eq!(talked.interrupted, 0, "{talked:?}");
    assert!(talked.rounds > 1, "{talked:?}");
    report(9, format!("{kills} kills, {LIVE} flows, 0 interrupted, {}", readiness(starts, READY)));
}

#[test]
fn row_09_nothing_that_was_answered_is_lost_when_the_agent_is_killed_in_a_storm_of_requests() {
    let kills: u32 = figure(20, 1000);
    let mut rig = Rig::pair().max_flows(STORM_FLOWS).start();
    let _echo = rig.echo(1);
    let crowd = Crowd::gather(rig.client(1), endpoint(port::ECHO), STORM_LIVE);
    let storm = Storm::over(&mut rig);
    let stop = AtomicBool::new(false);
    let mut starts = Vec::new();
    let answered = thread::scope(|scope| {
        let answered = scope.spawn(|| storm.rage(&stop));
        for kill in 0..kills {
            // Anywhere in the midst of a request or between two.
            thread::sleep(Duration::from_micros(u64::from(kill) * 37_003 % 150_000));
            rig.agent().kill();
            starts.push(start(&mut rig));
        }
        stop.store(true, Ordering::Relaxed);
        answered.join().expect("the storm ends")
    });
    let (made, deleted) = (answered.made.len(), answered.deleted.len());
    assert!(made + deleted > kills as usize, "too few were answered: {made} and {deleted}");

    wait_for("all that was answered, and nothing that was deleted", PATIENCE, || answered.are(&storm.endpoints()));
    // What an agent makes of the store alone is what the maps hold already.
    let maps = Object::of(&rig).configured();
    rig.agent().stop();
    rig.agent().start();
    assert!(Object::of(&rig).configured() == maps, "another agent makes other maps of the store");
    let talked = crowd.end();
    assert_eq!(talked.interrupted, 0, "{talked:?}");
    report(
        9,
        format!(
            "{kills} kills in a storm of requests, {made} endpoints made, {deleted} deleted, none lost, {}",
            readiness(starts, READY)
        ),
    );
}

/// Requests that make endpoints, and delete them.
struct Storm {
    operator: Operator,
    endpoint: Value,
}

impl Storm {
    const ENDPOINTS: &str = "/v1/p-red/vpc-endpoints";
    /// So many stand, those beyond are deleted.
    const KEPT: usize = 40;
    /// An address is held until its endpoint was let go of: slower than a subnet of them is used up.
    const PAUSE: Duration = Duration::from_millis(8);

    fn over(rig: &mut Rig) -> Self {
        let operator = Operator::on(&rig.agent().socket());
        let told = |words: &str| rig.vpcectl(words).unwrap_or_else(|error| panic!("vpcectl {words}: {error}"));
        let vpcs = told("get vpcs");
        for (user, vpc) in [("red", 0), ("blue", 1)] {
            let domain = vpcs.text(&format!("vpcs.{vpc}.domain"));
            told(&format!("create user {user} --domain {domain} --project p-{user}"));
        }
        let quota = json!({ "endpoint_service": 20, "endpoint": 1000 });
        let _ = operator.done("PUT", &format!("/operator/quotas/{}", vpcs.text("vpcs.0.domain")), &quota);
        let backends = operator.done("GET", "/operator/backends", &json!({}));
        let service = json!({
            "vpc_id": vpcs.at("vpcs.1.id"), "port_id": backends["backends"][0]["id"], "server_type": "VM",
            "ports": [{ "client_port": 9000, "server_port": 9000 }], "approval_enabled": false,
        });
        let service = operator.done("POST", "/v1/p-blue/vpc-endpoint-services", &service);
        let service = service["id"].as_str().expect("an id");
        let anyone = json!({ "permissions": ["*"], "action": "add" });
        let _ =
            operator.done("POST", &format!("/v1/p-blue/vpc-endpoint-services/{service}/permissions/action"), &anyone);
        let endpoint = json!({
            "endpoint_service_id": service, "vpc_id": vpcs.at("vpcs.0.id"),
            "subnet_id": vpcs.at("vpcs.0.subnet_ids.default"),
        });
        Self { operator, endpoint }
    }

    /// Asks until it is told to stop.
    fn rage(&self, stop: &AtomicBool) -> Answered {
        let (mut answered, mut oldest) = (Answered::default(), VecDeque::new());
        while !stop.load(Ordering::Relaxed) {
            match self.operator.ask("POST", Self::ENDPOINTS, &self.endpoint) {
                Some((200, made)) => {
                    let id = made["id"].as_str().expect("an id").to_owned();
                    answered.made.insert(id.clone());
                    oldest.push_back(id);
                }
                // Some stand of which nobody was told.
                Some((400, full)) if full["error_code"] == "EndPoint.3001" => self.clear(&answered.made),
                Some(other) => panic!("not made: {other:?}"),
                None => {}
            }
            if oldest.len() > Self::KEPT
                && let Some(id) = oldest.pop_front()
            {
                // Whether one stands whose deletion was not answered, nobody knows.
                answered.made.remove(&id);
                let path = format!("{}/{id}", Self::ENDPOINTS);
                if let Some((204, _)) = self.operator.ask("DELETE", &path, &json!({})) {
                    answered.deleted.insert(id);
                }
            }
            thread::sleep(Self::PAUSE);
        }
        answered
    }

    /// Deletes all endpoints but these.
    fn clear(&self, kept: &BTreeSet<String>) {
        for id in self.endpoints().into_keys().filter(|id| !kept.contains(id)) {
            // Of the file's own this is refused; what is not answered is tried again.
            let _ = self.operator.ask("DELETE", &format!("{}/{id}", Self::ENDPOINTS), &json!({}));
        }
    }

    /// Id and status of each endpoint; none where no agent answers.
    fn endpoints(&self) -> BTreeMap<String, String> {
        let answer = self.operator.ask("GET", &format!("{}?limit=1000", Self::ENDPOINTS), &json!({}));
        let Some((200, listed)) = answer else { return BTreeMap::new() };
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let listed = listed["endpoints"].as_array().expect("endpoints").iter();
        listed.map(|endpoint| (text(&endpoint["id"]), text(&endpoint["status"]))).collect()
    }
}

/// Endpoints whose making, or deletion, was answered.
#[derive(Default)]
struct Answered {
    made: BTreeSet<String>,
    deleted: BTreeSet<String>,
}

impl Answered {
    fn are(&self, now: &BTreeMap<String, String>) -> Result<(), String> {
        for id in &self.made {
            let status = now.get(id).unwrap_or_else(|| panic!("{id} was answered, and is not there"));
            assert_ne!(status, "failed", "{id} was answered");
            if status != "accepted" {
                return Err(format!("{id} is {status}"));
            }
        }
        for id in &self.deleted {
            let Some(status) = now.get(id) else { continue };
            assert_eq!(status, "deleting", "the deletion of {id} was answered");
            return Err(format!("{id} is deleting"));
        }
        Ok(())
    }
}

/// What the agent's store says.
fn committed(rig: &Rig) -> String {
    state::committed(&rig.home().join("state"))
}

#[test]
fn row_10_a_program_replaced_time_and_again_interrupts_none_of_1000_live_connections_and_counts_on() {
    // Each hook has a run of its own.
    let times = figure(50, 100);
    let mut rig = rig();
    let _echo = rig.echo(1);
    let crowd = Crowd::gather(rig.client(1), endpoint(port::ECHO), LIVE as usize);

    let mut starts = Vec::new();
    let mut before = (program(&rig), rig.counts(), rig.endpoint(1));
    for time in 1..=times {
        rig.agent().stop();
        rig.agent().forget("programs");
        starts.push(start(&mut rig));
        let now = (program(&rig), rig.counts(), rig.endpoint(1));
        assert_ne!(now.0, before.0, "time {time}: the old program is still there");
        goes_on(&before.1, &now.1, &["packets_in", "forwarded", "replied"]);
        goes_on(&before.2, &now.2, &["forward.packets", "forward.bytes", "reply.packets", "reply.bytes"]);
        assert_eq!(now.2.number("connections.open"), u64::from(LIVE), "time {time}: {}", now.2);
        before = now;
    }
    let talked = crowd.end();
    assert_eq!(talked.interrupted, 0, "{talked:?}");
    assert!(talked.rounds > 1, "{talked:?}");
    let slowest = talked.slowest.as_secs_f32();
    let ready = readiness(starts, READY_ANEW);
    report(10, format!("{times} replacements, {LIVE} flows, 0 interrupted, slowest answer {slowest:.2} s, {ready}"));
}

/// None of the counters is behind what it was, and some have moved.
fn goes_on(before: &View, now: &View, counters: &[&str]) {
    for counter in counters {
        assert!(now.number(counter) > before.number(counter), "{counter} began anew: {before} {now}");
    }
}

/// The number that the kernel gave to the program on the client's attachment.
fn program(rig: &Rig) -> u64 {
    match rig.client_link(1).programs()[..] {
        [program] => program,
        ref programs => panic!("programs on one attachment: {programs:?}"),
    }
}
