//! An agent that is killed while it is asked for things.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use vpce_tests::{
    Crowd, Operator, Rig,
    address::endpoint,
    object::Object,
    port,
    scorecard::{figure, report},
    wait_for,
};

use super::{READY, readiness, start};

/// Flow records for all endpoints of a subnet.
const FLOWS: u32 = 1 << 20;
const LIVE: usize = 100;
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn row_09_nothing_that_was_answered_is_lost_when_the_agent_is_killed_in_a_storm_of_requests() {
    let kills: u32 = figure(20, 1000);
    let mut rig = Rig::pair().max_flows(FLOWS).start();
    let _echo = rig.echo(1);
    let crowd = Crowd::gather(rig.client(1), endpoint(port::ECHO), LIVE);
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
