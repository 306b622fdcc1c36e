//! What a rig shall be: who is where, and the agent's configuration.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    Hook, Place, Rig,
    address::{ENDPOINT, GATEWAY, HYPERVISOR, ROUTER, TRANSIT, UNDERLAY},
    fabric::{TRUNK, UNDER},
    place::Attach,
    port,
};

/// Small tables: those of the default size take seconds to make and to free.
const MAX_FLOWS: u32 = 1 << 15;

/// The plan of a rig. [`Rig::pair`], [`Rig::same_cidr`] and [`Rig::shared`] give one; its methods
/// alter it.
///
/// Client *n* is in the VPC `consumer-n`, behind `vpce-cn`; backend *n* in `provider-n`, behind
/// `vpce-pn`, and serves the service `web-n`. Endpoint `web-n` is client *n*'s, unless
/// [`Plan::endpoints`] tells otherwise. All have the same addresses.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) clients: Vec<Place>,
    pub(crate) backends: Vec<Place>,
    /// The client and the service of each.
    endpoints: Vec<(usize, usize)>,
    hook: Hook,
    mode: Option<&'static str>,
    max_flows: u32,
    gateway: String,
    service: String,
    prefixes: BTreeMap<usize, String>,
    ports: Vec<(&'static str, u16, u16)>,
    max_connections: Option<u32>,
    without_endpoint: Option<usize>,
    config: Option<String>,
}

impl Plan {
    /// A plan of so many pairs of a client and a backend.
    #[must_use]
    pub fn tenants(tenants: usize) -> Self {
        let endpoints = (1..=tenants).map(|n| (n, n)).collect();
        Self::of(tenants, tenants, endpoints)
    }

    /// A plan of so many clients that all reach one backend.
    #[must_use]
    pub(crate) fn shared(clients: usize) -> Self {
        Self::of(clients, 1, (1..=clients).map(|n| (n, 1)).collect())
    }

    fn of(clients: usize, backends: usize, endpoints: Vec<(usize, usize)>) -> Self {
        Self {
            clients: vec![Place::interface(); clients],
            backends: vec![Place::interface(); backends],
            endpoints,
            hook: Hook::of_tests(),
            mode: None,
            max_flows: MAX_FLOWS,
            gateway: String::new(),
            service: String::new(),
            prefixes: BTreeMap::new(),
            ports: vec![
                ("tcp", port::WEB, port::WEB_SERVER),
                ("tcp", port::ECHO, port::ECHO_SERVER),
                ("tcp", port::REDIS, port::REDIS),
            ],
            max_connections: None,
            without_endpoint: None,
            config: None,
        }
    }

    /// Puts client `n` into this place.
    #[must_use]
    pub fn client(mut self, n: usize, place: Place) -> Self {
        self.clients[n - 1] = place;
        self
    }

    /// Puts backend `n` into this place.
    #[must_use]
    pub fn backend(mut self, n: usize, place: Place) -> Self {
        self.backends[n - 1] = place;
        self
    }

    /// Adds a backend, with a service of its own.
    #[must_use]
    pub fn and_backend(mut self, place: Place) -> Self {
        self.backends.push(place);
        self
    }

    /// The client and the service of each endpoint, `web-1` first.
    #[must_use]
    pub fn endpoints(self, endpoints: &[(usize, usize)]) -> Self {
        Self { endpoints: endpoints.to_vec(), ..self }
    }

    /// Makes service `n` one of type gateway, to these prefixes behind its backend's router.
    #[must_use]
    pub fn prefixes(mut self, n: usize, prefixes: &[&str]) -> Self {
        self.prefixes.insert(n, format!("{prefixes:?}"));
        self
    }

    /// Limits each endpoint to so many open connections.
    #[must_use]
    pub fn max_connections(self, limit: u32) -> Self {
        Self { max_connections: Some(limit), ..self }
    }

    /// Takes packets by this hook, whatever tests are run with.
    #[must_use]
    pub fn hook(self, hook: Hook) -> Self {
        Self { hook, ..self }
    }

    /// Asks for this mode in place of that of the hook, for which machines and links are made.
    #[must_use]
    pub fn mode(self, mode: &'static str) -> Self {
        Self { mode: Some(mode), ..self }
    }

    /// Has so many flow records, in place of few.
    #[must_use]
    pub fn max_flows(self, max_flows: u32) -> Self {
        Self { max_flows, ..self }
    }

    /// Adds a line to the `[gateway]` section.
    #[must_use]
    pub fn gateway(mut self, line: &str) -> Self {
        self.gateway.push_str(line);
        self.gateway.push('\n');
        self
    }

    /// Adds a line to each `[[service]]`.
    #[must_use]
    pub fn service(mut self, line: &str) -> Self {
        self.service.push_str(line);
        self.service.push('\n');
        self
    }

    /// Publishes a further port of the backends, of `tcp` or `udp`.
    #[must_use]
    pub fn publish(mut self, protocol: &'static str, client: u16, server: u16) -> Self {
        self.ports.push((protocol, client, server));
        self
    }

    /// Leaves one endpoint out.
    #[must_use]
    pub fn without_endpoint(self, n: usize) -> Self {
        Self { without_endpoint: Some(n), ..self }
    }

    /// Takes this configuration, word by word, in place of the one made from the plan.
    #[must_use]
    pub fn config(self, text: &str) -> Self {
        Self { config: Some(text.to_owned()), ..self }
    }

    /// Makes the rig and starts the agent.
    #[must_use]
    pub fn start(self) -> Rig {
        let mut rig = self.build();
        rig.agent().start();
        rig
    }

    /// Makes the rig, and leaves the agent to be started.
    #[must_use]
    pub fn build(self) -> Rig {
        Rig::build(self)
    }

    /// The agent's configuration.
    #[must_use]
    pub fn toml(&self) -> String {
        if let Some(config) = &self.config {
            return config.clone();
        }
        let mut text = format!(
            r#"[gateway]
region = "region-1"
transit = "{TRANSIT}"
max_flows = {}
mode = "{}"
{}"#,
            self.max_flows,
            self.mode.unwrap_or(self.hook.mode()),
            self.gateway
        );
        for (n, place) in (1..).zip(&self.clients) {
            text += &vpc(&format!("consumer-{n}"), &format!("vpce-c{n}"), &consumer(n), place);
        }
        for (n, place) in (1..).zip(&self.backends) {
            text += &vpc(&format!("provider-{n}"), &format!("vpce-p{n}"), &provider(n), place);
            text += &self.service_of(n, place);
        }
        for (n, &(client, service)) in (1..).zip(&self.endpoints) {
            if self.without_endpoint != Some(n) {
                text += &self.endpoint(n, client, service);
            }
        }
        text
    }

    /// The hook of most attachments, and whether others are on another one.
    pub(crate) fn hooks(&self) -> (Hook, bool) {
        let mut places = self.clients.iter().chain(&self.backends);
        (self.hook, places.any(|place| place.hook.is_some_and(|hook| hook != self.hook)))
    }

    fn service_of(&self, n: usize, place: &Place) -> String {
        let mut ports = String::new();
        for (protocol, client, server) in &self.ports {
            // What a client of a gateway endpoint dials is the server itself.
            let client = if self.prefixes.contains_key(&n) { server } else { client };
            let written = write!(ports, "{{ client = {client}, server = {server}, protocol = \"{protocol}\" }}, ");
            written.expect("a String takes all");
        }
        let kind = match self.prefixes.get(&n) {
            Some(prefixes) => format!("type = \"gateway\"\nprefixes = {prefixes}"),
            None => format!("type = \"interface\"\nbackend = {{ kind = \"vm\", address = \"{}\" }}", place.own()),
        };
        let mut admitted: Vec<_> = self.clients_of(n).map(consumer).collect();
        admitted.dedup();
        let permissions: Vec<_> = admitted.iter().map(|domain| format!("iam:domain::{domain}")).collect();
        format!(
            r#"
[[service]]
name = "web-{n}"
vpc = "provider-{n}"
{kind}
ports = [{ports}]
permissions = {permissions:?}
{}"#,
            self.service
        )
    }

    fn clients_of(&self, service: usize) -> impl Iterator<Item = usize> {
        self.endpoints.iter().filter(move |(_, of)| *of == service).map(|(client, _)| *client)
    }

    fn endpoint(&self, n: usize, client: usize, service: usize) -> String {
        let place = if self.prefixes.contains_key(&service) {
            String::new()
        } else {
            format!("subnet = \"default\"\naddress = \"{ENDPOINT}\"\n")
        };
        let limit = self.max_connections.map(|limit| format!("max_connections = {limit}\n"));
        format!(
            r#"
[[endpoint]]
name = "web-{n}"
service = "web-{service}"
vpc = "consumer-{client}"
{place}{}"#,
            limit.unwrap_or_default()
        )
    }
}

/// The domain of a consumer: each VPC is of a tenant of its own.
fn consumer(n: usize) -> String {
    format!("c{n:031x}")
}

/// The domain of a provider.
fn provider(n: usize) -> String {
    format!("d{n:031x}")
}

fn vpc(name: &str, interface: &str, domain: &str, place: &Place) -> String {
    let attach = match place.attach {
        Attach::Interface => format!(r#"interface = "{interface}""#),
        Attach::Vlan(id) => format!(r#"interface = "{TRUNK}", vlan = {id}"#),
        Attach::Vxlan(vni) => format!(
            r#"vxlan = {{ vni = {vni}, local = "{UNDERLAY}", interface = "{UNDER}", remotes = ["{HYPERVISOR}"] }}"#
        ),
    };
    let mode = place.hook.map(|hook| format!(r#", mode = "{}""#, hook.mode())).unwrap_or_default();
    let next_hop = if place.is_routed() { format!("next_hop = \"{ROUTER}\"\n") } else { String::new() };
    format!(
        r#"
[[vpc]]
name = "{name}"
domain = "{domain}"
attach = {{ {attach}{mode} }}
address = "{GATEWAY}/24"
subnets = [{{ name = "default", cidr = "10.0.0.0/24" }}]
{next_hop}"#
    )
}
