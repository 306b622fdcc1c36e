//! What a file asks for.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::{Deserialize, Deserializer, de};

use crate::{cli::value, model::resource::request::PortMapping};

/// One document of a file. What it does not name is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Document {
    Service(Service),
    Endpoint(Endpoint),
}

/// A service: the one of this name in the project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    pub(super) name: String,
    /// The id of the VPC, or the name.
    pub(super) vpc: String,
    /// The backend's id.
    pub(super) backend: String,
    /// What it was registered as.
    #[serde(default = "vm")]
    pub(super) backend_kind: String,
    #[serde(deserialize_with = "ports")]
    pub(super) ports: Vec<PortMapping>,
    pub(super) approval: Option<bool>,
    pub(super) permissions: Option<Vec<String>>,
    pub(super) tags: Option<BTreeMap<String, String>>,
    pub(super) description: Option<String>,
}

/// An endpoint: the one to this service from this VPC and subnet, with this address where one is named.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Endpoint {
    /// The id or a name of the service, which may be in the same file.
    pub(super) service: String,
    /// The id of the VPC, or the name.
    pub(super) vpc: String,
    /// The same of the subnet; none for a service of type gateway.
    pub(super) subnet: Option<String>,
    pub(super) address: Option<Ipv4Addr>,
    pub(super) dns: Option<bool>,
    pub(super) whitelist: Option<Vec<String>>,
    pub(super) tags: Option<BTreeMap<String, String>>,
    pub(super) description: Option<String>,
}

fn vm() -> String {
    "vm".to_owned()
}

fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PortMapping>, D::Error> {
    let all = Vec::<String>::deserialize(deserializer)?;
    all.iter().map(|text| value::port(text).map_err(de::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_a_service_or_an_endpoint() {
        let text = json!({
            "kind": "service", "name": "web", "vpc": "blue", "backend": "b", "ports": ["80:8080"],
        });
        let Document::Service(service) = serde_json::from_value(text).unwrap() else { panic!("an endpoint") };
        assert_eq!((service.backend_kind.as_str(), service.ports.len(), service.approval), ("vm", 1, None));
        let text = json!({ "kind": "endpoint", "service": "web", "vpc": "red", "address": "10.0.0.9" });
        let Document::Endpoint(endpoint) = serde_json::from_value(text).unwrap() else { panic!("a service") };
        assert_eq!(endpoint.address, Some(Ipv4Addr::new(10, 0, 0, 9)));
    }

    #[test]
    fn what_is_no_document_is_told_by_its_field() {
        let service = json!({ "kind": "service", "name": "web", "vpc": "blue", "backend": "b", "ports": ["80"] });
        for (field, value, word) in [
            ("kind", json!("vpc"), "`vpc`"),
            ("ports", json!(["http"]), "CLIENT:SERVER"),
            ("prots", json!([]), "`prots`"),
        ] {
            let mut text = service.clone();
            text[field] = value;
            let error = serde_json::from_value::<Document>(text).unwrap_err().to_string();
            assert!(error.contains(word), "{field}: {error}");
        }
    }
}
