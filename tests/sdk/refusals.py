"""Every error that a tenant can cause, by the vendor's SDK: its status, its code, and a message that helps."""

import json
import sys

import endpoint_refusals
import service_refusals
from story import NOBODY, Story
from tenant import Tenant, refused

# Codes that others cause: a disk that is full (full_disk.py), a pace above the limit (pace.py). The rest of
# what is said of who asks is in signatures.py.
ELSEWHERE = {"EndPoint.0001", "EndPoint.0022"}

CODES = {
    "Endpoint.1018",
    *(
        f"EndPoint.{number}"
        for number in (
            "0001 0002 0003 0004 0005 0006 0010 0014 0017 0018 0019 0020 0021 0022 0023 "
            "2001 2003 2004 2006 2010 2012 2013 2027 2028 2029 2031 2037 2039 2040 2041 2042 2043 2044 2045 2048 2049 "
            "3001 3003 3004 3006 3021 3035 3036 3043 3044 3045 3049 "
            "3066 3067 3068 3069 3070 3071 3072 3073 3074 3075 3076"
        ).split()
    ),
}


def of_lists(story):
    service = {"vpc_endpoint_service_id": story.service}
    lists = (
        story.provider.list_endpoint_service,
        story.consumer.list_endpoints,
        story.consumer.list_service_public_details,
        lambda **query: story.provider.list_service_connections(**service, **query),
        lambda **query: story.provider.list_service_permissions_details(**service, **query),
    )
    for look in lists:
        for query, code in (
            ({"limit": 1001}, "0006"),
            ({"limit": -1}, "0006"),
            ({"limit": "many"}, "0006"),
            ({"offset": -1}, "0010"),
            ({"offset": 1 << 31}, "0010"),
            ({"sort_key": "name"}, "0017"),
            ({"sort_dir": "up"}, "0018"),
        ):
            ((field, value),) = query.items()
            with refused(400, f"EndPoint.{code}", field, str(value), "use"):
                look(**query)
    with refused(400, "EndPoint.0019", "status", "gone", "available"):
        lists[0](status="gone")
    with refused(400, "EndPoint.0019", "status", "gone", "pendingAcceptance"):
        lists[3](status="gone")
    with refused(400, "EndPoint.0020", "vpc_id", "my-vpc"):
        lists[1](vpc_id="my-vpc")
    with refused(400, "EndPoint.0021", "marker_id", "first"):
        lists[3](marker_id="first")
    with refused(400, "EndPoint.0002", "endpoint_service_name", "id"):
        story.consumer.list_service_describe_details()
    with refused(400, "EndPoint.0002", "one of"):
        story.consumer.list_service_describe_details(endpoint_service_name="x", id=story.service)
    with refused(400, "EndPoint.0002", "type", "endpoint_service or endpoint"):
        story.consumer.list_quota_details(type="vpc")


def of_rights(story):
    reader, body = story.reader, {"endpoint_service_name": "mine"}
    assert reader.list_endpoint_info_details(vpc_endpoint_id=story.endpoint).id == story.endpoint
    with refused(403, "EndPoint.0004", "reader", "vpcep:endpoints:create"):
        story.create_endpoint(reader, story.service, "consumer")
    with refused(403, "EndPoint.0004", "reader", "vpcep:endpoints:delete"):
        reader.delete_endpoint(vpc_endpoint_id=story.endpoint)
    with refused(403, "EndPoint.0004", "vpcep:epservices:create"):
        reader.create_endpoint_service(body=story.service_body(9000))
    other = Tenant(story.setting, "consumer", project=story.provider.project)
    with refused(403, "EndPoint.0004", story.provider.project):
        other.list_endpoint_service()
    owned = story.neighbour.list_endpoint_service(endpoint_service_name="of-the-file").endpoint_services[0].id
    with refused(403, "EndPoint.0004", "of-the-file", "configuration file"):
        story.neighbour.update_endpoint_service_name(vpc_endpoint_service_id=owned, body=body)
    with refused(401, "EndPoint.0003", "signature"):
        Tenant(story.setting, "consumer", secret="x" * 40).list_endpoints()
    with refused(400, "EndPoint.0014", "project id", "BasicCredentials"):
        Tenant(story.setting, "consumer", project="").list_endpoints()


def of_what_is_another_tenants(story):
    """Nothing of another tenant's is told from what is not there."""
    stranger = story.neighbour
    cloud = stranger.list_service_public_details(endpoint_service_name="cloud-dns").endpoint_services[0].id
    for sid in (story.service, cloud, NOBODY):
        service = {"vpc_endpoint_service_id": sid}
        for call in (
            lambda: stranger.list_service_details(**service),
            lambda: stranger.update_endpoint_service(**service, body={"description": "mine"}),
            lambda: stranger.update_endpoint_service_name(**service, body={"endpoint_service_name": "mine"}),
            lambda: stranger.delete_endpoint_service(**service),
            lambda: stranger.upgrade_endpoint_service(**service),
            lambda: stranger.list_service_connections(**service),
            lambda: stranger.list_service_permissions_details(**service),
            lambda: stranger.add_or_remove_service_permissions(**service, body={"permissions": ["*"], "action": "add"}),
            lambda: stranger.accept_or_reject_endpoint(
                **service, body={"endpoints": [story.endpoint], "action": "receive"}
            ),
            lambda: stranger.batch_add_or_remove_resource_instance(
                resource_type="endpoint_service",
                resource_id=sid,
                body={"tags": [{"key": "a", "value": "1"}], "action": "create"},
            ),
        ):
            with refused(404, "EndPoint.0005", sid):
                call()
    for eid in (story.endpoint, NOBODY):
        endpoint = {"vpc_endpoint_id": eid}
        for call in (
            lambda: stranger.list_endpoint_info_details(**endpoint),
            lambda: stranger.update_endpoint_white(**endpoint, body={"whitelist": []}),
            lambda: stranger.update_endpoint_routetable(**endpoint, body={"routetables": [NOBODY]}),
            lambda: stranger.update_endpoint_policy(**endpoint, body={"policy_document": {"Statement": []}}),
            lambda: stranger.delete_endpoint_policy(**endpoint),
            lambda: stranger.upgrade_endpoint(**endpoint, body={"action": "start"}),
            lambda: stranger.delete_endpoint(**endpoint),
            lambda: stranger.batch_add_or_remove_resource_instance(
                resource_type="endpoint", resource_id=eid, body={"tags": [{"key": "a", "value": "1"}], "action": "create"}
            ),
        ):
            with refused(404, "EndPoint.2006", eid):
                call()
    with refused(404, "EndPoint.0005", "shop"):
        stranger.list_service_details(vpc_endpoint_service_id="shop")


def of_http(story):
    services = "/v1/{project_id}/vpc-endpoint-services"
    with refused(400, "EndPoint.0002", "body"):
        story.provider.raw("POST", services, "{")
    with refused(400, "EndPoint.0002", "body"):
        story.provider.raw("POST", services, "[]")
    with refused(413, "EndPoint.0002", "body", "bytes"):
        story.provider.raw("POST", services, json.dumps({"description": "x" * 300_000}))
    with refused(404, "EndPoint.0005", "nothing at"):
        story.provider.raw("GET", "/v1/{project_id}/vpcs")
    with refused(405, "EndPoint.0002", "PATCH"):
        story.provider.raw("PATCH", services, "{}")
    # Other clients send more: what is not known is ignored.
    text = {"endpoint_service_name": "shop", "dry_run": True, "nested": {"a": [1]}}
    told = story.provider.raw("PUT", f"{services}/{story.service}/name", text)
    assert told["endpoint_service_name"].split(".")[1] == "shop", told


def state(story):
    """What the refused requests must not change."""
    service = {"vpc_endpoint_service_id": story.service}
    asked = (
        story.provider.list_endpoint_service(limit=1000),
        story.provider.list_service_permissions_details(**service, limit=1000),
        story.provider.list_service_connections(**service),
        story.consumer.list_endpoints(limit=1000),
    )
    return [answer.to_json_object() for answer in asked]


def main(path):
    with open(path, encoding="utf-8") as file:
        story = Story(json.load(file))
    story.service = story.create_service(story.echo["server"], service_name="shop")
    story.closed = story.create_service(9001, service_name="closed")
    story.provider.add_or_remove_service_permissions(
        vpc_endpoint_service_id=story.service,
        body={"permissions": [f"iam:domain::{story.consumer.domain}"], "action": "add"},
    )
    made = story.create_endpoint(story.consumer, story.service, "consumer", port_ip="10.0.0.77")
    story.endpoint = made.id

    for changes_nothing in (
        service_refusals.of_a_new_service,
        service_refusals.of_tags,
        service_refusals.of_permissions,
        endpoint_refusals.of_an_endpoint,
        of_lists,
        service_refusals.of_a_standby,
        of_rights,
        of_what_is_another_tenants,
    ):
        before = state(story)
        changes_nothing(story)
        assert state(story) == before, changes_nothing.__name__
    for changes in (
        endpoint_refusals.of_a_new_endpoint,
        endpoint_refusals.of_a_gateway_endpoint,
        endpoint_refusals.of_consent,
        endpoint_refusals.of_an_upgrade_that_there_is_no_room_for,
        of_http,
        service_refusals.of_a_service_that_goes,
        service_refusals.of_quotas,
    ):
        changes(story)

    missing = CODES - ELSEWHERE - Tenant.refused_with
    assert not missing, f"never caused: {sorted(missing)}"
    unknown = Tenant.refused_with - CODES
    assert not unknown, f"codes that the API does not have: {sorted(unknown)}"
    print(f"{len(Tenant.refused_with)} codes of errors")


if __name__ == "__main__":
    main(sys.argv[1])
