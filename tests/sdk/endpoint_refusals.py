"""Errors of requests about endpoints, and of what a service's owner says of them."""

from story import NOBODY
from tenant import becomes, refused


def of_a_new_endpoint(story):
    deny = {"effect": "Deny", "action": ["*"], "resource": ["*"]}
    read = {"effect": "Allow", "action": ["obs:object:GetObject"], "resource": ["*"]}
    for more, code, words in (
        ({"endpoint_service_id": None}, "2029", ("endpoint_service_id",)),
        ({"endpoint_service_id": NOBODY}, "2003", (NOBODY,)),
        ({"endpoint_service_id": "shop"}, "2003", ("shop",)),
        ({"endpoint_service_id": story.closed}, "2012", (story.consumer.domain, "whitelist")),
        ({"vpc_id": "my-vpc"}, "0020", ("vpc_id", "UUID")),
        ({"vpc_id": story.vpc("provider")}, "2001", ("vpc_id", "isn't yours")),
        ({"subnet_id": None}, "2010", ("subnet_id",)),
        ({"subnet_id": "default"}, "0023", ("subnet_id", "UUID")),
        ({"subnet_id": story.subnet("provider")}, "2037", ("subnet_id", story.vpc("consumer"))),
        ({"routetables": [NOBODY]}, "0002", ("routetables",)),
        ({"port_ip": "10.0.0"}, "2041", ("port_ip", "IPv4")),
        ({"port_ip": "10.0.0.0"}, "2041", ("port_ip", "network")),
        ({"port_ip": "10.0.0.77", "description": "again"}, "2042", ("10.0.0.77", story.endpoint)),
        ({"port_ip": "10.9.9.9"}, "2043", ("10.9.9.9", "10.0.0.0/25")),
        ({"whitelist": ["10.0.0.1/24"]}, "2044", ("10.0.0.1/24",)),
        ({"whitelist": ["2001:db8::1"]}, "2044", ("2001:db8::1", "IPv4")),
        ({"whitelist": ["10.0.0.1", "10.0.0.1"]}, "2044", ("twice",)),
        ({"whitelist": [f"10.0.{n}.0/24" for n in range(101)]}, "2045", ("101", "100")),
        ({"policy_statement": [deny]}, "2048", ("Deny", "Allow")),
        ({"policy_statement": [read]}, "2048", ("Action", "addresses")),
        ({"policy_document": {"Statement": []}}, "2048", ("Statement",)),
        ({"ip_version": "dualstack"}, "0002", ("ip_version", "ipv4")),
        ({"ipv6_address": "2001:db8::1"}, "0002", ("ipv6_address",)),
        ({"enable_dns": 1}, "0002", ("enable_dns", "boolean")),
        ({"description": "a > b"}, "0002", ("description",)),
    ):
        with refused(400, f"EndPoint.{code}", *words):
            story.create_endpoint(story.consumer, story.service, "consumer", **more)

    tiny = {"subnet_id": story.subnet("consumer", "tiny")}
    last = story.create_endpoint(story.consumer, story.service, "consumer", **tiny)
    with refused(400, "EndPoint.3001", "subnet_id", "free"):
        story.create_endpoint(story.consumer, story.service, "consumer", **tiny, description="one more")
    story.consumer.delete_endpoint(vpc_endpoint_id=last.id)


def of_a_gateway_endpoint(story):
    found = story.consumer.list_service_public_details(endpoint_service_name="cloud-store").endpoint_services
    body = {"endpoint_service_id": found[0].id, "vpc_id": story.vpc("consumer")}
    create = lambda **more: story.consumer.create_endpoint(body={**body, **more})
    for more, code, words in (
        ({"subnet_id": story.subnet("consumer")}, "0002", ("subnet_id", "leave it out")),
        ({"port_ip": "10.0.0.78"}, "2041", ("port_ip", "leave it out")),
        ({"routetables": [NOBODY]}, "2040", ("routetables", NOBODY)),
        ({"whitelist": ["10.0.0.1"]}, "2044", ("whitelist", "policy")),
    ):
        with refused(400, f"EndPoint.{code}", *words):
            create(**more)
    eid = create().id
    with refused(400, "EndPoint.2039", "100.125.0.0/16", eid):
        create(description="one more")
    with refused(400, "EndPoint.2040", "routetables", "main"):
        story.consumer.update_endpoint_routetable(vpc_endpoint_id=eid, body={"routetables": ["main"]})
    story.consumer.delete_endpoint(vpc_endpoint_id=eid)


def of_an_endpoint(story):
    endpoint = {"vpc_endpoint_id": story.endpoint}
    with refused(400, "EndPoint.2044", "10.0.0.300"):
        story.consumer.update_endpoint_white(**endpoint, body={"whitelist": ["10.0.0.300"]})
    with refused(400, "EndPoint.2049", "policy"):
        story.consumer.update_endpoint_policy(**endpoint, body={})
    with refused(400, "EndPoint.0002", "routetables"):
        story.consumer.update_endpoint_routetable(**endpoint, body={"routetables": [NOBODY]})
    with refused(400, "EndPoint.3035", "stop", "start"):
        story.consumer.upgrade_endpoint(**endpoint, body={"action": "stop"})
    with refused(400, "EndPoint.3045", "basic", "upgrades it first"):
        story.consumer.upgrade_endpoint(**endpoint, body={"action": "start"})


def of_consent(story):
    service = {"vpc_endpoint_service_id": story.service}

    def decide(**body):
        story.provider.accept_or_reject_endpoint(**service, body=body)

    endpoint = story.endpoint
    for body, code, words in (
        ({"endpoints": [endpoint]}, "2027", ("action", "receive or reject")),
        ({"endpoints": [endpoint], "action": "accept"}, "3035", ("accept", "receive or reject")),
        ({"endpoints": [], "action": "receive"}, "2031", ("0", "one")),
        ({"endpoints": [endpoint, NOBODY], "action": "receive"}, "2031", ("2", "one")),
        ({"endpoints": [NOBODY], "action": "receive"}, "2013", (NOBODY, story.service)),
    ):
        with refused(400, f"EndPoint.{code}", *words):
            decide(**body)
    with refused(400, "EndPoint.2013", NOBODY):
        text = {"connections": [{"id": NOBODY, "description": "x"}]}
        story.provider.update_endpoint_connections_desc(**service, body=text)

    story.decide("receive")
    becomes("accepted", story.details)
    with refused(400, "EndPoint.3045", "accepted", "pendingAcceptance"):
        # Another order of fields: the same request within a second would be a replay.
        story.provider.raw("POST", f"/v1/{{project_id}}/vpc-endpoint-services/{story.service}/connections/action",
                           {"endpoints": [endpoint], "action": "receive"})  # fmt: skip
    with refused(400, "EndPoint.3006", "1 accepted", "reject"):
        story.provider.delete_endpoint_service(**service)
    story.provider.update_endpoint_service(**service, body={"approval_enabled": False})
    with refused(400, "EndPoint.3045", "approval", "off"):
        story.decide("reject")
    story.provider.update_endpoint_service(**service, body={"approval_enabled": True})


def of_an_upgrade_that_there_is_no_room_for(story):
    """The endpoint tells it, rather than that it has what it has not."""
    story.provider.upgrade_endpoint_service(vpc_endpoint_service_id=story.service)
    story.consumer.upgrade_endpoint(vpc_endpoint_id=story.endpoint, body={})
    failed = becomes("failed", story.details)
    assert failed.error[0].error_code == "EndPoint.3001" and "max_flows" in failed.error[0].error_message, failed
    (item,) = failed.to_json_object()["error"]
    assert (item["code"], item["message"]) == (item["error_code"], item["error_message"]), item
    assert "max_flows" in story.connection().error[0].error_message
