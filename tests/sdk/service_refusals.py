"""Errors of requests about endpoint services, their tags, permissions and quotas."""

import gateway_operator as operator
from story import NOBODY
from tenant import eventually, is_absent, refused


def of_a_new_service(story):
    create = lambda **more: story.provider.create_endpoint_service(body=story.service_body(9000, **more))
    ports = lambda *entries: {"ports": [dict(zip(("client_port", "server_port", "protocol"), entry)) for entry in entries]}
    for more, code, words in (
        ({"service_type": "gateway"}, "0002", ("service_type", '"interface"')),
        ({"tcp_proxy": "proxy_open"}, "0002", ("tcp_proxy", '"close"')),
        ({"ip_version": "ipv6"}, "0002", ("ip_version", '"ipv4"')),
        ({"ip": "10.0.0.9"}, "0002", ("ip:", "leave it out")),
        ({"description": "x" * 513}, "0002", ("description", "512")),
        ({"description": "<b>"}, "0002", ("description", "< >")),
        ({"approval_enabled": "yes"}, "0002", ("approval_enabled", "boolean")),
        ({"ports": "80"}, "0002", ("ports", "80")),
        ({"vpc_id": "my-vpc"}, "0020", ("vpc_id", "UUID")),
        ({"vpc_id": NOBODY}, "2001", ("vpc_id", NOBODY)),
        ({"vpc_id": story.vpc("consumer")}, "2001", ("vpc_id", "isn't yours")),
        ({"port_id": None}, "3003", ("port_id",)),
        ({"port_id": NOBODY}, "3003", ("port_id", NOBODY, "registers")),
        ({"server_type": "LB"}, "3021", ("server_type", "LB", "VM")),
        ({"server_type": None}, "3021", ("server_type", "VM")),
        ({"service_name": "a b"}, "3076", ("service_name", "A-Z")),
        ({"service_name": "x" * 17}, "3076", ("service_name", "16")),
        ({"ports": None}, "2028", ("ports", "client_port")),
        ({"ports": []}, "2028", ("ports",)),
        ({"ports": [{"server_port": 9000}]}, "2028", ("client_port",)),
        (ports((0, 9000)), "3004", ("client_port", "0", "1-65535")),
        (ports((80, 65536)), "3004", ("server_port", "65536", "1-65535")),
        (ports((80, 9000), (80, 9001)), "3043", ("client_port 80", "twice")),
        (ports((80, 9000), (81, 9000)), "3043", ("server_port 9000", "twice")),
        (ports((80, story.echo["server"])), "3044", (str(story.echo["server"]), story.service)),
        (ports((80, 9000, "SCTP")), "3075", ("protocol", "SCTP", "TCP or UDP")),
        (ports(*((n, n) for n in range(10000, 10201))), "3074", ("201", "200")),
    ):
        with refused(400, f"EndPoint.{code}", *words):
            create(**more)


def of_tags(story):
    entries = lambda *tags: [{"key": key, "value": value} for key, value in tags]
    for tags, code, words in (
        (entries(("key", "1"), ("key", "2")), "3067", ("key", "twice")),
        (entries(("a=b", "1")), "3068", ("a=b", "=")),
        (entries((" a", "1")), "3068", ("space",)),
        (entries(("a", "1|2")), "3068", ("1|2",)),
        (entries(*((f"key-{n}", "1") for n in range(11))), "3069", ("11", "10")),
        (entries(("", "1")), "3072", ("key", "36")),
        (entries(("ü" * 37, "1")), "3072", ("key", "36")),
        (entries(("key", "")), "3073", ("value", "43")),
        (entries(("key", "ü" * 44)), "3073", ("value", "43")),
    ):
        with refused(400, f"EndPoint.{code}", *words):
            story.provider.create_endpoint_service(body=story.service_body(9000, tags=tags))
        with refused(400, f"EndPoint.{code}", *words):
            change_tags(story, "create", tags)
    with refused(400, "EndPoint.3066", "tags"):
        change_tags(story, "create", [])
    with refused(400, "EndPoint.2027", "action", "create or delete"):
        change_tags(story, None, entries(("key", "1")))
    with refused(400, "EndPoint.3035", "action", "update", "create or delete"):
        change_tags(story, "update", entries(("key", "1")))
    with refused(400, "EndPoint.3070", "vpc", "endpoint_service or endpoint"):
        change_tags(story, "create", entries(("key", "1")), kind="vpc")
    with refused(400, "EndPoint.3070", "vpc", "endpoint_service or endpoint"):
        story.provider.list_query_project_resource_tags(resource_type="vpc")

    query = lambda **body: story.provider.list_resource_instances(resource_type="endpoint_service", body=body)
    repeated = [{"key": "key", "values": ["1", "1"]}]
    for body, code, words in (
        ({"action": "filter", "tags": repeated}, "3071", ("key", "1", "twice")),
        ({"action": "filter", "tags": [{"key": "", "values": []}]}, "3072", ("key",)),
        ({"action": "filter", "limit": "1001"}, "0006", ("limit", "1001")),
        ({"action": "filter", "offset": "-1"}, "0010", ("offset", "-1")),
        ({"action": "filter", "matches": [{"key": "colour", "value": "1"}]}, "0002", ("matches", "resource_name")),
        ({"action": "search"}, "3035", ("action", "filter or count")),
        ({}, "2027", ("action", "filter or count")),
    ):
        with refused(400, f"EndPoint.{code}", *words):
            query(**body)


def change_tags(story, action, tags, kind="endpoint_service"):
    body = {"tags": tags, "action": action}
    story.provider.batch_add_or_remove_resource_instance(
        resource_type=kind, resource_id=story.service, body=body
    )


def of_permissions(story):
    service = {"vpc_endpoint_service_id": story.service}
    change = lambda **body: story.provider.add_or_remove_service_permissions(**service, body=body)
    someone = ["iam:domain::someone"]
    for body, code, words in (
        ({"permissions": ["domain:someone"], "action": "add"}, "3036", ("domain:someone", "iam:domain::")),
        ({"permissions": [], "action": "add"}, "3036", ("at least one",)),
        ({"permissions": someone, "action": "grant"}, "3035", ("grant", "add or remove")),
        ({"permissions": someone}, "2027", ("action", "add or remove")),
        ({"permissions": someone, "action": "add", "permission_type": "orgPath"}, "0002", ("permission_type", "domainId")),
    ):
        with refused(400, f"EndPoint.{code}", *words):
            change(**body)
    with refused(400, "EndPoint.3049", "1002", "1000"):
        many = [{"permission": f"iam:domain::domain-{n}"} for n in range(1001)]
        story.provider.batch_add_endpoint_service_permissions(**service, body={"permissions": many})
    with refused(404, "EndPoint.0005", NOBODY):
        story.provider.batch_remove_endpoint_service_permissions(**service, body={"permissions": [{"id": NOBODY}]})
    with refused(404, "EndPoint.0005", "permission"):
        text = {"permission": {"description": "x"}}
        story.provider.update_endpoint_service_permission_desc(**service, permission_id=NOBODY, body=text)


def of_a_standby(story):
    service = {"vpc_endpoint_service_id": story.service}
    first, second = (story.setting["backends"][name] for name in ("first", "second"))

    def add(*backends):
        resources = [{"resource_id": backend, "availability_zone_id": "az1"} for backend in backends]
        story.provider.add_endpoint_service_server_resource(**service, body={"server_resources": resources})

    with refused(400, "EndPoint.0002", "server_resources", "one standby"):
        add(first, second)
    with refused(400, "EndPoint.3003", NOBODY):
        add(NOBODY)
    with refused(400, "EndPoint.3006", first):
        add(first)


def of_a_service_that_goes(story):
    """While it is being deleted; it may be gone already when one asks."""
    for n in range(10):
        sid = story.create_service(9100 + n)
        story.provider.add_or_remove_service_permissions(
            vpc_endpoint_service_id=sid, body={"permissions": ["*"], "action": "add"}
        )
        story.provider.delete_endpoint_service(vpc_endpoint_service_id=sid)
        try:
            with refused(400, "EndPoint.2004", sid, "deleting"):
                story.create_endpoint(story.consumer, sid, "consumer")
            # Until it is gone it counts for the quota.
            eventually("absent", lambda: is_absent(lambda: story.service_status(sid)))
            return
        except AssertionError as gone:
            assert "2003" in str(gone), gone
    raise AssertionError("no service was seen being deleted")


def of_quotas(story):
    used = story.provider.list_quota_details(type="endpoint_service").quotas.resources[0]
    for n in range(used.quota - used.used):
        story.provider.create_endpoint_service(body=story.service_body(9200 + n))
    with refused(400, "Endpoint.1018", "endpoint_service", "20 of 20"):
        story.provider.create_endpoint_service(body=story.service_body(9300))
    operator.ask(story, "PUT", f"/operator/quotas/{story.provider.domain}", {"endpoint_service": 21})
    story.provider.create_endpoint_service(body=story.service_body(9301))
    with refused(400, "Endpoint.1018", "endpoint_service", "21 of 21"):
        story.provider.create_endpoint_service(body=story.service_body(9302))
