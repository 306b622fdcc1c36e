use super::*;

fn state(resources: &Resources, endpoint: EndpointId) -> EndpointState {
    shown(resources, endpoint).status
}

#[test]
fn an_endpoint_waits_for_approval_and_is_accepted_when_the_dataplane_has_it() {
    let mut resources = resources();
    let service = service(&mut resources, 10, true);
    let id = endpoint(&mut resources, 1, service);
    assert_eq!((state(&resources, id), shown(&resources, id).ip), (EndpointState::PendingAcceptance, None));
    assert_eq!(resources.desired(&[Key::Endpoint(id)]).endpoints, [(id.to_string(), None)].into());
    act(&mut resources, service, id, "receive").unwrap();
    assert_eq!(state(&resources, id), EndpointState::Creating);
    assert!(resources.desired(&[Key::Endpoint(id)]).endpoints[&id.to_string()].is_some());
    resources.set_applied(id.0, Ok(()));
    let details = shown(&resources, id);
    assert_eq!((details.status, details.ip), (EndpointState::Accepted, Some([10, 0, 0, 2].into())));
    assert_eq!(shown_service(&resources, service).connection_count, 1);
}

#[test]
fn an_endpoint_that_the_dataplane_could_not_take_says_why() {
    let mut resources = resources();
    let service = service(&mut resources, 10, false);
    let id = endpoint(&mut resources, 1, service);
    resources.set_applied(id.0, Err("no room".to_owned()));
    let details = shown(&resources, id);
    assert_eq!((details.status, details.error[0].message.as_str()), (EndpointState::Failed, "no room"));
    assert_eq!(shown_service(&resources, service).connection_count, 0);
    // Failed is neither accepted nor creating.
    resources.delete_service(&tenant("blue"), AT, service).unwrap();
    assert_eq!(state(&resources, id), EndpointState::Rejected);
}

#[test]
fn each_action_has_states_that_it_is_for() {
    let mut resources = resources();
    let service = service(&mut resources, 10, true);
    let id = endpoint(&mut resources, 1, service);
    act(&mut resources, service, id, "reject").unwrap();
    assert_eq!(state(&resources, id), EndpointState::Rejected);
    refused(act(&mut resources, service, id, "reject"), "EndPoint.3045");
    act(&mut resources, service, id, "receive").unwrap();
    refused(act(&mut resources, service, id, "receive"), "EndPoint.3045");
    resources.set_applied(id.0, Ok(()));
    refused(act(&mut resources, service, id, "receive"), "EndPoint.3045");
    act(&mut resources, service, id, "reject").unwrap();
    // The address that it had is still told.
    assert_eq!((state(&resources, id), shown(&resources, id).ip.is_some()), (EndpointState::Rejected, true));
    // What the dataplane said before does not count after.
    act(&mut resources, service, id, "receive").unwrap();
    assert_eq!(state(&resources, id), EndpointState::Creating);
    resources.delete_endpoint(&tenant("red"), AT, id).unwrap();
    refused(act(&mut resources, service, id, "receive"), "EndPoint.3045");
    refused(act(&mut resources, service, id, "reject"), "EndPoint.3045");
}

#[test]
fn only_the_services_owner_acts_on_one_endpoint_of_it_where_approval_is_on() {
    let mut resources = resources();
    let (on, off) = (service(&mut resources, 10, true), service(&mut resources, 11, false));
    let id = endpoint(&mut resources, 1, on);
    let by_red =
        resources.accept_or_reject(&tenant("red"), AT, on, &body(json!({ "action": "receive", "endpoints": [id] })));
    refused(by_red, "EndPoint.0005");
    let blue = tenant("blue");
    for (service, request, code) in [
        (on, json!({ "action": "receive", "endpoints": [id, id] }), "EndPoint.2031"),
        (on, json!({ "action": "receive", "endpoints": [] }), "EndPoint.2031"),
        (on, json!({ "endpoints": [id] }), "EndPoint.2027"),
        (on, json!({ "action": "delete", "endpoints": [id] }), "EndPoint.3035"),
        (on, json!({ "action": "receive", "endpoints": ["x"] }), "EndPoint.2013"),
        (off, json!({ "action": "receive", "endpoints": [id] }), "EndPoint.3045"),
    ] {
        refused(resources.accept_or_reject(&blue, AT, service, &body(request)), code);
    }
    let approve = body(json!({ "approval_enabled": true }));
    resources.update_service(&blue, AT, off, &approve).unwrap();
    refused(act(&mut resources, off, id, "receive"), "EndPoint.2013");
}

#[test]
fn turning_approval_off_approves_what_waits_and_is_still_admitted() {
    let mut resources = resources();
    let (blue, service) = (tenant("blue"), service(&mut resources, 10, true));
    let (waits, rejected) = (endpoint(&mut resources, 1, service), endpoint(&mut resources, 2, service));
    act(&mut resources, service, rejected, "reject").unwrap();
    let mut closed = resources.clone();
    let remove = body(json!({ "permissions": ["*"], "action": "remove" }));
    closed.change_permissions(&blue, AT, service, &remove).unwrap();
    let off = body(json!({ "approval_enabled": false }));
    for (resources, expected) in
        [(&mut resources, EndpointState::Creating), (&mut closed, EndpointState::PendingAcceptance)]
    {
        resources.update_service(&blue, AT, service, &off).unwrap();
        assert_eq!((state(resources, waits), state(resources, rejected)), (expected, EndpointState::Rejected));
    }
}

#[test]
fn connections_are_found_by_endpoint_number_and_state_and_described() {
    let mut resources = resources();
    let (blue, service) = (tenant("blue"), service(&mut resources, 10, true));
    let (first, second) = (endpoint(&mut resources, 1, service), endpoint(&mut resources, 2, service));
    act(&mut resources, service, second, "receive").unwrap();
    let list = |query: Value| resources.list_connections(&blue, service, &body(query)).unwrap();
    let all = list(json!({}));
    assert_eq!((all.total_count, all.connections[0].domain_id.as_str()), (2, "red"));
    assert_ne!(all.connections[0].marker_id, all.connections[1].marker_id);
    let ids = |query: Value| list(query).connections.iter().map(|connection| connection.id).collect::<Vec<_>>();
    assert_eq!(ids(json!({ "id": first })), [first]);
    assert_eq!(ids(json!({ "marker_id": shown(&resources, second).marker_id.to_string() })), [second]);
    assert_eq!(ids(json!({ "marker_id": "1" })), []);
    assert_eq!(ids(json!({ "status": "pendingAcceptance" })), [first]);
    refused(resources.list_connections(&blue, service, &body(json!({ "status": "x" }))), "EndPoint.0019");
    refused(resources.list_connections(&blue, service, &body(json!({ "marker_id": "x" }))), "EndPoint.0021");
    let request = body(json!({ "connections": [{ "id": first, "description": "a friend" }] }));
    resources.update_connection_descriptions(&blue, AT, service, &request).unwrap();
    let found = resources.list_connections(&blue, service, &body(json!({ "id": first }))).unwrap();
    assert_eq!(found.connections[0].description, "a friend");
    // It is the service's owner's, not the endpoint's.
    assert_eq!(shown(&resources, first).description, "");
}
