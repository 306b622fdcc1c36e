"""Who may do what: each operation of the document that is served, by each role, in each place.

What must come of it is told from one table, operation to action, of the vendor's names.
"""

import json
import sys
from itertools import count

import gateway_operator
from gateway import Gateway
from story import Story

ACTIONS = [
    f"vpcep:{what}"
    for kind, verbs in (
        ("epservices", "create list get update delete"),
        ("endpoints", "create list get delete"),
        ("connections", "list update"),
        ("permissions", "list update"),
        ("tags", "list update"),
        ("quotas", "get"),
    )
    for what in (f"{kind}:{verb}" for verb in verbs.split())
]
ROLES = {
    "Administrator": ACTIONS,
    "FullAccess": ACTIONS,
    "ReadOnlyAccess": [action for action in ACTIONS if action.endswith((":list", ":get"))],
    **{action: [action] for action in ACTIONS},
    "none": [],
}
OPERATOR = "Administrator"
NUMBERS = count(10_000)


class Side:
    """What a tenant has."""

    def __init__(self, story, tenant):
        self.story, self.project = story, tenant.project
        self.vpc, self.subnet = story.vpc(tenant.user), story.subnet(tenant.user)
        self.backend, self.standby = (
            self.operator("POST", "/operator/backends", {"vpc": tenant.user, "kind": "vm", "address": address})["id"]
            for address in ("10.0.0.120", "10.0.0.121")
        )
        self.operator("PUT", f"/operator/quotas/{tenant.domain}", {"endpoint_service": 200, "endpoint": 200})
        self.service = self.new_service()
        self.endpoint = self.new_endpoint()
        self.permission = self.new_permission()

    def operator(self, method, at, body):
        return gateway_operator.ask(self.story, method, at, body)

    def make(self, at, body):
        return self.operator("POST", f"/v1/{self.project}/{at}", body)

    def service_body(self):
        port = next(NUMBERS)
        ports = [{"client_port": port, "server_port": port}]
        return {"vpc_id": self.vpc, "port_id": self.backend, "server_type": "VM", "ports": ports}

    def endpoint_body(self):
        return {"endpoint_service_id": self.service, "vpc_id": self.vpc, "subnet_id": self.subnet}

    def new_service(self):
        return self.make("vpc-endpoint-services", self.service_body())["id"]

    def new_endpoint(self):
        return self.make("vpc-endpoints", self.endpoint_body())["id"]

    def new_permission(self):
        at = f"vpc-endpoint-services/{self.service}/permissions/batch-create"
        return self.make(at, {"permissions": [{"permission": new_domain()}]})["permissions"][0]["id"]


def new_domain():
    return f"iam:domain::d-{next(NUMBERS)}"


class Operation:
    """The action that it takes, what it answers, and how to ask it again and again.

    `body` and `new` get the side whose ids are asked for; `new` makes what the path names, where it goes by
    being asked. `foreign` is the status for ids that are not the project's; `None` where it takes none.
    """

    def __init__(self, action, status=200, body=None, new=None, query="", foreign=None):
        self.action, self.status, self.body, self.new, self.query = action, status, body, new, query
        self.foreign = foreign


def of_one(action, status=200, body=None, **more):
    """What is not the project's is not there."""
    return Operation(action, status, body, foreign=404, **more)


def just(**body):
    return lambda _: body


OPERATIONS = {
    "create_endpoint_service": Operation("epservices:create", body=Side.service_body, foreign=400),
    "list_endpoint_service": Operation("epservices:list"),
    "list_service_details": of_one("epservices:get"),
    "update_endpoint_service": of_one("epservices:update", body=just(description="x")),
    "update_endpoint_service_name": of_one("epservices:update", body=just(endpoint_service_name="x")),
    "delete_endpoint_service": of_one("epservices:delete", 204, new=Side.new_service),
    "list_service_public_details": Operation("epservices:list"),
    # Who has the id was told it, and is told no more than that there is such a service.
    "list_service_describe_details": Operation("epservices:get", query="?id={service}", foreign=200),
    "upgrade_endpoint_service": of_one("epservices:update", 204),
    "add_endpoint_service_server_resource": of_one(
        "epservices:update", 204, lambda side: {"server_resources": [{"resource_id": side.standby}]}
    ),
    "list_service_connections": of_one("connections:list"),
    "accept_or_reject_endpoint": of_one(
        "connections:update", body=lambda side: {"action": "receive", "endpoints": [side.new_endpoint()]}
    ),
    "update_endpoint_connections_desc": of_one(
        "connections:update", body=lambda side: {"connections": [{"id": side.endpoint, "description": "x"}]}
    ),
    "list_service_permissions_details": of_one("permissions:list"),
    "add_or_remove_service_permissions": of_one(
        "permissions:update", body=lambda _: {"permissions": [new_domain()], "action": "add"}
    ),
    "batch_add_endpoint_service_permissions": of_one(
        "permissions:update", body=lambda _: {"permissions": [{"permission": new_domain()}]}
    ),
    "batch_remove_endpoint_service_permissions": of_one(
        "permissions:update", body=lambda side: {"permissions": [{"id": side.new_permission()}]}
    ),
    "update_endpoint_service_permission_desc": of_one(
        "permissions:update", body=just(permission={"description": "x"})
    ),
    # The vendor has no action for changes of an endpoint.
    "create_endpoint": Operation("endpoints:create", body=Side.endpoint_body, foreign=400),
    "list_endpoints": Operation("endpoints:list"),
    "list_endpoint_info_details": of_one("endpoints:get"),
    "update_endpoint_white": of_one("endpoints:create", body=just(whitelist=["10.0.0.5"])),
    # This one has no routes: who may ask is told so.
    "update_endpoint_routetable": of_one("endpoints:create", 400, lambda side: {"routetables": [side.vpc]}),
    "update_endpoint_policy": of_one(
        "endpoints:create",
        body=just(policy_statement=[{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}]),
    ),
    "delete_endpoint_policy": of_one("endpoints:create"),
    "upgrade_endpoint": of_one("endpoints:create", body=just(action="start")),
    "delete_endpoint": of_one("endpoints:delete", 204, new=Side.new_endpoint),
    "list_quota_details": Operation("quotas:get"),
    "batch_add_or_remove_resource_instance": of_one(
        "tags:update", 204, just(tags=[{"key": "a", "value": "1"}], action="create")
    ),
    "list_query_project_resource_tags": Operation("tags:list"),
    "list_resource_instances": Operation("tags:list", body=just(action="filter")),
    "list_version_details": Operation(None),
    "list_specified_version_details": Operation(None),
}


class Place:
    """A project, and whose ids are asked for there. `own`: those of the user."""

    def __init__(self, name, project, side, own_project, own_ids):
        self.name, self.project, self.side = name, project, side
        self.own_project, self.own_ids = own_project, own_ids


def expected(operation, role, place):
    """The status; `None` where there is nothing to try."""
    if operation.action is None:
        return operation.status
    if not place.own_ids and operation.foreign is None and place.own_project:
        return None
    if role == OPERATOR:
        # What it makes in a project is in a VPC of the project's tenant.
        is_mixed = not place.own_ids and operation.foreign == 400
        return operation.foreign if is_mixed else operation.status
    if not place.own_project or f"vpcep:{operation.action}" not in ROLES[role]:
        return 403
    return operation.status if place.own_ids else operation.foreign


def path_of(template, place, new):
    side = place.side
    ids = {"vpc_endpoint_service_id": side.service, "vpc_endpoint_id": side.endpoint}
    if new is not None:
        ids = dict.fromkeys(ids, new)
    return template.format(
        project_id=place.project,
        permission_id=side.permission,
        resource_type="endpoint",
        resource_id=side.endpoint,
        version="v1",
        **ids,
    )


def try_all(gateway, tokens, places):
    """Asks each in each place by each role; answers how many were asked."""
    cells = 0
    for name, method, template in gateway.operations():
        operation = OPERATIONS[name]
        for place in places:
            for role, token in tokens.items():
                status = expected(operation, role, place)
                if status is None:
                    continue
                does = status == operation.status
                new = operation.new(place.side) if operation.new and does else None
                body = operation.body(place.side) if operation.body else None
                at = path_of(template, place, new) + operation.query.format(service=place.side.service)
                told = gateway.ask(method, at, body, {"X-Auth-Token": token})
                assert told.status == status, f"{name} by {role} in {place.name}: {told}, not {status}"
                cells += 1
    return cells


def try_strangers(gateway, place):
    """No operation is done for who shows nothing, or shows what is nobody's."""
    signature = "SDK-HMAC-SHA256 Access=AKIA, SignedHeaders=host;x-sdk-date, Signature=" + "0" * 64
    strangers = (
        {},
        {"X-Auth-Token": ""},
        {"X-Auth-Token": "0" * 64},
        {"Authorization": "Bearer 0"},
        {"Authorization": signature, "X-Sdk-Date": "20260101T000000Z"},
        {"X-Project-Id": place.project, "X-Domain-Id": "d-consumer", "X-User": "operator"},
    )
    cells = 0
    for name, method, template in gateway.operations():
        operation = OPERATIONS[name]
        for headers in strangers:
            told = gateway.ask(method, path_of(template, place, None), {} if operation.body else None, headers)
            status = 401 if operation.action else 200
            assert told.status == status, f"{name} with {headers}: {told}, not {status}"
            assert status != 401 or told.code == "EndPoint.0003", told
            cells += 1
    return cells


def main(path):
    with open(path, encoding="utf-8") as file:
        story = Story(json.load(file))
    gateway = Gateway(story.setting)
    names = {name for name, _, _ in gateway.operations()}
    assert names == set(OPERATIONS), f"not in both: {sorted(names ^ set(OPERATIONS))}"

    own, other = Side(story, story.consumer), Side(story, story.neighbour)
    for side in (own, other):
        at = f"/v2/{side.project}/vpc-endpoint-services/{side.service}/upgrade"
        gateway_operator.ask(story, "POST", at, {}, 204)
    second = "p-consumer-second"
    places = (
        Place("the own project", own.project, own, True, True),
        Place("another project of the domain", second, own, False, True),
        Place("another tenant's project", other.project, other, False, True),
        Place("the own project with another tenant's ids", own.project, other, True, False),
    )
    user = lambda name, project, role: gateway_operator.ask(
        story, "POST", "/operator/users", {"name": name, "domain": "d-consumer", "projects": [project], "role": role}
    )
    user("second", second, "FullAccess")
    tokens = {}
    for number, role in enumerate(ROLES):
        user(f"role-{number}", own.project, ROLES[role] if ":" in role or role == "none" else role)
        tokens[role] = gateway_operator.ask(story, "POST", f"/operator/users/role-{number}/tokens", {})["token"]

    cells, strange = try_all(gateway, tokens, places), try_strangers(gateway, places[0])
    print(f"row 16: {len(names)} operations x {len(ROLES)} roles x {len(places)} places: {cells} cells as told")
    print(f"row 16: {strange} requests without credentials that count, 0 let in")


if __name__ == "__main__":
    main(sys.argv[1])
