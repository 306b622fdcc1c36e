//! The path as the host compiled it.

use vpce_common::{atomic::Counter, host::HostPlane, layout::Settings, path::Verdict as Path};
use vpce_tests::oracle::Verdict;

use crate::{
    gateway::{End, Gateway, State, flow_state},
    world::{self, Interfaces, Step},
};

const INTERFACES: Interfaces = [11, 12, 13, 14];

pub struct Host(pub HostPlane);

impl Host {
    pub fn new() -> Self {
        Self(world::plane(INTERFACES))
    }
}

impl Gateway for Host {
    fn interfaces(&self) -> Interfaces {
        INTERFACES
    }

    fn renew(&mut self) {
        *self = Self::new();
    }

    fn run(&mut self, step: &Step, _wanted: Option<&End>) -> Option<End> {
        match step {
            Step::Refuse(how) => {
                self.0.settings = self.0.settings.map(|settings| Settings { refuse: *how, ..settings });
            }
            Step::Generation(endpoint) => {
                self.0.endpoints[*endpoint].generation += 1;
                self.0.begin_epoch();
            }
            Step::Reach(backend, found) => {
                self.0.backends[*backend].reachable = u16::from(*found);
                self.0.begin_epoch();
            }
            Step::Frame(ifindex, frame) => {
                let mut out = frame.clone();
                let verdict = match self.0.run(&mut out, *ifindex) {
                    Path::Pass => Verdict::Pass,
                    Path::Forward(to) => Verdict::Forward(to),
                    Path::Reply(to) => Verdict::Reply(to),
                    Path::Answer(to) => Verdict::Answer(to),
                    Path::Refuse(reason, to) => Verdict::Refuse(reason, to),
                    Path::Drop(reason) => Verdict::Drop(reason),
                };
                return Some((verdict, out));
            }
        }
        None
    }

    fn same(&self, end: Verdict, model: Verdict) -> bool {
        end == model
    }

    fn state(&self) -> State {
        let flows = self.0.keys().into_iter().map(|(key, slot)| {
            let flow = &self.0.flows[slot as usize];
            flow_state(&key, flow.state.load(), flow.ends())
        });
        let counts =
            self.0.admissions.iter().map(|admission| (admission.connections.open(), admission.connections.half_open()));
        let totals = &self.0.totals;
        let ends = [&totals.packets_in, &totals.passed, &totals.forwarded, &totals.replied, &totals.answered];
        let totals = ends.into_iter().chain(&totals.dropped).map(Counter::get).collect();
        State { flows: flows.collect(), counts: counts.collect(), totals }
    }
}
