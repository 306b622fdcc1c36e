//! Policies of endpoints: what a gateway that sees addresses and ports, and nothing above, can keep to.

use ipnet::Ipv4Net;
use serde_json::Value;

use super::{Refusal, check, item::Policy, request::PolicyStatement};

/// Condition keys that mean the client's address.
const SOURCES: [&str; 3] = ["SourceIp", "g:SourceIp", "vpc:SourceIp"];

/// Reads a policy; None: none is given.
pub(super) fn read(
    statements: Option<&[PolicyStatement]>,
    document: Option<&Value>,
) -> Result<Option<Policy>, Refusal> {
    let document = document.filter(|document| !document.is_null());
    let (statements, document) = match (statements.filter(|statements| !statements.is_empty()), document) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(bad("give policy_statement or policy_document, not both")),
        (Some(statements), None) => (statements.to_vec(), None),
        (None, Some(document)) => (of_document(document)?, Some(document.clone())),
    };
    let mut clients = Some(Vec::new());
    for statement in &statements {
        match (sources(statement)?, &mut clients) {
            (Some(some), Some(clients)) => clients.extend(some),
            _ => clients = None,
        }
    }
    Ok(Some(Policy { statements: if document.is_some() { Vec::new() } else { statements }, document, clients }))
}

fn of_document(document: &Value) -> Result<Vec<PolicyStatement>, Refusal> {
    // A document may also come as text.
    let parsed;
    let document = match document {
        Value::String(text) => {
            parsed = serde_json::from_str(text).map_err(|error| bad(format!("policy_document is no JSON: {error}")))?;
            &parsed
        }
        document => document,
    };
    let Some(Value::Array(list)) = document.get("Statement") else {
        return Err(bad("policy_document has no Statement; use {\"Version\": \"5.0\", \"Statement\": [...]}"));
    };
    if list.is_empty() {
        return Err(bad("Statement is empty; use at least one, or delete the policy"));
    }
    list.iter().map(of_value).collect()
}

/// A statement of a document, where a list of one may be written as that one.
fn of_value(statement: &Value) -> Result<PolicyStatement, Refusal> {
    let Value::Object(fields) = statement else { return Err(bad("a statement is no object")) };
    let known = ["Effect", "Action", "Resource", "Condition", "Sid", "Principal"];
    if let Some(field) = fields.keys().find(|field| !known.contains(&field.as_str())) {
        return Err(bad(format!("{field} of a statement can't be kept to; use {}", known.join(", "))));
    }
    if fields.get("Principal").is_some_and(|principal| principal != "*") {
        return Err(bad("Principal: the gateway sees addresses, not users; use \"*\""));
    }
    let mut fields = fields.clone();
    for field in ["Action", "Resource"] {
        let value = fields.entry(field).or_insert_with(|| "*".into());
        if value.is_string() {
            *value = Value::Array(vec![value.take()]);
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| bad(format!("a statement can't be read: {error}")))
}

/// The clients that a statement lets in; None: all.
fn sources(statement: &PolicyStatement) -> Result<Option<Vec<Ipv4Net>>, Refusal> {
    if statement.effect != "Allow" {
        let effect = &statement.effect;
        return Err(bad(format!("Effect: {effect:?} isn't allowed; use \"Allow\": who isn't allowed is refused")));
    }
    for (field, values) in [("Action", &statement.action), ("Resource", &statement.resource)] {
        if values.iter().ne(["*"]) {
            return Err(bad(format!(
                "{field}: {values:?} can't be kept to, the gateway sees addresses and ports only; use [\"*\"]"
            )));
        }
    }
    let Some(condition) = statement.condition.as_ref().filter(|condition| !condition.is_null()) else {
        return Ok(None);
    };
    let single = |value: &Value| -> Option<(String, Value)> {
        let map = value.as_object().filter(|map| map.len() == 1)?;
        map.iter().next().map(|(key, value)| (key.clone(), value.clone()))
    };
    let nets = single(condition)
        .filter(|(operator, _)| operator == "IpAddress")
        .and_then(|(_, keys)| single(&keys))
        .filter(|(key, _)| SOURCES.contains(&key.as_str()))
        .map(|(_, nets)| nets);
    let nets = match nets {
        Some(Value::String(net)) => vec![Value::String(net)],
        Some(Value::Array(nets)) if !nets.is_empty() => nets,
        _ => {
            return Err(bad(
                "Condition: only the client's address can be told; use {\"IpAddress\": {\"SourceIp\": [\"10.0.0.0/24\"]}}",
            ));
        }
    };
    let net = |net: &Value| {
        let read = net.as_str().and_then(check::network);
        read.ok_or_else(|| bad(format!("SourceIp: {net} isn't allowed; use IPv4 addresses and networks")))
    };
    nets.iter().map(net).collect::<Result<_, _>>().map(Some)
}

fn bad(reason: impl Into<String>) -> Refusal {
    Refusal::Policy { reason: reason.into() }
}
