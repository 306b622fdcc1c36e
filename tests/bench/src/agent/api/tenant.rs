//! A tenant of the API, which makes endpoints and looks at them.

use serde_json::{Value, json};
use vpce_tests::Rig;

use super::client::{Client, Key};
use crate::agent::town::{self, DOMAIN};

const USER: &str = "bench";
const PROJECT: &str = "bench";

/// Who asks, and for what.
pub struct Tenant {
    key: Key,
    vpc: String,
    subnet: String,
    services: Vec<String>,
}

impl Tenant {
    /// A user of the rig's gateway, who may have all endpoints that the benchmark makes.
    pub fn make(rig: &mut Rig) -> Self {
        let socket = rig.agent().socket().display().to_string();
        let told = |words: &str| rig.vpcectl(words).unwrap_or_else(|error| panic!("vpcectl {words}: {error}"));
        told(&format!("create user {USER} --domain {DOMAIN} --project {PROJECT}"));
        let key = told(&format!("create key {USER}"));
        let key = Key { access: key.text("access").to_owned(), secret: key.text("secret").to_owned() };
        let quota = json!({ "endpoint": 1_000_000 }).to_string();
        let url = format!("http://vpce/operator/quotas/{DOMAIN}");
        let json = "content-type: application/json";
        let page = rig.gateway().curl(&["--unix-socket", &socket, "-X", "PUT", "-H", json, "-d", &quota, &url]);
        assert!((200..300).contains(&page.status), "{page:?}");
        let vpcs = told("get vpcs");
        let (vpc, subnet) = (vpcs.text("vpcs.0.id").to_owned(), vpcs.text("vpcs.0.subnet_ids.default").to_owned());
        let mut tenant = Self { key, vpc, subnet, services: Vec::new() };
        let path = format!("/v1/{PROJECT}/vpc-endpoint-services/public?limit=1000");
        let listed: Value = serde_json::from_str(tenant.connect(rig, 0).ask("GET", &path, "")).expect("JSON");
        let listed = listed["endpoint_services"].as_array().expect("a list of services");
        tenant.services = listed.iter().map(|service| service["id"].as_str().expect("an id").to_owned()).collect();
        assert_eq!(tenant.services.len(), town::SERVICES as usize);
        tenant
    }

    /// A connection with this number.
    pub fn connect(&self, rig: &Rig, number: usize) -> Client {
        let certificate = rig.home().join("state/api.crt");
        rig.gateway().run(|| Client::connect(&certificate, &self.key, number))
    }

    /// Makes endpoint `n` of the town; answers its id.
    pub fn create(&self, client: &mut Client, n: u32) -> String {
        let body = json!({
            "endpoint_service_id": self.services[n as usize % self.services.len()],
            "vpc_id": self.vpc,
            "subnet_id": self.subnet,
            "port_ip": town::endpoint(n).to_string(),
        });
        let made = client.ask("POST", &format!("/v1/{PROJECT}/vpc-endpoints"), &body.to_string());
        let made: Value = serde_json::from_str(made).expect("JSON");
        made["id"].as_str().expect("an id").to_owned()
    }

    /// Looks at one endpoint.
    pub fn show(client: &mut Client, id: &str) {
        let shown = client.ask("GET", &format!("/v1/{PROJECT}/vpc-endpoints/{id}"), "");
        assert!(shown.contains(id), "{shown}");
    }

    /// Lists ten endpoints, each client others: what is signed alike on two connections is refused to the second.
    pub fn list(client: &mut Client) {
        let offset = client.number * 10;
        let listed = client.ask("GET", &format!("/v1/{PROJECT}/vpc-endpoints?limit=10&offset={offset}"), "");
        assert_eq!(listed.matches("marker_id").count(), 10, "{listed}");
    }
}
