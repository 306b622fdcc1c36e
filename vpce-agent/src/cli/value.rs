//! Values of the command line and of files.

use std::{fs, io::Read as _, path::Path};

use serde_json::Value;

use super::CliError;
use crate::model::resource::request::{PortMapping, Tag, TagValues};

/// `80:8080`, `53:5353/udp`, or `80` for the same port on both sides.
pub(super) fn port(text: &str) -> Result<PortMapping, String> {
    let bad = || format!("{text:?} is no port mapping; use CLIENT:SERVER or CLIENT:SERVER/udp, such as 80:8080");
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_uppercase();
    let (client, server) = ports.split_once(':').unwrap_or((ports, ports));
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).map(i64::from).ok_or_else(bad);
    if !matches!(&*protocol, "TCP" | "UDP") {
        return Err(bad());
    }
    Ok(PortMapping { client_port: Some(port(client)?), server_port: Some(port(server)?), protocol: Some(protocol) })
}

/// `80:8080/tcp`
pub(super) fn shown(client: u16, server: u16, protocol: &str) -> String {
    format!("{client}:{server}/{}", protocol.to_lowercase())
}

/// `key=value`
pub(super) fn tag(text: &str) -> Result<Tag, String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no tag; use KEY=VALUE"))?;
    Ok(Tag { key: key.to_owned(), value: value.to_owned() })
}

/// `key=value`, or `key` with whatever value.
pub(super) fn tag_wanted(text: &str) -> TagValues {
    let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
    TagValues { key: key.to_owned(), values: value.map(str::to_owned).into_iter().collect() }
}

/// A tag to set, or one to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TagChange {
    Set(Tag),
    Remove(String),
}

/// `key=value`, or `key-` to remove it.
pub(super) fn tag_change(text: &str) -> Result<TagChange, String> {
    match (tag(text), text.strip_suffix('-')) {
        (Ok(tag), _) => Ok(TagChange::Set(tag)),
        (Err(_), Some(key)) if !key.is_empty() => Ok(TagChange::Remove(key.to_owned())),
        _ => Err(format!("{text:?} is no change of a tag; use KEY=VALUE, or KEY- to remove it")),
    }
}

/// The text of a file; `-` is what comes in.
pub(super) fn read(path: &Path) -> Result<String, CliError> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    text.map_err(|source| CliError::File { path: path.to_owned(), source })
}

/// The documents of a file of YAML or JSON; of a list each of its items.
pub(super) fn documents(path: &Path) -> Result<Vec<Value>, CliError> {
    let all: Result<Vec<Value>, _> = serde_saphyr::from_multiple(&read(path)?);
    let all = all.map_err(|error| CliError::Document { path: path.to_owned(), reason: error.to_string() })?;
    let items = |value| match value {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        one => vec![one],
    };
    Ok(all.into_iter().flat_map(items).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(client: i64, server: i64, protocol: &str) -> PortMapping {
        PortMapping { client_port: Some(client), server_port: Some(server), protocol: Some(protocol.to_owned()) }
    }

    #[test]
    fn a_port_mapping_is_client_server_and_protocol() {
        assert_eq!(port("80:8080"), Ok(mapping(80, 8080, "TCP")));
        assert_eq!(port("53:5353/udp"), Ok(mapping(53, 5353, "UDP")));
        assert_eq!(port("443/TCP"), Ok(mapping(443, 443, "TCP")));
        for bad in ["", "0:80", "80:", ":80", "80:65536", "80:8080/sctp", "80:8080:9", "http"] {
            assert!(port(bad).unwrap_err().contains("CLIENT:SERVER"), "{bad}");
        }
    }

    #[test]
    fn a_tag_is_set_by_its_value_and_removed_by_a_minus() {
        let set = |key: &str, value: &str| TagChange::Set(Tag { key: key.to_owned(), value: value.to_owned() });
        assert_eq!(tag_change("team=a"), Ok(set("team", "a")));
        assert_eq!(tag_change("team=a-"), Ok(set("team", "a-")));
        assert_eq!(tag_change("my-team-"), Ok(TagChange::Remove("my-team".to_owned())));
        assert!(tag_change("team").unwrap_err().contains("KEY-"));
        assert!(tag_change("-").is_err());
    }

    #[test]
    fn documents_are_a_list_or_follow_each_other() {
        let read = |text: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), text).unwrap();
            documents(file.path()).unwrap()
        };
        let both = [serde_json::json!({ "a": 1 }), serde_json::json!({ "b": "80:8080" })];
        assert_eq!(read("- a: 1\n- b: 80:8080\n"), both);
        assert_eq!(read("a: 1\n---\nb: 80:8080\n"), both);
        assert_eq!(read(r#"[{"a": 1}, {"b": "80:8080"}]"#), both);
        assert_eq!(read("# nothing\n"), [0; 0].map(Value::from));
    }
}
