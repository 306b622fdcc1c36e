"""All operations of the API, by the vendor's SDK: from a service to bytes through an endpoint, and back to nothing."""

import json
import subprocess
import sys

import tags
from story import Story
from tenant import OPERATIONS, Tenant, becomes, eventually, is_absent, is_going, refused
from wire import Talk, ask_by_udp, assert_over, inside, is_refused

DESCRIPTION = "Läden — 商店"
# The first backend does not answer ARP any more.
SILENCE = ["ip", "address", "del", "10.0.0.5/24", "dev", "eth0"]


def versions(story):
    told = story.consumer.list_version_details()
    assert [version.id for version in told.versions] == ["v1"], told
    one = story.consumer.list_specified_version_details(version="v1").version
    assert (one.id, one.status) == ("v1", "CURRENT"), one
    assert one.links[0].href == f"{story.setting['url']}/v1/", one


def a_service_is_made_and_becomes_available(story):
    body = story.service_body(
        story.echo["server"],
        story.echo["client"],
        service_name="shop",
        service_type="interface",
        description=DESCRIPTION,
        tags=[{"key": "team", "value": "red"}, {"key": "Stufe", "value": "früh"}],
    )
    made = story.provider.create_endpoint_service(body=body)
    story.service = made.id
    assert made.status in ("creating", "available"), made
    assert made.service_name == f"{story.setting['region']}.shop.{made.id}", made
    assert made.approval_enabled is True, "approval is on where the request does not say"
    assert (made.service_type, made.server_type, made.tcp_proxy, made.ip_version) == ("interface", "VM", "close", "ipv4")
    assert (made.vpc_id, made.port_id) == (body["vpc_id"], body["port_id"]), made
    assert made.project_id == story.provider.project, made
    assert made.description == DESCRIPTION, made
    assert {tag.key: tag.value for tag in made.tags} == {"team": "red", "Stufe": "früh"}, made
    seen = becomes("available", lambda: story.provider.list_service_details(vpc_endpoint_service_id=made.id))
    ports = [(port.client_port, port.server_port, port.protocol) for port in seen.ports]
    assert ports == [(story.echo["client"], story.echo["server"], "TCP")], seen
    assert (seen.service_name, seen.error, seen.supported_editions) == (made.service_name, [], ["basic"]), seen


def services_are_found_by_name_id_and_state_page_by_page(story):
    provider = story.provider
    others = [story.create_service(9000 + n, service_name=f"Page-{n}") for n in range(3)]

    def ids(**query):
        return [service.id for service in provider.list_endpoint_service(**query).endpoint_services]

    assert set(ids()) == {story.service, *others}
    assert set(ids(endpoint_service_name="pAGE-")) == set(others), "a part of the name, in letters of either case"
    assert ids(endpoint_service_name="shop") == [story.service]
    assert ids(id=story.service[4:20].upper()) == [story.service], "a part of the id"
    assert set(ids(status="available")) == {story.service, *others}
    assert ids(status="failed") == []

    first = provider.list_endpoint_service(limit=3)
    assert (first.total_count, len(first.endpoint_services)) == (4, 3), first
    rest = ids(limit=3, offset=3)
    assert len(rest) == 1 and {*rest, *(service.id for service in first.endpoint_services)} == set(ids()), rest
    assert ids(offset=4) == [], "an offset past the end is no error"
    assert ids(limit=0) == []
    for key in ("create_at", "update_at", "created_at", "updated_at"):
        assert ids(sort_key=key, sort_dir="asc") == ids(sort_key=key, sort_dir="desc")[::-1], key

    for sid in others:
        provider.delete_endpoint_service(vpc_endpoint_service_id=sid)
        look = lambda: provider.list_service_details(vpc_endpoint_service_id=sid)
        # The first look may tell of the deletion, and none may tell of a service that is there.
        assert is_going(look)
        eventually("a deleted service absent", lambda: is_absent(look))
    assert ids() == [story.service]


def a_service_is_changed(story):
    provider, service = story.provider, {"vpc_endpoint_service_id": story.service}
    renamed = provider.update_endpoint_service_name(**service, body={"endpoint_service_name": "store"})
    assert renamed.endpoint_service_name == f"{story.setting['region']}.store.{story.service}", renamed

    both = [(story.echo["client"], story.echo["server"]), (8080, 8080)]
    ports = [{"client_port": client, "server_port": server} for client, server in both]
    changed = provider.update_endpoint_service(**service, body={"ports": ports, "description": "new"})
    assert [(port.client_port, port.server_port) for port in changed.ports] == both, changed
    assert changed.description == "new" and changed.approval_enabled is True, changed
    changed = provider.update_endpoint_service(**service, body={"ports": ports[:1], "service_name": "shop"})
    assert len(changed.ports) == 1, "the ports of a request replace all"
    assert changed.service_name == f"{story.setting['region']}.shop.{story.service}", changed
    assert changed.description == "new", "what a request does not name stays"


def a_service_is_verified_by_what_a_consumer_types(story):
    look = story.consumer.list_service_describe_details
    name = f"{story.setting['region']}.shop.{story.service}"
    for found in (look(endpoint_service_name=name), look(id=story.service)):
        assert (found.id, found.service_name, found.service_type) == (story.service, name, "interface"), found
    with refused(404, "EndPoint.0005", "other"):
        look(endpoint_service_name=name.replace("shop", "other"))


def cloud_services_are_told_to_all(story):
    public = story.consumer.list_service_public_details()
    kinds = {service.service_name.split(".")[1]: service.service_type for service in public.endpoint_services}
    assert kinds == {"cloud-dns": "interface", "cloud-store": "gateway"}, public
    one = story.neighbour.list_service_public_details(endpoint_service_name="CLOUD-D", limit=1, sort_dir="asc")
    assert (one.total_count, one.endpoint_services[0].is_charge) == (1, False), one


def who_is_not_in_the_whitelist_makes_no_endpoint(story):
    with refused(400, "EndPoint.2012", story.consumer.domain, "whitelist"):
        story.create_endpoint(story.consumer, story.service, "consumer")

    provider, service = story.provider, {"vpc_endpoint_service_id": story.service}
    mine, theirs = (f"iam:domain::{tenant.domain}" for tenant in (story.consumer, story.neighbour))

    def permissions(**query):
        listed = provider.list_service_permissions_details(**service, **query)
        return {entry.permission: entry.id for entry in listed.permissions}

    added = provider.add_or_remove_service_permissions(**service, body={"permissions": [mine], "action": "add"})
    assert (added.permissions, added.permission_type) == ([mine], "domainId"), added
    entries = [{"permission": theirs, "description": "next door"}, {"permission": "*"}]
    added = provider.batch_add_endpoint_service_permissions(**service, body={"permissions": entries})
    assert [entry.description for entry in added.permissions] == ["next door", ""], added
    assert set(permissions()) == {mine, theirs, "*"}
    assert set(permissions(permission=story.neighbour.domain[-8:])) == {theirs}, "a part of a permission"
    assert len(permissions(limit=2)) == 2 and len(permissions(limit=2, offset=2, sort_dir="asc")) == 1

    told = provider.update_endpoint_service_permission_desc(
        **service, permission_id=permissions()[theirs], body={"permission": {"description": DESCRIPTION}}
    )
    assert [(entry.permission, entry.description) for entry in told.permissions] == [(theirs, DESCRIPTION)], told

    gone = provider.batch_remove_endpoint_service_permissions(**service, body={"permissions": [{"id": permissions()["*"]}]})
    assert [entry.permission for entry in gone.permissions] == ["*"], gone
    provider.add_or_remove_service_permissions(**service, body={"permissions": [theirs], "action": "remove"})
    assert set(permissions()) == {mine}
    with refused(400, "EndPoint.2012", story.neighbour.domain):
        story.create_endpoint(story.neighbour, story.service, "neighbour")


def an_endpoint_waits_for_its_acceptance(story):
    made = story.create_endpoint(
        story.consumer, story.service, "consumer", description=DESCRIPTION, tags=[{"key": "team", "value": "blue"}]
    )
    story.endpoint = made.id
    assert made.status in ("creating", "pendingAcceptance"), made
    assert (made.endpoint_service_id, made.enable_dns, made.enable_whitelist) == (story.service, False, False), made
    assert made.endpoint_service_name == f"{story.setting['region']}.shop.{story.service}", made
    assert made.specification_name == "basic" and made.project_id == story.consumer.project, made
    seen = becomes("pendingAcceptance", story.details)
    assert seen.ip is None, "an address is told only to who was let in"
    assert (seen.description, seen.tags[0].value, seen.subnet_id) == (DESCRIPTION, "blue", story.subnet("consumer"))

    asked = story.connection()
    assert (asked.status, asked.marker_id) == ("pendingAcceptance", made.marker_id), asked
    assert asked.domain_id == story.consumer.domain, asked


def the_owner_finds_and_describes_its_connections(story):
    provider, service = story.provider, {"vpc_endpoint_service_id": story.service}
    own = story.create_endpoint(provider, story.service, "provider")
    marker = story.connection().marker_id

    def ids(**query):
        return {each.id for each in provider.list_service_connections(**service, **query).connections}

    assert own.marker_id != marker
    assert ids() == {story.endpoint, own.id}
    assert ids(marker_id=str(marker)) == {story.endpoint}
    assert ids(status="pendingAcceptance") == {story.endpoint, own.id} and ids(status="accepted") == set()
    assert len(ids(limit=1)) == 1 and ids(limit=1) | ids(limit=1, offset=1) == {story.endpoint, own.id}

    body = {"connections": [{"id": story.endpoint, "description": DESCRIPTION}]}
    told = provider.update_endpoint_connections_desc(**service, body=body)
    assert [(each.id, each.description) for each in told.connections] == [(story.endpoint, DESCRIPTION)], told
    assert story.connection().description == DESCRIPTION
    assert story.details().description == DESCRIPTION, "what the endpoint's own owner says of it is another text"
    provider.delete_endpoint(vpc_endpoint_id=own.id)
    eventually("the other connection gone", lambda: ids() == {story.endpoint})


def an_accepted_endpoint_carries_bytes(story):
    told = story.decide("receive").connections
    assert [each.id for each in told] == [story.endpoint] and told[0].status in ("creating", "accepted"), told
    seen = becomes("accepted", story.details)
    story.address = seen.ip
    assert story.address and seen.active_status == ["active"] and seen.enable_status == "enable", seen
    assert story.connection().status == "accepted"
    service = story.provider.list_endpoint_service(id=story.service).endpoint_services[0]
    assert service.connection_count == 1, service

    talk = Talk(story.client, story.address, story.echo["client"])
    talk.say(b"first words")
    talk.say(b"x" * 100_000)
    assert talk.server == "backend-1" and talk.seen_as.startswith("198.19."), (talk.server, talk.seen_as)
    assert is_refused(story.client, story.address, 8080), "a port that was taken out is not published any more"
    return talk


def a_port_of_udp_is_added_while_connections_go_on(story, talk):
    dns = story.setting["dns"]
    # The address of "a.", recursion desired (RFC 1035 §4.1).
    query = b"\x13\x37\x01\x00\x00\x01" + bytes(6) + b"\x01a\x00\x00\x01\x00\x01"
    ports = [
        {"client_port": story.echo["client"], "server_port": story.echo["server"]},
        {"client_port": dns["client"], "server_port": dns["server"], "protocol": "UDP"},
    ]
    changed = story.provider.update_endpoint_service(vpc_endpoint_service_id=story.service, body={"ports": ports})
    assert [port.protocol for port in changed.ports] == ["TCP", "UDP"], changed
    answer = ask_by_udp(story.client, story.address, dns["client"], query)
    assert answer[:2] == query[:2] and answer[2] & 0x80, answer
    talk.say(b"not disturbed")


def endpoints_are_found(story):
    consumer = story.consumer

    def ids(**query):
        return [endpoint.id for endpoint in consumer.list_endpoints(**query).endpoints]

    assert ids() == [story.endpoint] == ids(vpc_id=story.vpc("consumer"))
    assert ids(endpoint_service_name="SHOP") == [story.endpoint] == ids(id=story.endpoint[:9])
    assert ids(endpoint_service_name="nothing") == [] == ids(offset=1) == ids(vpc_id=story.vpc("provider"))
    listed = consumer.list_endpoints(limit=1, sort_key="updated_at", sort_dir="asc")
    assert (listed.total_count, listed.endpoints[0].ip) == (1, story.address), listed
    assert story.neighbour.list_endpoints().total_count == 0


def a_client_that_is_not_listed_is_refused(story, talk):
    consumer, endpoint = story.consumer, {"vpc_endpoint_id": story.endpoint}
    body = {"whitelist": ["10.0.0.64/26", "10.1.2.3"], "enable_whitelist": True}
    changed = consumer.update_endpoint_white(**endpoint, body=body)
    assert (changed.whitelist, changed.enable_whitelist) == (body["whitelist"], True), changed
    assert_over(talk)
    assert is_refused(story.client, story.address, story.echo["client"])
    changed = consumer.update_endpoint_white(**endpoint, body={"whitelist": [], "enable_whitelist": False})
    assert (changed.whitelist, changed.enable_whitelist) == ([], False), changed
    talk = Talk(story.client, story.address, story.echo["client"])

    condition = {"IpAddress": {"SourceIp": ["10.0.0.64/26"]}}
    statement = {"effect": "Allow", "action": ["*"], "resource": ["*"], "condition": condition}
    changed = consumer.update_endpoint_policy(**endpoint, body={"policy_statement": [statement]})
    assert changed.policy_statement[0].condition == condition, changed
    assert_over(talk)
    assert is_refused(story.client, story.address, story.echo["client"])
    changed = consumer.delete_endpoint_policy(**endpoint)
    assert changed.policy_statement == [] and changed.policy_document is None, changed
    return Talk(story.client, story.address, story.echo["client"])


def a_service_and_its_endpoint_become_professional(story, talk):
    endpoint, service = {"vpc_endpoint_id": story.endpoint}, {"vpc_endpoint_service_id": story.service}
    with refused(400, "EndPoint.3045", "basic", "upgrades"):
        story.consumer.upgrade_endpoint(**endpoint, body={"action": "start"})
    story.provider.upgrade_endpoint_service(**service)
    assert story.provider.list_service_details(**service).supported_editions == ["basic", "professional"]
    # Not the same request within a second: that would be a replay.
    story.consumer.upgrade_endpoint(**endpoint, body={})
    assert becomes("accepted", story.details).specification_name == "professional"
    talk.say(b"still there")


def a_service_turns_to_its_standby(story):
    service = {"vpc_endpoint_service_id": story.service}
    standby = {"resource_id": story.setting["backends"]["second"], "availability_zone_id": "az1"}
    story.provider.add_endpoint_service_server_resource(**service, body={"server_resources": [standby]})
    with refused(400, "EndPoint.3006", "standby"):
        story.provider.update_endpoint_service(**service, body={"port_id": standby["resource_id"]})

    # The machine has both addresses; it loses the first.
    inside(story.setting["backend_network"], lambda: subprocess.run(SILENCE, check=True))
    eventually("the standby serves", lambda: not is_refused(story.client, story.address, story.echo["client"]), 60)
    return Talk(story.client, story.address, story.echo["client"])


def an_endpoint_of_a_gateway_service_has_routes_and_no_address(story):
    found = story.consumer.list_service_public_details(endpoint_service_name="cloud-store").endpoint_services
    body = {"endpoint_service_id": found[0].id, "vpc_id": story.vpc("consumer"), "enable_dns": True}
    eid = story.consumer.create_endpoint(body=body).id
    seen = becomes("accepted", lambda: story.details(eid))
    assert (seen.service_type, seen.ip, seen.subnet_id) == ("gateway", None, None), seen
    assert seen.enable_dns is False, "an endpoint without an address has no name"
    changed = story.consumer.update_endpoint_routetable(
        vpc_endpoint_id=eid, body={"routetables": seen.routetables}
    )
    assert (changed.routetables, changed.error) == (seen.routetables, []) and len(seen.routetables) == 1, changed
    cloud, port = story.setting["cloud"], story.echo["server"]
    talk = Talk(story.client, cloud, port)
    talk.say(b"to its own address")
    assert talk.server == "backend-2" and talk.seen_as.startswith("198.19."), (talk.server, talk.seen_as)
    story.consumer.delete_endpoint(vpc_endpoint_id=eid)
    eventually("the gateway endpoint gone", lambda: is_absent(lambda: story.details(eid)))
    assert is_refused(story.client, cloud, port)


def a_rejected_endpoint_carries_nothing_and_an_accepted_one_again(story, talk):
    talk.say(b"still there")
    told = story.decide("reject").connections
    assert told[0].status == "rejected", told
    assert_over(talk)
    assert is_refused(story.client, story.address, story.echo["client"])
    assert story.details().status == "rejected" and story.connection().status == "rejected"
    story.decide("receive")
    assert becomes("accepted", story.details).ip == story.address
    talk = Talk(story.client, story.address, story.echo["client"])
    talk.say(b"here again")
    return talk


def what_is_deleted_is_gone(story, talk):
    service = {"vpc_endpoint_service_id": story.service}
    with refused(400, "EndPoint.3006", "1 accepted"):
        story.provider.delete_endpoint_service(**service)
    story.consumer.delete_endpoint(vpc_endpoint_id=story.endpoint)
    assert is_going(story.details)
    eventually("the endpoint absent", lambda: is_absent(story.details))
    assert_over(talk)
    assert is_refused(story.client, story.address, story.echo["client"])
    assert story.consumer.list_endpoints().endpoints == []
    assert story.provider.list_service_connections(**service).total_count == 0

    # A second is to pass: the same request was signed above.
    eventually("the service deleted", lambda: try_delete(story.provider, service))
    look = lambda: story.provider.list_service_details(**service)
    assert is_going(look)
    eventually("the service absent", lambda: is_absent(look))
    assert story.provider.list_endpoint_service().endpoint_services == []


def try_delete(provider, service):
    from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

    try:
        provider.delete_endpoint_service(**service)
    except ClientRequestException as error:
        assert error.error_code == "EndPoint.0003" and "was taken before" in error.error_msg, error
        return False
    return True


def main(path):
    with open(path, encoding="utf-8") as file:
        story = Story(json.load(file))
    assert len(OPERATIONS) == 33, sorted(OPERATIONS)
    versions(story)
    a_service_is_made_and_becomes_available(story)
    services_are_found_by_name_id_and_state_page_by_page(story)
    a_service_is_changed(story)
    a_service_is_verified_by_what_a_consumer_types(story)
    cloud_services_are_told_to_all(story)
    who_is_not_in_the_whitelist_makes_no_endpoint(story)
    an_endpoint_waits_for_its_acceptance(story)
    the_owner_finds_and_describes_its_connections(story)
    talk = an_accepted_endpoint_carries_bytes(story)
    a_port_of_udp_is_added_while_connections_go_on(story, talk)
    endpoints_are_found(story)
    talk = a_client_that_is_not_listed_is_refused(story, talk)
    a_service_and_its_endpoint_become_professional(story, talk)
    talk = a_service_turns_to_its_standby(story)
    an_endpoint_of_a_gateway_service_has_routes_and_no_address(story)
    tags.tags_are_set_changed_searched_and_removed(story)
    tags.quotas_tell_what_is_used(story)
    talk = a_rejected_endpoint_carries_nothing_and_an_accepted_one_again(story, talk)
    what_is_deleted_is_gone(story, talk)
    missing = OPERATIONS - Tenant.answered
    assert not missing, f"never answered as they should be: {sorted(missing)}"
    print(f"{len(Tenant.answered)} operations answered")


if __name__ == "__main__":
    main(sys.argv[1])
