//! What a rig shall be: how many tenants, and the agent's configuration.

use std::fmt::Write;

use crate::{
    Rig,
    address::{BACKEND, ENDPOINT, GATEWAY, TRANSIT},
    port,
};

/// Small tables: those of the default size take seconds to make and to free.
const MAX_FLOWS: u32 = 1 << 15;

/// The plan of a rig. [`Rig::pair`] and [`Rig::same_cidr`] give one; its methods alter it.
///
/// Tenant pair *n* has the VPCs `consumer-n` and `provider-n`, the service and the endpoint
/// `web-n`, and the interfaces `vpce-cn` and `vpce-pn`. All have the same addresses.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) tenants: usize,
    gateway: String,
    ports: Vec<(&'static str, u16, u16)>,
    max_connections: Option<u32>,
    without_endpoint: Option<usize>,
    config: Option<String>,
}

impl Plan {
    /// A plan of so many pairs of a consumer and a provider.
    #[must_use]
    pub fn tenants(tenants: usize) -> Self {
        Self {
            tenants,
            gateway: String::new(),
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

    /// Limits each endpoint to so many open connections.
    #[must_use]
    pub fn max_connections(self, limit: u32) -> Self {
        Self { max_connections: Some(limit), ..self }
    }

    /// Adds a line to the `[gateway]` section.
    #[must_use]
    pub fn gateway(mut self, line: &str) -> Self {
        self.gateway.push_str(line);
        self.gateway.push('\n');
        self
    }

    /// Publishes a further port of the backends, of `tcp` or `udp`.
    #[must_use]
    pub fn publish(mut self, protocol: &'static str, client: u16, server: u16) -> Self {
        self.ports.push((protocol, client, server));
        self
    }

    /// Leaves the endpoint of one tenant out.
    #[must_use]
    pub fn without_endpoint(self, tenant: usize) -> Self {
        Self { without_endpoint: Some(tenant), ..self }
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
max_flows = {MAX_FLOWS}
{}"#,
            self.gateway
        );
        for tenant in 1..=self.tenants {
            text += &vpc(&format!("consumer-{tenant}"), &format!("vpce-c{tenant}"), &consumer(tenant));
            text += &vpc(&format!("provider-{tenant}"), &format!("vpce-p{tenant}"), &provider(tenant));
            text += &self.service(tenant);
            if self.without_endpoint != Some(tenant) {
                text += &self.endpoint(tenant);
            }
        }
        text
    }

    fn service(&self, tenant: usize) -> String {
        let mut ports = String::new();
        for (protocol, client, server) in &self.ports {
            let written = write!(ports, "{{ client = {client}, server = {server}, protocol = \"{protocol}\" }}, ");
            written.expect("a String takes all");
        }
        format!(
            r#"
[[service]]
name = "web-{tenant}"
vpc = "provider-{tenant}"
type = "interface"
backend = {{ kind = "vm", address = "{BACKEND}" }}
ports = [{ports}]
permissions = ["iam:domain::{}"]
"#,
            consumer(tenant)
        )
    }

    fn endpoint(&self, tenant: usize) -> String {
        let limit = self.max_connections.map(|limit| format!("max_connections = {limit}\n"));
        format!(
            r#"
[[endpoint]]
name = "web-{tenant}"
service = "web-{tenant}"
vpc = "consumer-{tenant}"
subnet = "default"
address = "{ENDPOINT}"
{}"#,
            limit.unwrap_or_default()
        )
    }
}

/// The domain of a consumer: each VPC is of a tenant of its own.
fn consumer(tenant: usize) -> String {
    format!("c{tenant:031x}")
}

/// The domain of a provider.
fn provider(tenant: usize) -> String {
    format!("d{tenant:031x}")
}

fn vpc(name: &str, interface: &str, domain: &str) -> String {
    format!(
        r#"
[[vpc]]
name = "{name}"
domain = "{domain}"
attach = {{ interface = "{interface}" }}
address = "{GATEWAY}/24"
subnets = [{{ name = "default", cidr = "10.0.0.0/24" }}]
"#
    )
}
