use super::*;

#[test]
fn what_the_file_owns_is_shown_and_not_changed() {
    let mut resources = resources();
    let (red, id) = (tenant("red"), EndpointId::of_file("region-1", "dns"));
    let details = shown(&resources, id);
    assert_eq!((details.status, details.project_id.as_str()), (EndpointState::Creating, "red-project"));
    assert_eq!(details.ip, Some([10, 0, 0, 3].into()));
    for outcome in [
        resources.delete_endpoint(&red, AT, id),
        resources.update_whitelist(&red, AT, id, &body(json!({}))).map(drop),
        resources.delete_service(&operator(), AT, ServiceId::of_file("region-1", "obs")),
    ] {
        assert!(refused(outcome, "EndPoint.0004").contains("file"));
    }
    let backend = BackendId::of_file("region-1", "cloud", [10, 0, 0, 53].into());
    refused(resources.delete_backend(&operator(), backend), "EndPoint.0004");
    assert_eq!(resources.row(&Key::Endpoint(id)), None);
    // It counts for nobody's quota.
    assert_eq!(resources.quotas(&red, Some("endpoint")).unwrap().quotas.resources[0].used, 0);
    assert_eq!(resources.take_changed(), []);
}

#[test]
fn another_file_keeps_what_tenants_made_and_what_was_given_out() {
    let text = FILE.replace("address = \"10.0.0.3\"", "");
    let mut resources = Resources::new(&desired(&text), AT);
    let dns = EndpointId::of_file("region-1", "dns");
    assert_eq!(shown(&resources, dns).ip, None);
    resources.set_address(dns, [10, 0, 0, 2].into());
    let service = service(&mut resources, 10, false);
    let id = endpoint(&mut resources, 1, service);
    resources.set_applied(id.0, Ok(()));
    assert_eq!(shown(&resources, id).ip, Some([10, 0, 0, 3].into()));
    let marker = shown(&resources, dns).marker_id;
    let again = resources.with_file(&desired(&text), AT + 50);
    assert_eq!(shown(&again, dns), shown(&resources, dns));
    assert_eq!((shown(&again, dns).marker_id, shown(&again, id).status), (marker, EndpointState::Accepted));
    assert_eq!(recount(&again), again.index);
}

#[test]
fn what_was_made_in_a_vpc_that_left_the_file_fails_and_can_be_deleted() {
    let mut resources = resources();
    let service = service(&mut resources, 10, false);
    let id = endpoint(&mut resources, 1, service);
    let text = FILE.replace("domain = \"blue\"", "domain = \"blue\" #").replace("name = \"blue\"", "name = \"bleu\"");
    let mut without = resources.with_file(&desired(&text), AT);
    let details = shown(&without, id);
    assert_eq!(details.status, EndpointState::Failed);
    assert!(details.error[0].message.contains("file"), "{details:?}");
    assert_eq!(shown_service(&without, service).status, ServiceState::Failed);
    let part = without.desired(&without.keys());
    assert!(part.services.iter().all(|(_, service)| service.is_none()));
    assert!(part.endpoints.iter().all(|(_, endpoint)| endpoint.is_none()));
    refused(
        without.clone().create_endpoint(&tenant("red"), AT, EndpointId(super::id(1)), &endpoint_request(service)),
        "EndPoint.2004",
    );
    without.delete_service(&tenant("blue"), AT, service).unwrap();
    assert_eq!(recount(&without), without.index);
    // With the file as it was all is as before.
    let back = resources.with_file(&desired(&text), AT).with_file(&desired(FILE), AT);
    assert_eq!((&back.endpoints, &back.index), (&resources.endpoints, &resources.index));
}

#[test]
fn a_row_that_cannot_be_read_is_named() {
    let rows = [(Key::Service(ServiceId(id(7))), json!({ "id": 1 }))];
    let error = Resources::load(&desired(FILE), AT, rows).unwrap_err();
    assert_eq!((error.table.as_str(), error.key), ("service", id(7).to_string()));
    Key::parse("service", "x").unwrap_err();
    for key in [Key::Service(ServiceId(id(1))), Key::Quota("red".to_owned()), Key::Marker] {
        assert_eq!(Key::parse(key.table(), &key.text()), Ok(key));
    }
}
