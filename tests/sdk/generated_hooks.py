"""Hooks of schemathesis: many of the requests are about what there is, and all are counted."""

import atexit
import json
import random
import zlib
from collections import Counter
from copy import deepcopy

import schemathesis
from schemathesis.core.parameters import ParameterLocation

with open("ids.json", encoding="utf-8") as file:
    IDS = json.load(file)

# Of 10 requests, so many are about what there is.
OF_TEN = 8
ANSWERS = Counter()

LISTS = {
    "vpc_endpoint_service_id": "services",
    "vpc_endpoint_id": "endpoints",
    "permission_id": "permissions",
}


@schemathesis.hook
def before_call(context, case, **kwargs):
    # The same for the same request.
    draw = random.Random(zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode()))
    if case.meta is None or draw.randrange(10) >= OF_TEN:
        return
    if not case.meta.is_negative_at(ParameterLocation.PATH):
        fill_path(case.path_parameters or {}, case.method.upper(), draw)
    if case.meta.generation.mode.is_positive:
        fill_body(case, draw)


def fill_path(path, method, draw):
    for name, known in LISTS.items():
        if name in path:
            # What would be deleted is mostly kept, to be asked for later.
            keep = method == "DELETE" and len(IDS[known]) < 5
            path[name] = path[name] if keep else draw.choice(IDS[known])
    if "project_id" in path:
        path["project_id"] = IDS["project_id"]
    if "resource_id" in path:
        path["resource_id"] = draw.choice(IDS["endpoints" if path["resource_type"] == "endpoint" else "services"])
    if "version" in path:
        path["version"] = "v1"


def fill_body(case, draw):
    good = body(case.operation.definition.raw.get("operationId"), draw)
    if good is not None and isinstance(case.body, dict):
        # Right, but for one field.
        extra = draw.choice([None, *case.body])
        case.body = good if extra is None else {**good, extra: deepcopy(case.body[extra])}


def body(operation, draw):
    """A body that may be taken."""
    if operation == "create_endpoint_service":
        port = draw.randrange(1, 65536)
        ports = [{"client_port": port, "server_port": port}]
        return {"vpc_id": IDS["vpc_id"], "port_id": draw.choice(IDS["backends"]), "server_type": "VM", "ports": ports}
    if operation == "create_endpoint":
        service = draw.choice(IDS["services"])
        return {"endpoint_service_id": service, "vpc_id": IDS["vpc_id"], "subnet_id": IDS["subnet_id"]}
    if operation == "accept_or_reject_endpoint":
        return {"action": draw.choice(["receive", "reject"]), "endpoints": [draw.choice(IDS["endpoints"])]}
    if operation == "update_endpoint_connections_desc":
        return {"connections": [{"id": draw.choice(IDS["endpoints"]), "description": "x"}]}
    if operation == "add_or_remove_service_permissions":
        return {"permissions": [f"iam:domain::d-{draw.randrange(50)}"], "action": draw.choice(["add", "remove"])}
    if operation == "batch_add_endpoint_service_permissions":
        return {"permissions": [{"permission": f"iam:domain::d-{draw.randrange(50)}"}]}
    if operation == "batch_remove_endpoint_service_permissions":
        return {"permissions": [{"id": draw.choice(IDS["permissions"])}]}
    if operation == "add_endpoint_service_server_resource":
        return {"server_resources": [{"resource_id": draw.choice(IDS["backends"])}]}
    if operation == "update_endpoint_white":
        return {"whitelist": [f"10.0.0.{draw.randrange(256)}"]}
    if operation == "update_endpoint_policy":
        return {"policy_statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}]}
    if operation == "batch_add_or_remove_resource_instance":
        return {"tags": [{"key": f"k{draw.randrange(9)}", "value": "v"}], "action": draw.choice(["create", "delete"])}
    if operation == "list_resource_instances":
        return {"action": draw.choice(["filter", "count"])}
    return None


@schemathesis.hook
def after_call(context, case, response):
    ANSWERS[str(response.status_code)] += 1
    made = {"create_endpoint_service": "services", "create_endpoint": "endpoints"}
    known = made.get(case.operation.definition.raw.get("operationId"))
    if known and response.status_code == 200:
        IDS[known].append(response.json()["id"])


@atexit.register
def told():
    with open("requests.json", "w", encoding="utf-8") as file:
        json.dump(ANSWERS, file)
