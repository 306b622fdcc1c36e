use super::*;

fn create(resources: &Resources, request: &CreateEndpoint) -> Result<EndpointDetails, Refusal> {
    resources.clone().create_endpoint(&tenant("red"), AT, EndpointId(id(1)), request)
}

fn with(service: ServiceId, fields: Value) -> CreateEndpoint {
    let mut request = serde_json::to_value(endpoint_request(service)).unwrap();
    let Value::Object(fields) = fields else { panic!("{fields}") };
    fields.into_iter().for_each(|(key, value)| request[key] = value);
    body(request)
}

#[test]
fn an_endpoint_gets_the_next_free_address_and_neither_the_gateways_nor_anyone_elses() {
    let mut resources = resources();
    let service = service(&mut resources, 10, false);
    let addresses: Vec<_> = (0..3)
        .map(|number| {
            let id = endpoint(&mut resources, number, service);
            shown(&resources, id).ip.unwrap().to_string()
        })
        .collect();
    // .1 is the gateway's, .3 of an endpoint of the file.
    assert_eq!(addresses, ["10.0.0.2", "10.0.0.4", "10.0.0.5"]);
}

#[test]
fn an_address_that_is_asked_for_must_be_free_and_a_hosts_of_the_subnet() {
    let mut resources = resources();
    let service = service(&mut resources, 10, false);
    let ask = |address: &str| create(&resources, &with(service, json!({ "port_ip": address })));
    assert_eq!(ask("10.0.0.77").unwrap().ip, Some([10, 0, 0, 77].into()));
    for (address, code) in [
        ("10.0.0.0", "EndPoint.2041"),
        ("10.0.0.255", "EndPoint.2041"),
        ("x", "EndPoint.2041"),
        ("10.0.0.1", "EndPoint.2042"),
        ("10.0.0.3", "EndPoint.2042"),
        ("10.0.1.2", "EndPoint.2043"),
    ] {
        assert!(refused(ask(address), code).contains(address));
    }
}

#[test]
fn a_full_subnet_has_room_again_only_when_a_deleted_endpoint_was_released() {
    let mut resources = resources();
    let (red, service) = (tenant("red"), service(&mut resources, 10, false));
    let small = with(service, json!({ "subnet_id": subnet("red", "small") }));
    for number in 0..6 {
        resources.create_endpoint(&red, AT, EndpointId(id(10 + number)), &small).unwrap();
    }
    refused(create(&resources, &small), "EndPoint.3001");
    let third = EndpointId(id(12));
    resources.delete_endpoint(&red, AT, third).unwrap();
    assert_eq!(shown(&resources, third).status, EndpointState::Deleting);
    refused(create(&resources, &small), "EndPoint.3001");
    assert!(resources.released(third.0));
    assert!(!resources.released(third.0));
    refused(resources.endpoint(&red, third), "EndPoint.2006");
    assert_eq!(create(&resources, &small).unwrap().ip, Some([10, 0, 1, 3].into()));
}

#[test]
fn what_does_not_fit_is_refused_by_field() {
    let mut resources = resources();
    let service = service(&mut resources, 10, false);
    let many: Vec<_> = (0..101).map(|number| format!("10.1.0.{number}")).collect();
    for (fields, code) in [
        (json!({ "endpoint_service_id": "" }), "EndPoint.2029"),
        (json!({ "endpoint_service_id": "x" }), "EndPoint.2003"),
        (json!({ "endpoint_service_id": id(9) }), "EndPoint.2003"),
        (json!({ "subnet_id": null }), "EndPoint.2010"),
        (json!({ "subnet_id": "x" }), "EndPoint.0023"),
        (json!({ "subnet_id": subnet("blue", "a") }), "EndPoint.2037"),
        (json!({ "vpc_id": vpc("blue") }), "EndPoint.2001"),
        (json!({ "ip_version": "dualstack" }), "EndPoint.0002"),
        (json!({ "routetables": ["x"] }), "EndPoint.0002"),
        (json!({ "whitelist": ["10.0.0.1/24"] }), "EndPoint.2044"),
        (json!({ "whitelist": many }), "EndPoint.2045"),
        (json!({ "policy_document": { "Statement": [{ "Effect": "Deny" }] } }), "EndPoint.2048"),
        (
            json!({ "policy_statement": [{ "Effect": "Allow", "Action": ["obs:*"], "Resource": ["*"] }] }),
            "EndPoint.2048",
        ),
    ] {
        refused(create(&resources, &with(service, fields)), code);
    }
}

#[test]
fn only_a_whitelisted_domain_makes_an_endpoint() {
    let mut resources = resources();
    let service = service(&mut resources, 10, false);
    let remove = body(json!({ "permissions": ["*"], "action": "remove" }));
    resources.change_permissions(&tenant("blue"), AT, service, &remove).unwrap();
    let text = refused(create(&resources, &endpoint_request(service)), "EndPoint.2012");
    assert!(text.contains("iam:domain::red"), "{text}");
    let add = body(json!({ "permissions": ["iam:domain::red"], "action": "add" }));
    resources.change_permissions(&tenant("blue"), AT, service, &add).unwrap();
    create(&resources, &endpoint_request(service)).unwrap();
}

#[test]
fn an_endpoint_of_a_gateway_service_takes_the_vpcs_route_table_once() {
    let mut resources = resources();
    let (red, obs) = (tenant("red"), ServiceId::of_file("region-1", "obs"));
    let table = RouteTableId::of_file("region-1", "red");
    let request: CreateEndpoint =
        body(json!({ "endpoint_service_id": obs, "vpc_id": vpc("red"), "routetables": [table], "enable_dns": true }));
    let id = EndpointId(id(1));
    let made = resources.create_endpoint(&red, AT, id, &request).unwrap();
    assert_eq!((made.ip, made.subnet_id, made.enable_dns), (None, None, false));
    assert_eq!((made.service_type.as_str(), made.routetables), ("gateway", vec![table]));
    let mut other = resources.clone();
    let again = other.create_endpoint(&red, AT, EndpointId(super::id(2)), &request);
    assert!(refused(again, "EndPoint.2039").contains("100.125.0.0/16"));
    let tables = |table: Value| body(json!({ "routetables": [table] }));
    resources.update_route_tables(&red, AT, id, &tables(json!(table))).unwrap();
    refused(resources.update_route_tables(&red, AT, id, &tables(json!(id))), "EndPoint.2040");
    refused(resources.update_whitelist(&red, AT, id, &body(json!({ "whitelist": ["10.0.0.9"] }))), "EndPoint.2044");
    let part = resources.desired(&resources.take_changed_of());
    assert_eq!(part.endpoints[&id.to_string()].as_ref().unwrap().service, "obs");
    resources.delete_endpoint(&red, AT, id).unwrap();
    resources.released(id.0);
    resources.create_endpoint(&red, AT, EndpointId(super::id(2)), &request).unwrap();
}

impl Resources {
    /// The changed keys of a clone.
    fn take_changed_of(&self) -> Vec<Key> {
        self.clone().take_changed()
    }
}

#[test]
fn the_whitelist_is_replaced_cleared_and_counts_only_when_on() {
    let mut resources = resources();
    let (red, service) = (tenant("red"), service(&mut resources, 10, false));
    let id = endpoint(&mut resources, 1, service);
    let set = body(json!({ "whitelist": ["10.0.0.9", "10.2.0.0/16"], "enable_whitelist": true }));
    let details = resources.update_whitelist(&red, AT, id, &set).unwrap();
    assert_eq!(
        (details.whitelist, details.enable_whitelist),
        (vec!["10.0.0.9".to_owned(), "10.2.0.0/16".to_owned()], true)
    );
    assert_eq!(resources.clients(id).whitelist.unwrap().len(), 2);
    let details = resources.update_whitelist(&red, AT, id, &body(json!({ "whitelist": [] }))).unwrap();
    assert_eq!((details.whitelist, details.enable_whitelist), (Vec::new(), true));
    resources.update_whitelist(&red, AT, id, &body(json!({ "enable_whitelist": false }))).unwrap();
    assert_eq!(resources.clients(id).whitelist, None);
}

#[test]
fn a_policy_by_client_addresses_is_kept_to_and_deleted_again() {
    let mut resources = resources();
    let (red, service) = (tenant("red"), service(&mut resources, 10, false));
    let id = endpoint(&mut resources, 1, service);
    let statement =
        |condition: Value| json!({ "Effect": "Allow", "Action": ["*"], "Resource": ["*"], "Condition": condition });
    let some = statement(json!({ "IpAddress": { "SourceIp": ["10.0.0.0/25"] } }));
    resources.update_policy(&red, AT, id, &body(json!({ "policy_statement": [some] }))).unwrap();
    assert_eq!(resources.clients(id).policy, Some(&["10.0.0.0/25".parse().unwrap()][..]));
    let details = resources.endpoint(&red, id).unwrap();
    assert_eq!(serde_json::to_value(&details.policy_statement[0]).unwrap(), some);
    // Whoever one statement lets in is in.
    let all = json!({ "policy_document": { "Version": "5.0", "Statement": [some, { "Effect": "Allow", "Principal": "*" }] } });
    resources.update_policy(&red, AT, id, &body(all)).unwrap();
    assert_eq!(resources.clients(id).policy, None);
    refused(resources.update_policy(&red, AT, id, &body(json!({}))), "EndPoint.2049");
    let other = statement(json!({ "StringEquals": { "SourceIp": "10.0.0.0/25" } }));
    refused(resources.update_policy(&red, AT, id, &body(json!({ "policy_statement": [other] }))), "EndPoint.2048");
    let details = resources.delete_policy(&red, AT, id).unwrap();
    assert_eq!((details.policy_statement.len(), details.policy_document), (0, None));
}

#[test]
fn an_endpoint_becomes_professional_after_its_service() {
    let mut resources = resources();
    let (red, blue, service) = (tenant("red"), tenant("blue"), service(&mut resources, 10, false));
    let id = endpoint(&mut resources, 1, service);
    let start = body(json!({ "action": "start" }));
    refused(resources.upgrade_endpoint(&red, AT, id, &start), "EndPoint.3045");
    resources.upgrade_service(&blue, AT, service).unwrap();
    refused(resources.upgrade_endpoint(&red, AT, id, &body(json!({ "action": "stop" }))), "EndPoint.3035");
    resources.upgrade_endpoint(&red, AT, id, &start).unwrap();
    let part = resources.desired(&[Key::Endpoint(id)]);
    assert_eq!(part.endpoints[&id.to_string()].as_ref().unwrap().max_connections, 1_000_000);
    assert_eq!(shown(&resources, id).specification_name, "professional");
    assert_eq!(shown_service(&resources, service).supported_editions, ["basic", "professional"]);
}

#[test]
fn endpoints_get_the_connections_that_the_file_had_for_them_at_the_start() {
    let section =
        |basic, more| format!("{FILE}\n[api]\nbasic_connections = {basic}\nprofessional_connections = {more}");
    let mut resources = Resources::new(&desired(&section(50, 60)), AT).with_file(&desired(&section(70, 80)), AT);
    let (red, blue, service) = (tenant("red"), tenant("blue"), service(&mut resources, 10, false));
    let id = endpoint(&mut resources, 1, service);
    let connections = |resources: &Resources| {
        let part = resources.desired(&[Key::Endpoint(id)]);
        part.endpoints[&id.to_string()].as_ref().unwrap().max_connections
    };
    assert_eq!(connections(&resources), 50);
    resources.upgrade_service(&blue, AT, service).unwrap();
    resources.upgrade_endpoint(&red, AT, id, &body(json!({ "action": "start" }))).unwrap();
    assert_eq!(connections(&resources), 60);
}

#[test]
fn the_dataplane_gets_names_of_the_file_and_ids_of_the_rest() {
    let mut resources = resources();
    let service = service(&mut resources, 10, false);
    let id = endpoint(&mut resources, 1, service);
    let part = resources.desired(&resources.take_changed_of());
    let (name, made) = part.services.first_key_value().unwrap();
    let made = made.as_ref().unwrap();
    assert_eq!((name, made.vpc.as_str(), made.ports.len()), (&service.to_string(), "blue", 1));
    assert_eq!(made.target.address(), std::net::Ipv4Addr::from([10, 0, 0, 10]));
    let (name, made) = part.endpoints.first_key_value().unwrap();
    let made = made.as_ref().unwrap();
    let place = made.place.as_ref().unwrap();
    assert_eq!((name, &made.service, made.vpc.as_str()), (&id.to_string(), &service.to_string(), "red"));
    assert_eq!((place.subnet.as_str(), place.address, made.max_connections), ("a", Some([10, 0, 0, 2].into()), 3000));
}

#[test]
fn domain_names_are_shown_only_where_they_were_asked_for() {
    let mut resources = resources();
    let service = service(&mut resources, 10, false);
    let plain = endpoint(&mut resources, 1, service);
    let named = EndpointId(id(1));
    resources.create_endpoint(&tenant("red"), AT, named, &with(service, json!({ "enable_dns": true }))).unwrap();
    for id in [plain, named] {
        resources.set_dns_names(id, vec!["x.example".to_owned()]);
    }
    assert_eq!(shown(&resources, plain).dns_names, None);
    assert_eq!(shown(&resources, named).dns_names, Some(vec!["x.example".to_owned()]));
}
