//! The HTTPS API from outside: a tenant offers a service, another one dials it.

use std::{collections::BTreeSet, io::ErrorKind, time::Duration};

use serde_json::{Value, json};
use vpce_tests::{
    Rig, View,
    address::{BACKEND, endpoint},
    port,
    tcp::Talk,
    wait_for,
};

const URL: &str = "https://localhost:8443";
/// Their names, as the vendor's SDKs have them.
const OPERATIONS: [&str; 33] = [
    "accept_or_reject_endpoint",
    "add_endpoint_service_server_resource",
    "add_or_remove_service_permissions",
    "batch_add_endpoint_service_permissions",
    "batch_add_or_remove_resource_instance",
    "batch_remove_endpoint_service_permissions",
    "create_endpoint",
    "create_endpoint_service",
    "delete_endpoint",
    "delete_endpoint_policy",
    "delete_endpoint_service",
    "list_endpoint_info_details",
    "list_endpoint_service",
    "list_endpoints",
    "list_query_project_resource_tags",
    "list_quota_details",
    "list_resource_instances",
    "list_service_connections",
    "list_service_describe_details",
    "list_service_details",
    "list_service_permissions_details",
    "list_service_public_details",
    "list_specified_version_details",
    "list_version_details",
    "update_endpoint_connections_desc",
    "update_endpoint_policy",
    "update_endpoint_routetable",
    "update_endpoint_service",
    "update_endpoint_service_name",
    "update_endpoint_service_permission_desc",
    "update_endpoint_white",
    "upgrade_endpoint",
    "upgrade_endpoint_service",
];
const PATIENCE: Duration = Duration::from_secs(10);

/// The plan of a pair whose file has networks alone, and the API.
fn rig() -> Rig {
    let text = Rig::pair().toml();
    let networks = text.split("\n[[service]]").next().expect("the networks of the plan");
    Rig::pair().config(&format!("{networks}\n[api]\n")).start()
}

/// A user in a project of its own, with a token.
struct User<'r> {
    rig: &'r Rig,
    token: String,
    project: String,
}

impl<'r> User<'r> {
    fn make(rig: &'r Rig, name: &str, domain: &str) -> Self {
        let project = format!("project-{name}");
        told(rig, &format!("create user {name} --domain {domain} --project {project}"));
        let token = told(rig, &format!("create token {name}")).text("token").to_owned();
        Self { rig, token, project }
    }

    /// The status and the body of an answer.
    fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (token, body) = (format!("X-Auth-Token: {}", self.token), body.to_string());
        let certificate = self.rig.home().join("state/api.crt").display().to_string();
        let newer = ["/add-server-resources", "/upgrade"].iter().any(|end| path.ends_with(end));
        let version = if newer { "v2" } else { "v1" };
        let url = format!("{URL}/{version}/{}/{path}", self.project);
        let json = "Content-Type: application/json";
        let words = ["--cacert", &certificate, "-X", method, "-H", &token, "-H", json, "-d", &body, &url];
        let page = self.rig.gateway().curl(&words);
        (page.status, serde_json::from_str(&page.body).unwrap_or(Value::Null))
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, &json!({}))
    }

    /// The body of an answer of status 200.
    fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, path, body);
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    fn wait_for_status(&self, path: &str, status: &str) {
        wait_for(status, PATIENCE, || {
            let (_, answer) = self.get(path);
            if answer["status"] == status { Ok(()) } else { Err(answer.to_string()) }
        });
    }

    fn wait_until_gone(&self, path: &str) {
        wait_for("404", PATIENCE, || match self.get(path) {
            (404, _) => Ok(()),
            (status, answer) => Err(format!("{status} {answer}")),
        });
    }
}

fn told(rig: &Rig, words: &str) -> View {
    rig.vpcectl(words).unwrap_or_else(|error| panic!("vpcectl {words}: {error}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

#[test]
fn a_service_made_by_one_tenant_carries_the_connections_of_another() {
    let rig = rig();
    let _echo = rig.echo(1);
    let vpcs = told(&rig, "get vpcs");
    let vpc = |n: usize, field: &str| text(vpcs.at(&format!("vpcs.{n}.{field}")));
    let (consumer, provider) = (vpc(0, "domain"), vpc(1, "domain"));
    let (red, blue) = (User::make(&rig, "red", &consumer), User::make(&rig, "blue", &provider));
    let backend = told(&rig, &format!("create backend --vpc provider-1 --kind vm --address {BACKEND}"));

    let ports = json!([{ "client_port": port::ECHO, "server_port": port::ECHO_SERVER, "protocol": "TCP" }]);
    let asked = json!({
        "vpc_id": vpc(1, "id"), "port_id": backend.text("id"), "server_type": "VM", "service_name": "echo",
        "ports": ports,
    });
    let service = text(&blue.done("POST", "vpc-endpoint-services", &asked)["id"]);
    let at = format!("vpc-endpoint-services/{service}");
    blue.wait_for_status(&at, "available");
    let listed = blue.done("GET", "vpc-endpoint-services?endpoint_service_name=ECHO", &json!({}));
    assert_eq!((&listed["total_count"], &listed["endpoint_services"][0]["id"]), (&json!(1), &json!(service)));
    // It is none of another tenant's.
    assert_eq!(red.get(&at).0, 404);

    let asked = json!({
        "endpoint_service_id": service, "vpc_id": vpc(0, "id"), "subnet_id": vpc(0, "subnet_ids.default"),
        "port_ip": endpoint(port::ECHO).ip().to_string(),
    });
    let (status, refused) = red.ask("POST", "vpc-endpoints", &asked);
    assert_eq!((status, &refused["error_code"]), (400, &json!("EndPoint.2012")), "{refused}");
    let permission = json!({ "permissions": [format!("iam:domain::{consumer}")], "action": "add" });
    blue.done("POST", &format!("{at}/permissions/action"), &permission);
    let made = red.done("POST", "vpc-endpoints", &asked);
    assert_eq!(made["status"], "pendingAcceptance");
    let id = text(&made["id"]);
    blue.done("POST", &format!("{at}/connections/action"), &json!({ "action": "receive", "endpoints": [id] }));
    red.wait_for_status(&format!("vpc-endpoints/{id}"), "accepted");

    let mut talk = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    talk.say("hello").expect("an echo");
    drop(talk);

    assert_eq!(blue.ask("DELETE", &at, &json!({})).1["error_code"], "EndPoint.3006");
    assert_eq!(red.ask("DELETE", &format!("vpc-endpoints/{id}"), &json!({})).0, 204);
    red.wait_until_gone(&format!("vpc-endpoints/{id}"));
    assert_eq!(blue.ask("DELETE", &at, &json!({})).0, 204);
    blue.wait_until_gone(&at);
    let log = told(&rig, "get audit --user blue");
    assert_eq!((log.text("records.0.action"), log.text("records.0.result")), ("vpcep:epservices:delete", "ok"));
    assert_eq!(
        (log.text("records.1.action"), log.text("records.1.result")),
        ("vpcep:epservices:delete", "EndPoint.3006")
    );
}

/// A service of blue's at this backend, and an endpoint of red's to it.
fn offered(rig: &Rig, backend: &str) -> (String, String) {
    let vpcs = told(rig, "get vpcs");
    let vpc = |n: usize, field: &str| text(vpcs.at(&format!("vpcs.{n}.{field}")));
    let (red, blue) = (User::make(rig, "red", &vpc(0, "domain")), User::make(rig, "blue", &vpc(1, "domain")));
    let backend = told(rig, &format!("create backend --vpc provider-1 --kind vm --address {backend}"));
    let ports = json!([{ "client_port": port::ECHO, "server_port": port::ECHO_SERVER, "protocol": "TCP" }]);
    let asked = json!({
        "vpc_id": vpc(1, "id"), "port_id": backend.text("id"), "server_type": "VM", "ports": ports,
        "approval_enabled": false,
    });
    let service = text(&blue.done("POST", "vpc-endpoint-services", &asked)["id"]);
    let permission = json!({ "permissions": ["*"], "action": "add" });
    blue.done("POST", &format!("vpc-endpoint-services/{service}/permissions/action"), &permission);
    let asked = json!({
        "endpoint_service_id": service, "vpc_id": vpc(0, "id"), "subnet_id": vpc(0, "subnet_ids.default"),
        "port_ip": endpoint(port::ECHO).ip().to_string(),
    });
    let id = text(&red.done("POST", "vpc-endpoints", &asked)["id"]);
    red.wait_for_status(&format!("vpc-endpoints/{id}"), "accepted");
    (service, id)
}

/// The user of that name, with another token.
fn again<'r>(rig: &'r Rig, name: &str) -> User<'r> {
    let token = told(rig, &format!("create token {name}")).text("token").to_owned();
    User { rig, token, project: format!("project-{name}") }
}

#[test]
fn a_client_that_is_not_in_the_whitelist_is_refused_and_loses_what_it_has_open() {
    let rig = rig();
    let _echo = rig.echo(1);
    let (_, id) = offered(&rig, &BACKEND.to_string());
    let red = again(&rig, "red");
    let list = |clients: &[&str]| {
        let asked = json!({ "whitelist": clients, "enable_whitelist": true });
        red.done("PUT", &format!("vpc-endpoints/{id}"), &asked);
    };
    let open = || rig.client(1).run(|| Talk::open(endpoint(port::ECHO)));
    let mut before = open().expect("nothing is listed: all may");
    before.say("before").expect("an echo");
    list(&["10.0.0.77", "10.1.0.0/16"]);
    before.say("after").expect_err("the client is shut out");
    assert_eq!(open().err().map(|error| error.kind()), Some(ErrorKind::ConnectionRefused));
    list(&["10.0.0.0/29"]);
    let mut listed = open().expect("the client is listed");
    listed.say("listed").expect("an echo");
    // More are let in: what is open stays open.
    list(&["10.0.0.0/24"]);
    listed.say("still").expect("an echo");
    let drops = told(&rig, "get drops");
    assert!(drops.number("drops.not-listed") >= 1, "{drops}");
}

#[test]
fn a_service_whose_backend_is_silent_turns_to_its_standby() {
    let rig = rig();
    let _echo = rig.echo(1);
    let (service, _) = offered(&rig, "10.0.0.77");
    let dial = || rig.client(1).run(|| Talk::open(endpoint(port::ECHO)));
    assert!(dial().is_err(), "nobody answers");
    let standby = told(&rig, &format!("create backend --vpc provider-1 --kind vm --address {BACKEND}"));
    let asked = json!({ "server_resources": [{ "resource_id": standby.text("id") }] });
    let blue = again(&rig, "blue");
    let at = format!("vpc-endpoint-services/{service}/add-server-resources");
    assert_eq!(blue.ask("POST", &at, &asked).0, 204);
    wait_for("a connection to the standby", PATIENCE * 2, || dial().and_then(|mut talk| talk.say("standby")));
}

#[test]
fn an_endpoint_without_room_is_served_once_there_is_some() {
    let rig = rig();
    let (service, first) = offered(&rig, &BACKEND.to_string());
    let (red, vpcs) = (again(&rig, "red"), told(&rig, "get vpcs"));
    let asked = json!({
        "endpoint_service_id": service, "vpc_id": vpcs.at("vpcs.0.id"), "subnet_id": vpcs.at("vpcs.0.subnet_ids.default"),
    });
    let mut last = Value::Null;
    // The rig has flow records for a few.
    wait_for("no room", PATIENCE * 2, || {
        last = red.done("POST", "vpc-endpoints", &asked);
        let made = red.get(&format!("vpc-endpoints/{}", text(&last["id"]))).1;
        if made["status"] == "failed" { Ok(()) } else { Err(made) }
    });
    let last = format!("vpc-endpoints/{}", text(&last["id"]));
    let why = text(&red.get(&last).1["error"][0]["error_message"]);
    assert!(why.contains("max_flows"), "{why}");
    let socket = rig.home().join("vpce.sock").display().to_string();
    let lacks = |kind: &str| {
        let page = rig.gateway().curl(&["--unix-socket", &socket, "http://vpce/v1/differences"]);
        let told: Value = serde_json::from_str(&page.body).expect("an answer of JSON");
        let found = told["differences"].as_array().expect("a list");
        found.iter().any(|one| one["between"] == "api" && one["kind"] == kind && one["fault"] == "missing")
    };
    assert!(lacks("endpoint"));
    assert_eq!(red.ask("DELETE", &format!("vpc-endpoints/{first}"), &json!({})).0, 204);
    red.wait_for_status(&last, "accepted");
    assert!(!lacks("endpoint"));
}

#[test]
fn an_endpoint_whose_upgrade_has_no_room_keeps_what_it_has_and_its_list_counts() {
    let mut rig = rig();
    let _echo = rig.echo(1);
    let (service, id) = offered(&rig, &BACKEND.to_string());
    let mut talk = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    let at = format!("vpc-endpoints/{id}");
    {
        let (red, blue) = (again(&rig, "red"), again(&rig, "blue"));
        let upgrade =
            |user: &User<'_>, what: &str| user.ask("POST", &format!("{what}/upgrade"), &json!({ "action": "start" })).0;
        assert_eq!(upgrade(&blue, &format!("vpc-endpoint-services/{service}")), 204);
        assert_eq!(upgrade(&red, &at), 200);
        red.wait_for_status(&at, "failed");
    }
    talk.say("served as before").expect("an echo");
    rig.agent().reload();
    again(&rig, "red").wait_for_status(&at, "failed");
    talk.say("after a reload").expect("an echo");
    rig.agent().kill();
    rig.agent().start();
    let red = again(&rig, "red");
    red.wait_for_status(&at, "failed");
    talk.say("after a kill").expect("an echo");
    red.done("PUT", &at, &json!({ "whitelist": ["10.0.0.77"], "enable_whitelist": true }));
    talk.say("shut out").expect_err("the client is not listed");
    assert!(rig.client(1).run(|| Talk::open(endpoint(port::ECHO))).is_err());
}

#[test]
fn what_the_file_owns_is_shown_to_its_tenant_and_not_changed_by_requests() {
    let rig = Rig::pair().config(&format!("{}\n[api]\n", Rig::pair().toml())).start();
    let vpcs = told(&rig, "get vpcs");
    let red = User::make(&rig, "red", vpcs.text("vpcs.0.domain"));
    let blue = User::make(&rig, "blue", vpcs.text("vpcs.1.domain"));
    let listed = |user: &User<'_>, what: &str, list: &str| user.done("GET", what, &json!({}))[list][0].clone();
    let service = text(&listed(&blue, "vpc-endpoint-services", "endpoint_services")["id"]);
    blue.wait_for_status(&format!("vpc-endpoint-services/{service}"), "available");
    let (status, refused) = blue.ask("DELETE", &format!("vpc-endpoint-services/{service}"), &json!({}));
    assert_eq!((status, &refused["error_code"]), (403, &json!("EndPoint.0004")), "{refused}");

    let endpoint = text(&listed(&red, "vpc-endpoints", "endpoints")["id"]);
    red.wait_for_status(&format!("vpc-endpoints/{endpoint}"), "accepted");
    assert_eq!(red.get(&format!("vpc-endpoints/{endpoint}")).1["ip"], "10.0.0.100");
}

#[test]
fn keys_and_users_outlive_the_agent_and_go_with_their_user() {
    let mut rig = rig();
    told(&rig, "create user red --domain d-red --project p-red --role ReadOnlyAccess");
    let key = told(&rig, "create key red");
    assert_eq!(key.text("access").len(), 20);
    assert_eq!(key.text("secret").len(), 40);
    rig.agent().kill();
    rig.agent().start();
    let keys = told(&rig, "get keys");
    assert_eq!(
        keys.at("keys.0"),
        &json!({
            "access": key.text("access"), "user": "red", "created_at": key.text("created_at"),
        })
    );
    told(&rig, "delete user red");
    assert_eq!(told(&rig, "get keys").at("keys"), &json!([]));
    let error = rig.vpcectl("create key red").expect_err("a key of nobody");
    assert!(error.contains("there is no user \"red\"; `vpcectl get users`"), "{error}");
}

#[test]
fn the_document_has_the_operations_of_the_vendor_and_no_others() {
    let rig = rig();
    let page = rig.gateway().curl(&["--insecure", &format!("{URL}/openapi.json")]);
    let document: Value = serde_json::from_str(&page.body).expect("a document of JSON");
    assert!(text(&document["openapi"]).starts_with("3.1"), "{}", document["openapi"]);
    let paths = document["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|path| path.as_object().expect("operations").values());
    let ids: BTreeSet<String> = operations.map(|operation| text(&operation["operationId"])).collect();
    assert_eq!(ids, OPERATIONS.map(str::to_owned).into());
}
