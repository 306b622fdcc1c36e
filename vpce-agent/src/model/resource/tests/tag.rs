use super::*;

fn tags(tags: &[(&str, &str)], action: &str) -> request::TagsAction {
    let tags: Vec<_> = tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    body(json!({ "tags": tags, "action": action }))
}

#[test]
fn tags_are_added_changed_and_deleted() {
    let mut resources = resources();
    let (blue, id) = (tenant("blue"), service(&mut resources, 10, false));
    resources.tag_service(&blue, AT, id, &tags(&[("env", "demo"), ("城", "市")], "create")).unwrap();
    resources.tag_service(&blue, AT, id, &tags(&[("env", "live")], "create")).unwrap();
    resources.tag_service(&blue, AT, id, &tags(&[("城", ""), ("none", "")], "delete")).unwrap();
    let shown = serde_json::to_value(shown_service(&resources, id).tags).unwrap();
    assert_eq!(shown, json!([{ "key": "env", "value": "live" }]));
}

#[test]
fn tags_that_break_a_rule_are_refused_by_it() {
    let mut resources = resources();
    let (blue, id) = (tenant("blue"), service(&mut resources, 10, false));
    let (key, value) = ("k".repeat(37), "v".repeat(44));
    for (list, code) in [
        (&[][..], "EndPoint.3066"),
        (&[("a", "1"), ("a", "2")], "EndPoint.3067"),
        (&[("a*", "1")], "EndPoint.3068"),
        (&[("a", " 1")], "EndPoint.3068"),
        (&[("", "1")], "EndPoint.3072"),
        (&[(&key, "1")], "EndPoint.3072"),
        (&[("a", "")], "EndPoint.3073"),
        (&[("a", &value)], "EndPoint.3073"),
    ] {
        refused(resources.tag_service(&blue, AT, id, &tags(list, "create")), code);
    }
    let names: Vec<_> = (0..11).map(|number| number.to_string()).collect();
    let list: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    resources.tag_service(&blue, AT, id, &tags(&list[..10], "create")).unwrap();
    refused(resources.tag_service(&blue, AT, id, &tags(&list[10..], "create")), "EndPoint.3069");
    resources.set_limits(Limits { tags: 20, ..Limits::default() });
    resources.tag_service(&blue, AT, id, &tags(&list[10..], "create")).unwrap();
}

#[test]
fn resources_are_found_by_tags() {
    let mut resources = resources();
    let (red, service) = (tenant("red"), service(&mut resources, 10, false));
    let ids: Vec<_> = (1..=3).map(|number| endpoint(&mut resources, number, service)).collect();
    for (id, list) in [(ids[0], &[("env", "demo"), ("team", "a")][..]), (ids[1], &[("env", "live")])] {
        resources.tag_endpoint(&red, AT, id, &tags(list, "create")).unwrap();
    }
    let query = |mut query: Value| {
        query["action"] = json!("filter");
        query["matches"] = json!([{ "key": "resource_name", "value": "WEB" }]);
        let found = resources.query_instances(&red, ResourceType::Endpoint, &body(query)).unwrap();
        let found = found.resources.unwrap().into_iter().map(|found| found.resource_id.parse().unwrap());
        found.collect::<Vec<EndpointId>>()
    };
    let filter = |key: &str, values: &[&str]| json!({ "key": key, "values": values });
    assert_eq!(query(json!({})), ids);
    assert_eq!(query(json!({ "tags": [filter("env", &[])] })), ids[..2]);
    assert_eq!(query(json!({ "tags": [filter("env", &["demo", "live"]), filter("team", &["a"])] })), ids[..1]);
    assert_eq!(query(json!({ "tags_any": [filter("env", &["live"]), filter("team", &[])] })), ids[..2]);
    assert_eq!(query(json!({ "not_tags": [filter("env", &[]), filter("team", &[])] })), ids[1..]);
    assert_eq!(query(json!({ "not_tags_any": [filter("env", &["live"]), filter("team", &[])] })), ids[2..]);
    assert_eq!(query(json!({ "without_any_tag": true, "tags": [filter("env", &[])] })), ids[2..]);
    assert_eq!(query(json!({ "limit": "1", "offset": "1" })), ids[1..2]);
    let count = body(json!({ "action": "count", "tags": [filter("env", &[])] }));
    let counted = resources.query_instances(&red, ResourceType::Endpoint, &count).unwrap();
    assert_eq!(serde_json::to_value(counted).unwrap(), json!({ "total_count": 2 }));
    for (query, code) in [
        (json!({ "action": "x" }), "EndPoint.3035"),
        (json!({ "action": "filter", "limit": "0" }), "EndPoint.0006"),
        (json!({ "action": "filter", "offset": "-1" }), "EndPoint.0010"),
        (json!({ "action": "filter", "tags": [filter("a", &["b", "b"])] }), "EndPoint.3071"),
        (json!({ "action": "filter", "tags": [filter("a", &[]), filter("a", &[])] }), "EndPoint.3067"),
        (json!({ "action": "filter", "matches": [{ "key": "x" }] }), "EndPoint.0002"),
    ] {
        refused(resources.query_instances(&red, ResourceType::Endpoint, &body(query)), code);
    }
    let of_project = serde_json::to_value(resources.project_tags(&red, ResourceType::Endpoint)).unwrap();
    let expected = json!({ "tags": [filter("env", &["demo", "live"]), filter("team", &["a"])] });
    assert_eq!(of_project, expected);
    refused("x".parse::<ResourceType>(), "EndPoint.3070");
}
