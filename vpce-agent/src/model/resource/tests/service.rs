use std::net::Ipv4Addr;

use super::*;

#[test]
fn a_service_is_shown_as_it_was_asked_for_under_its_full_name() {
    let mut resources = resources();
    let backend = backend(&mut resources, 10);
    let id = ServiceId(id(1));
    let details = resources.create_service(&tenant("blue"), AT, id, &service_request(backend)).unwrap();
    let shown = serde_json::to_value(&details).unwrap();
    let expected = json!({
        "id": id, "port_id": backend, "service_name": format!("region-1.web.{id}"), "server_type": "VM",
        "vpc_id": vpc("blue"), "approval_enabled": false, "status": "creating", "service_type": "interface",
        "supported_editions": ["basic"], "created_at": "2023-11-14T22:13:20Z", "updated_at": "2023-11-14T22:13:20Z",
        "project_id": "blue-project", "domain_id": "blue",
        "ports": [{ "client_port": 80, "server_port": 8080, "protocol": "TCP" }], "tcp_proxy": "close",
        "ip_version": "ipv4", "cidr_type": "internal", "tags": [], "connection_count": 0, "error": [],
        "description": "", "enable_policy": true,
    });
    assert_eq!(shown, expected);
    resources.set_applied(id.0, Ok(()));
    assert_eq!(shown_service(&resources, id).status, ServiceState::Available);
    resources.set_applied(id.0, Err("no room".to_owned()));
    let failed = shown_service(&resources, id);
    assert_eq!((failed.status, failed.error[0].message.as_str()), (ServiceState::Failed, "no room"));
}

#[test]
fn the_operator_makes_for_a_tenant_only_what_is_in_its_vpcs_or_in_its_own() {
    let mut resources = resources();
    let backend = backend(&mut resources, 10);
    let request = service_request(backend);
    let within = |domain: &str| Caller { operator: true, ..tenant(domain) };
    refused(resources.create_service(&within("red"), AT, ServiceId(id(1)), &request), "EndPoint.2001");
    resources.create_service(&within("blue"), AT, ServiceId(id(1)), &request).unwrap();
    let endpoint = |vpc_name: &str| body(json!({ "endpoint_service_id": id(1), "vpc_id": vpc(vpc_name) }));
    refused(resources.create_endpoint(&within("blue"), AT, EndpointId(id(2)), &endpoint("red")), "EndPoint.2001");
    // A VPC of no tenant may be used; it is the service that does not admit it.
    let asked = resources.create_endpoint(&within("blue"), AT, EndpointId(id(2)), &endpoint("cloud"));
    refused(asked, "EndPoint.2012");
}

#[test]
fn values_that_are_not_offered_are_refused_by_field() {
    let mut resources = resources();
    let backend = backend(&mut resources, 10);
    for (field, value, code) in [
        ("service_type", json!("gateway"), "EndPoint.0002"),
        ("tcp_proxy", json!("toa_open"), "EndPoint.0002"),
        ("ip_version", json!("ipv6"), "EndPoint.0002"),
        ("snat_network_id", json!("x"), "EndPoint.0002"),
        ("vpc_id", json!("x"), "EndPoint.0020"),
        ("vpc_id", json!(vpc("red")), "EndPoint.2001"),
        ("port_id", json!(Uuid::nil()), "EndPoint.3003"),
        ("server_type", json!("LB"), "EndPoint.3021"),
        ("service_name", json!("seventeen-letters"), "EndPoint.3076"),
        ("service_name", json!("a.b"), "EndPoint.3076"),
        ("description", json!("<b>"), "EndPoint.0002"),
        ("ports", json!([]), "EndPoint.2028"),
        ("ports", json!([{ "client_port": 80 }]), "EndPoint.2028"),
        ("ports", json!([{ "client_port": 0, "server_port": 1 }]), "EndPoint.3004"),
        ("ports", json!([{ "client_port": 1, "server_port": 65536 }]), "EndPoint.3004"),
        ("ports", json!([{ "client_port": 1, "server_port": 1, "protocol": "SCTP" }]), "EndPoint.3075"),
        (
            "ports",
            json!([{ "client_port": 1, "server_port": 1 }, { "client_port": 1, "server_port": 2 }]),
            "EndPoint.3043",
        ),
        (
            "ports",
            json!([{ "client_port": 1, "server_port": 1 }, { "client_port": 2, "server_port": 1 }]),
            "EndPoint.3043",
        ),
    ] {
        let mut request = serde_json::to_value(service_request(backend)).unwrap();
        request[field] = value;
        let outcome = resources.clone().create_service(&tenant("blue"), AT, ServiceId(id(1)), &body(request));
        let text = refused(outcome, code);
        assert!(text.contains(field) || text.contains("port") || field == "ports", "{field}: {text}");
    }
    let ports: Vec<_> = (1..=201).map(|port| json!({ "client_port": port, "server_port": port })).collect();
    let request = CreateService { ports: Some(body(json!(ports))), ..service_request(backend) };
    refused(resources.create_service(&tenant("blue"), AT, ServiceId(id(1)), &request), "EndPoint.3074");
}

#[test]
fn two_services_of_a_backend_may_not_publish_the_same_port() {
    let mut resources = resources();
    let first = service(&mut resources, 10, false);
    let (blue, second, backend) = (tenant("blue"), ServiceId(id(1)), BackendId(id(10)));
    let text = refused(resources.create_service(&blue, AT, second, &service_request(backend)), "EndPoint.3044");
    assert!(text.contains("8080") && text.contains(&first.to_string()), "{text}");
    let udp = body(json!([{ "client_port": 80, "server_port": 8080, "protocol": "UDP" }]));
    let request = CreateService { ports: Some(udp), ..service_request(backend) };
    resources.create_service(&blue, AT, second, &request).unwrap();
    let tcp = body(json!({ "ports": [{ "client_port": 1, "server_port": 8080 }] }));
    refused(resources.update_service(&blue, AT, second, &tcp), "EndPoint.3044");
    // Its own port is no conflict.
    resources.update_service(&blue, AT, first, &tcp).unwrap();
}

#[test]
fn another_tenant_and_another_project_do_not_find_it() {
    let mut resources = resources();
    let id = service(&mut resources, 10, false);
    let other_project = Caller { project: "other".to_owned(), ..tenant("blue") };
    for by in [tenant("red"), other_project] {
        refused(resources.service(&by, id), "EndPoint.0005");
        refused(resources.delete_service(&by, AT, id), "EndPoint.0005");
        assert_eq!(resources.list_services(&by, &body(json!({}))).unwrap().total_count, 0);
    }
    assert_eq!(resources.service(&operator(), id).unwrap().id, id);
}

#[test]
fn the_quota_is_kept_to_and_the_operator_raises_it() {
    let mut resources = resources();
    let quota = body(json!({ "endpoint_service": 1 }));
    refused(resources.set_quota(&tenant("blue"), "blue", &quota), "EndPoint.0004");
    resources.set_quota(&operator(), "blue", &quota).unwrap();
    service(&mut resources, 10, false);
    let (blue, backend, next) = (tenant("blue"), backend(&mut resources, 11), ServiceId(id(1)));
    let text = refused(resources.create_service(&blue, AT, next, &service_request(backend)), "Endpoint.1018");
    assert!(text.contains("1 of 1"), "{text}");
    resources.set_quota(&operator(), "blue", &body(json!({ "endpoint_service": 2 }))).unwrap();
    resources.create_service(&blue, AT, next, &service_request(backend)).unwrap();
    let quotas = serde_json::to_value(resources.quotas(&blue, Some("endpoint_service")).unwrap()).unwrap();
    assert_eq!(quotas, json!({ "quotas": { "resources": [{ "type": "endpoint_service", "used": 2, "quota": 2 }] } }));
    assert_eq!(resources.quotas(&tenant("red"), None).unwrap().quotas.resources[1].quota, 50);
}

#[test]
fn a_service_with_an_active_endpoint_is_not_deleted_and_a_deleted_one_is_gone_when_released() {
    let mut resources = resources();
    let blue = tenant("blue");
    let id = service(&mut resources, 10, true);
    let endpoint = endpoint(&mut resources, 1, id);
    act(&mut resources, id, endpoint, "receive").unwrap();
    refused(resources.delete_service(&blue, AT, id), "EndPoint.3006");
    act(&mut resources, id, endpoint, "reject").unwrap();
    resources.take_changed();
    resources.delete_service(&blue, AT, id).unwrap();
    let changed = resources.take_changed();
    assert_eq!(shown_service(&resources, id).status, ServiceState::Deleting);
    assert_eq!(resources.desired(&changed).services, [(id.to_string(), None)].into());
    refused(resources.rename_service(&blue, AT, id, &body(json!({ "endpoint_service_name": "x" }))), "EndPoint.3045");
    assert!(resources.released(id.0));
    refused(resources.service(&blue, id), "EndPoint.0005");
    assert_eq!(resources.row(&Key::Service(id)), None);
    assert_eq!(shown(&resources, endpoint).endpoint_service_name, format!("region-1.web.{id}"));
    // Its backend and port are free again.
    resources.create_service(&blue, AT, ServiceId(super::id(1)), &service_request(BackendId(super::id(10)))).unwrap();
}

#[test]
fn a_standby_is_another_backend_of_the_same_vpc() {
    let mut resources = resources();
    let blue = tenant("blue");
    let id = service(&mut resources, 10, false);
    let other = backend(&mut resources, 11);
    let add = |backend: BackendId| body(json!({ "server_resources": [{ "resource_id": backend }] }));
    refused(resources.add_server_resources(&blue, AT, id, &add(BackendId(super::id(10)))), "EndPoint.3006");
    let of_cloud = BackendId::of_file("region-1", "cloud", [10, 0, 0, 53].into());
    refused(resources.add_server_resources(&blue, AT, id, &add(of_cloud)), "EndPoint.3003");
    resources.add_server_resources(&blue, AT, id, &add(other)).unwrap();
    let leads_to = |resources: &Resources| {
        let part = resources.desired(&[Key::Service(id)]);
        part.services[&id.to_string()].as_ref().expect("it is served").target.address()
    };
    assert_eq!((leads_to(&resources), resources.with_standby().collect::<Vec<_>>()), ([10, 0, 0, 10].into(), vec![id]));
    resources.turn(id);
    assert_eq!(leads_to(&resources), Ipv4Addr::from([10, 0, 0, 11]));
    resources.turn(id);
    assert_eq!(leads_to(&resources), Ipv4Addr::from([10, 0, 0, 10]));
    refused(resources.delete_backend(&operator(), other), "EndPoint.3006");
    // What the standby publishes is taken there too.
    refused(resources.create_service(&blue, AT, ServiceId(super::id(1)), &service_request(other)), "EndPoint.3044");
}

#[test]
fn a_consumer_finds_a_service_by_its_whole_name_or_id() {
    let mut resources = resources();
    let id = service(&mut resources, 10, false);
    let by_name = |name: String| resources.describe_service(&body(json!({ "endpoint_service_name": name })));
    assert_eq!(by_name(format!("region-1.web.{id}")).unwrap().id, id);
    refused(by_name(format!("region-1.{id}")), "EndPoint.0005");
    refused(by_name("region-1.web".to_owned()), "EndPoint.0005");
    assert_eq!(resources.describe_service(&body(json!({ "id": id }))).unwrap().service_type, "interface");
    refused(resources.describe_service(&body(json!({}))), "EndPoint.0002");
}

#[test]
fn permissions_are_added_described_and_removed_by_text_and_by_id() {
    let mut resources = resources();
    let (blue, id) = (tenant("blue"), service(&mut resources, 10, false));
    let add = body(json!({ "permissions": [{ "permission": "iam:domain::red", "description": "friends" }] }));
    let added = resources.add_permissions(&blue, AT, id, &add).unwrap().permissions.remove(0);
    assert_eq!((added.permission.as_str(), added.description.as_str()), ("iam:domain::red", "friends"));
    let request = body(json!({ "permission": { "description": "foes" } }));
    resources.update_permission_description(&blue, AT, id, added.id, &request).unwrap();
    let listed = resources.list_permissions(&blue, id, &body(json!({ "permission": "RED" }))).unwrap();
    assert_eq!((listed.total_count, listed.permissions[0].description.as_str()), (1, "foes"));
    resources.remove_permissions(&blue, AT, id, &body(json!({ "permissions": [{ "id": added.id }] }))).unwrap();
    refused(
        resources.remove_permissions(&blue, AT, id, &body(json!({ "permissions": [{ "id": added.id }] }))),
        "EndPoint.0005",
    );
    let remove = body(json!({ "permissions": ["*"], "action": "remove" }));
    resources.change_permissions(&blue, AT, id, &remove).unwrap();
    assert_eq!(resources.list_permissions(&blue, id, &body(json!({}))).unwrap().total_count, 0);
    for (permission, code) in [("organizations:orgPath::x", "EndPoint.3036"), ("iam:domain::", "EndPoint.3036")] {
        let add = body(json!({ "permissions": [permission], "action": "add" }));
        refused(resources.change_permissions(&blue, AT, id, &add), code);
    }
}
