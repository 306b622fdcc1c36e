use super::*;

/// Endpoints of `red`, made in order, one a second.
fn made(resources: &mut Resources) -> Vec<EndpointId> {
    let service = service(resources, 10, false);
    let create = |number| {
        let id = EndpointId(id(9000 - number));
        resources.create_endpoint(&tenant("red"), AT + 1 + number, id, &endpoint_request(service)).unwrap();
        id
    };
    (0..12).map(create).collect()
}

fn page(resources: &Resources, query: Value) -> Vec<EndpointId> {
    let found = resources.list_endpoints(&tenant("red"), &body(query)).unwrap();
    found.endpoints.iter().map(|endpoint| endpoint.id).collect()
}

#[test]
fn a_list_is_of_ten_the_newest_first_and_says_how_many_there_are() {
    let mut resources = resources();
    let mut ids = made(&mut resources);
    let listed = resources.list_endpoints(&tenant("red"), &body(json!({}))).unwrap();
    // One is the file's.
    assert_eq!((listed.endpoints.len(), listed.total_count), (10, 13));
    ids.reverse();
    assert_eq!(page(&resources, json!({})), ids[..10]);
    assert_eq!(page(&resources, json!({ "limit": "3", "offset": "2" })), ids[2..5]);
    assert_eq!(page(&resources, json!({ "limit": "0" })), []);
    assert_eq!(page(&resources, json!({ "offset": "13" })), []);
    ids.reverse();
    assert_eq!(page(&resources, json!({ "sort_dir": "asc", "offset": "1", "limit": "2" })), ids[..2]);
    resources.update_whitelist(&tenant("red"), AT + 99, ids[5], &body(json!({}))).unwrap();
    assert_eq!(page(&resources, json!({ "sort_key": "update_at", "limit": "1" })), [ids[5]]);
}

#[test]
fn a_page_of_what_is_kept_in_order_is_that_of_the_list_that_is_sorted_whole() {
    let mut resources = resources();
    made(&mut resources);
    // The file's are in a list of their own; a part that every name has makes it look at all.
    for sort_dir in ["asc", "desc"] {
        for (offset, limit) in [(0, 1), (0, 13), (1, 4), (12, 5), (13, 1), (0, 1000)] {
            let query = |name| {
                let query = json!({
                    "sort_dir": sort_dir, "offset": offset.to_string(), "limit": limit.to_string(),
                    "endpoint_service_name": name,
                });
                resources.list_endpoints(&tenant("red"), &body(query)).unwrap()
            };
            assert_eq!(query(""), query("region-1"), "{sort_dir} {offset} {limit}");
        }
    }
    for limit in ["1", "10"] {
        let query = |name| {
            let query = json!({ "limit": limit, "endpoint_service_name": name });
            resources.list_services(&tenant("blue"), &body(query)).unwrap()
        };
        assert_eq!(query(""), query("region-1"));
    }
}

#[test]
fn lists_are_filtered_by_parts_of_names_and_ids_and_by_vpc() {
    let mut resources = resources();
    let ids = made(&mut resources);
    let dns = EndpointId::of_file("region-1", "dns");
    assert_eq!(page(&resources, json!({ "endpoint_service_name": "DNS" })), [dns]);
    assert_eq!(page(&resources, json!({ "id": ids[3].to_string()[30..] })), [ids[3]]);
    assert_eq!(page(&resources, json!({ "vpc_id": vpc("blue") })), []);
    let services = |query: Value| resources.list_services(&tenant("blue"), &body(query)).unwrap().total_count;
    assert_eq!((services(json!({ "endpoint_service_name": ".WEB." })), services(json!({ "id": "no" }))), (1, 0));
    assert_eq!((services(json!({ "status": "creating" })), services(json!({ "status": "available" }))), (1, 0));
}

#[test]
fn a_query_that_makes_no_sense_is_refused_by_field() {
    let resources = resources();
    for (field, value, code) in [
        ("limit", "1001", "EndPoint.0006"),
        ("limit", "-1", "EndPoint.0006"),
        ("offset", "x", "EndPoint.0010"),
        ("sort_key", "name", "EndPoint.0017"),
        ("sort_dir", "up", "EndPoint.0018"),
        ("vpc_id", "x", "EndPoint.0020"),
    ] {
        let text = refused(resources.list_endpoints(&tenant("red"), &body(json!({ field: value }))), code);
        assert!(text.contains(field) && text.contains(value), "{text}");
    }
    refused(resources.list_services(&tenant("red"), &body(json!({ "status": "x" }))), "EndPoint.0019");
}

#[test]
fn the_operators_services_for_all_are_listed_to_all() {
    let mut resources = resources();
    service(&mut resources, 10, false);
    let listed = resources.list_public_services(&body(json!({ "sort_dir": "asc" }))).unwrap();
    let mut kinds: Vec<_> = listed.endpoint_services.iter().map(|service| service.service_type.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!((listed.total_count, kinds), (2, vec!["gateway", "interface"]));
}
