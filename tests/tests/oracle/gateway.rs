//! A gateway next to the model, and what is the same of both.

use std::{collections::BTreeMap, fmt::Write};

use vpce_common::{
    layout::{Ends, FlowKey, Totals},
    state,
};
use vpce_tests::oracle::{Key, Oracle, Phase, Refusal, Verdict};

use crate::world::{self, Interfaces, Step};

/// How a frame ends, and what became of it.
pub type End = (Verdict, Vec<u8>);

/// Something that does what the model says.
pub trait Gateway {
    /// Its interfaces.
    fn interfaces(&self) -> Interfaces;
    /// Forgets all that it has seen.
    fn renew(&mut self);
    /// Does a step; of a frame, that should end as `wanted`, tells how it did.
    fn run(&mut self, step: &Step, wanted: Option<&End>) -> Option<End>;
    /// Whether an end, as far as [`Gateway::run`] can tell it, is the model's.
    fn same(&self, end: Verdict, model: Verdict) -> bool;
    /// What can be seen of a frame that leaves.
    fn seen(&self, frame: Vec<u8>) -> Vec<u8> {
        frame
    }
    /// What it knows.
    fn state(&self) -> State;
}

/// How far a flow is, as far as it matters: nothing of UDP, and a closed one is closed.
type Progress = Option<Phase>;
/// Transit address and port, server and port, progress.
type Seen = (u32, u16, u32, u16, Progress);

/// All that a gateway knows.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    /// All flows that can be found.
    pub flows: BTreeMap<Key, Seen>,
    /// Open and half-open connections by endpoint.
    pub counts: Vec<(u32, u32)>,
    /// The gateway's counters, in the order of [`vpce_common::layout::Totals`].
    pub totals: Vec<u64>,
}

/// The model, and what it would count.
pub struct Counted {
    pub model: Oracle,
    pub totals: Vec<u64>,
}

impl Counted {
    pub fn new(interfaces: Interfaces) -> Self {
        Self { model: world::model(interfaces), totals: vec![0; size_of::<Totals>() / 8] }
    }

    fn run(&mut self, frame: &[u8], ifindex: u32) -> (Verdict, Vec<u8>) {
        let (verdict, out) = self.model.run(frame, ifindex);
        let place = match verdict {
            Verdict::Pass => 1,
            Verdict::Forward(_) => 2,
            Verdict::Reply(_) => 3,
            Verdict::Answer(_) => 4,
            Verdict::Refuse(reason, _) | Verdict::Drop(reason) => 5 + reason as usize,
        };
        self.totals[0] += 1;
        self.totals[place] += 1;
        (verdict, out)
    }

    fn state(&self, endpoints: usize) -> State {
        let flows = self.model.flows().into_iter().map(|(key, flow)| {
            (key, (flow.transit, flow.transit_port, flow.server, flow.server_port, progress(&key, flow.phase)))
        });
        let counts = (0..endpoints).map(|number| self.model.count(number)).collect();
        State { flows: flows.collect(), counts, totals: self.totals.clone() }
    }
}

const CLOSED: Phase = Phase { answered: true, established: true, fin_client: true, fin_backend: true, reset: true };

fn progress(key: &Key, phase: Phase) -> Progress {
    let phase = if phase.closed() { CLOSED } else { phase };
    (key.protocol == 6).then_some(phase)
}

/// What a record says.
pub fn flow_state(key: &FlowKey, bits: u32, ends: &Ends) -> (Key, Seen) {
    let key = Key {
        vpc: key.vpc,
        protocol: key.protocol.try_into().expect("a protocol"),
        client: key.client.get(),
        client_port: key.client_port.get(),
        dialled: key.endpoint.get(),
        dialled_port: key.endpoint_port.get(),
    };
    let has = |bit| bits & bit != 0;
    let phase = Phase {
        answered: has(state::ANSWERED),
        established: has(state::ESTABLISHED),
        fin_client: has(state::FIN_CLIENT),
        fin_backend: has(state::FIN_BACKEND),
        reset: has(state::RESET),
    };
    let transit = (ends.transit.get(), ends.transit_port.get());
    (key, (transit.0, transit.1, ends.server.get(), ends.server_port.get(), progress(&key, phase)))
}

/// Does one step with both.
pub fn compare(gateway: &mut impl Gateway, counted: &mut Counted, step: &Step, whole: bool) -> Result<(), String> {
    let model = match step {
        Step::Frame(ifindex, frame) => Some(counted.run(frame, *ifindex)),
        _ => None,
    };
    let end = gateway.run(step, model.as_ref());
    let config = counted.model.config();
    match step {
        Step::Refuse(how) => config.refuse = Refusal::of(*how),
        Step::Generation(endpoint) => config.endpoints[*endpoint].generation += 1,
        Step::Reach(backend, found) => config.backends[*backend].found = *found,
        Step::Frame(ifindex, frame) => {
            let (verdict, out) = end.expect("the end of a frame");
            let (wanted, expected) = model.expect("the model's end of it");
            let dropped = matches!(wanted, Verdict::Drop(_));
            let expected = if wanted == Verdict::Pass { expected } else { gateway.seen(expected) };
            if !gateway.same(verdict, wanted) || !dropped && out != expected {
                return Err(format!(
                    "by interface {ifindex}\n  {}\nbecame {verdict:?}\n  {}\nthe model says {wanted:?}\n  {}",
                    hex(frame),
                    hex(&out),
                    hex(&expected)
                ));
            }
        }
    }
    if !whole {
        return Ok(());
    }
    let state = gateway.state();
    let wanted = counted.state(state.counts.len());
    if state == wanted { Ok(()) } else { Err(story(&state, &wanted)) }
}

fn story(state: &State, wanted: &State) -> String {
    let mut text = format!("counts {:?}\nmodel  {:?}\n", state.counts, wanted.counts);
    writeln!(text, "totals {:?}\nmodel  {:?}", state.totals, wanted.totals).expect("a String takes all");
    for key in state.flows.keys().chain(wanted.flows.keys()) {
        let (is, wanted) = (state.flows.get(key), wanted.flows.get(key));
        if is != wanted {
            writeln!(text, "{key:?}\n  is {is:?}\n  model {wanted:?}").expect("a String takes all");
        }
    }
    text
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

/// The difference that these steps lead to, if any, and how many of them it took.
pub fn difference(gateway: &mut impl Gateway, steps: &[Step]) -> Option<(usize, String)> {
    let mut model = Counted::new(gateway.interfaces());
    gateway.renew();
    let mut place = 0;
    steps.iter().find_map(|step| {
        place += 1;
        compare(gateway, &mut model, step, true).err().map(|difference| (place, difference))
    })
}

/// Leaves out what the difference does not need.
pub fn shrink(gateway: &mut impl Gateway, mut steps: Vec<Step>, mut told: String) -> (Vec<Step>, String) {
    let mut chunk = steps.len();
    while chunk > 0 {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + chunk).min(steps.len()));
            if let Some((needed, difference)) = difference(gateway, &fewer) {
                fewer.truncate(needed);
                (steps, told) = (fewer, difference);
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    (steps, told)
}
