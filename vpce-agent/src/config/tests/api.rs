use std::{path::PathBuf, time::Duration};

use super::{accepted, assert_told, followed_by};
use crate::model::{Api, Connections, Identity, Limits};

#[test]
fn there_is_no_api_without_its_section() {
    assert_eq!(accepted(&followed_by("")).api, None);
}

#[test]
fn an_empty_section_is_an_api_by_its_defaults() {
    let limits = Limits { body: 1 << 18, time: Duration::from_secs(30), requests: 256, per_sec: 100 };
    let connections = Connections { basic: 3000, professional: 1_000_000 };
    let api = Api { listen: "127.0.0.1:8443".parse().unwrap(), identity: None, names: vec![], limits, connections };
    assert_eq!(accepted(&followed_by("[api]\n")).api, Some(api));
}

#[test]
fn every_key_is_taken() {
    let api = accepted(&followed_by(
        r#"[api]
listen = "[::]:443"
certificate = "/a.crt"
key = "/a.key"
names = ["vpce.example", "192.0.2.1", "::1"]
max_body_bytes = 1024
timeout_secs = 1
max_requests = 2
requests_per_sec = 3
basic_connections = 4
professional_connections = 5
"#,
    ));
    let limits = Limits { body: 1024, time: Duration::from_secs(1), requests: 2, per_sec: 3 };
    let names = ["vpce.example", "192.0.2.1", "::1"].map(str::to_owned).to_vec();
    let identity = Identity { certificate: PathBuf::from("/a.crt"), key: PathBuf::from("/a.key") };
    let (listen, connections) = ("[::]:443".parse().unwrap(), Connections { basic: 4, professional: 5 });
    assert_eq!(api.api, Some(Api { listen, identity: Some(identity), names, limits, connections }));
}

#[test]
fn a_certificate_and_its_key_come_together() {
    assert_told(
        &followed_by("[api]\ncertificate = \"/a.crt\"\n"),
        &[r#"line 33: [api]: key is missing; add key = "/etc/vpce/api.key""#],
    );
    assert_told(
        &followed_by("[api]\nkey = \"/a.key\"\n"),
        &[r#"line 33: [api]: certificate is missing; add certificate = "/etc/vpce/api.crt""#],
    );
}

#[test]
fn an_endpoint_that_is_upgraded_never_gets_less_than_it_had() {
    assert_told(
        &followed_by("[api]\nprofessional_connections = 2999\n"),
        &["line 34: [api]: professional_connections = 2999 is out of range; choose one of 3000-1000000"],
    );
    assert_told(
        &followed_by("[api]\nbasic_connections = 0\nprofessional_connections = 2999\n"),
        &["line 34: [api]: basic_connections = 0 is out of range; choose one of 1-1000000"],
    );
}

#[test]
fn what_is_wrong_is_told_all_at_once() {
    assert_told(
        &followed_by(
            "[api]\nlisten = \"8443\"\ncertificate = \"a.crt\"\nkey = 1\nnames = [\"a_b\", \"ok\", \"-a\"]\nmax_body_bytes = 0\nport = 1\n",
        ),
        &[
            r#"line 34: [api]: listen "8443" is not an address with a port; write one such as 127.0.0.1:8443, or [::]:8443"#,
            r#"line 35: [api]: certificate "a.crt" is not allowed; use an absolute path, such as /etc/vpce/api.crt"#,
            r#"line 36: [api]: key wants a string here, not integer; write key = "/etc/vpce/api.key""#,
            r#"line 37: [api]: names "a_b" is not allowed; use a DNS name or an IP address"#,
            r#"line 37: [api]: names "-a" is not allowed; use a DNS name or an IP address"#,
            "line 38: [api]: max_body_bytes = 0 is out of range; choose one of 1024-67108864",
            r#"line 39: [api]: unknown key "port"; known are "listen", "certificate", "key", "names", "max_body_bytes", "timeout_secs", "max_requests", "requests_per_sec", "basic_connections", "professional_connections""#,
        ],
    );
}
