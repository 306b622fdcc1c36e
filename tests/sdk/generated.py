"""Requests that schemathesis makes up from the document that is served, right and wrong ones."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from itertools import count

import gateway_operator
from gateway import Gateway
from matrix import Side
from story import Story
from tenant import becomes

# All checks but this one: what has the right form may be refused for the state of things, such as an address in use.
# Those of links between operations find none in the document.
NOT_HELD = "positive_data_acceptance"
SOME = 8
# Of all requests, so many are for one operation; and not more at once than fit into memory.
EXAMPLES_OF, MOST_EXAMPLES = 48, 1000
CONFIG = """
[generation]
database = "none"
# Else most are refused for their credentials: who has none is tried by matrix.py.
with-security-parameters = false
"""


def room(story, domain):
    gateway_operator.ask(story, "PUT", f"/operator/quotas/{domain}", {"endpoint_service": 1000, "endpoint": 1000})


def ids(story):
    """What there is, for some of the requests to be about."""
    side = Side(story, story.consumer)
    services = [side.service, *(side.new_service() for _ in range(SOME))]
    endpoints = [side.endpoint, *(side.new_endpoint() for _ in range(SOME))]
    permissions = [side.permission, *(side.new_permission() for _ in range(SOME))]
    tags = {"tags": [{"key": "team", "value": "red"}], "action": "create"}
    for kind, some in (("endpoint_service", services), ("endpoint", endpoints)):
        for each in some[1:]:
            gateway_operator.ask(story, "POST", f"/v1/{side.project}/{kind}/{each}/tags/action", tags, 204)
    room(story, story.consumer.domain)
    look = lambda: story.consumer.list_service_details(vpc_endpoint_service_id=services[-1])
    becomes("available", look)
    return {
        "project_id": side.project,
        "services": services,
        "endpoints": endpoints,
        "permissions": permissions,
        "vpc_id": side.vpc,
        "subnet_id": side.subnet,
        "backends": [side.backend, side.standby],
    }


def begin(setting, number, turn, names):
    """Makes requests of these operations up."""
    folder = f"part-{number}-{turn}"
    os.mkdir(folder)
    shutil.copy("ids.json", folder)
    with open(f"{folder}/schemathesis.toml", "w", encoding="utf-8") as file:
        file.write(CONFIG)
    examples = min(setting["requests"] // EXAMPLES_OF, MOST_EXAMPLES)
    command = [
        *(sys.executable, "-B", "-W", "ignore", "-m", "schemathesis.cli"),
        *("run", f"{setting['url']}/openapi.json", "--tls-verify", setting["certificate"]),
        *("--header", f"X-Auth-Token: {setting['token']}", "--exclude-checks", NOT_HELD),
        *("--phases", "fuzzing" if turn else "coverage,fuzzing", "--max-examples", str(examples)),
        # The same requests in every run; others in each long one, which tells its seed.
        *(() if os.environ.get("VPCE_LONG") == "1" else ("--seed", "1")),
        *("--suppress-health-check", "all", "--no-shrink", "--continue-on-failure", "--workers", "1"),
        *(word for name in names for word in ("--include-operation-id", name)),
    ]
    here = os.path.dirname(os.path.abspath(__file__))
    environment = {**os.environ, "PYTHONPATH": here, "SCHEMATHESIS_HOOKS": "generated_hooks"}
    with open(f"{folder}/told", "w", encoding="utf-8") as told:
        return folder, subprocess.Popen(command, cwd=folder, env=environment, stdout=told, stderr=told)


def end(folder, process):
    """How many answers of which status there were, and none of them wrong."""
    code = process.wait()
    with open(f"{folder}/told", encoding="utf-8") as file:
        told = file.read()
    assert code == 0, f"{folder}:\n{told}"
    with open(f"{folder}/requests.json", encoding="utf-8") as file:
        return Counter(json.load(file))


def main(path):
    with open(path, encoding="utf-8") as file:
        story = Story(json.load(file))
    with open("ids.json", "w", encoding="utf-8") as file:
        json.dump(ids(story), file)
    names = [name for name, _, _ in Gateway(story.setting).operations()]
    wanted, answers = story.setting["requests"], Counter()
    for turn in count():
        # A process for each of two CPUs.
        parts = [begin(story.setting, number, turn, names[number::2]) for number in range(2)]
        for part in parts:
            answers += end(*part)
        if answers.total() >= wanted:
            break
    failed = [status for status in answers if status >= "500"]
    assert not failed, answers
    # Where nobody is let in, nothing can break.
    done = sum(times for status, times in answers.items() if status.startswith("2"))
    assert done * 20 >= answers.total(), answers
    told = ", ".join(f"{times} of {status}" for status, times in sorted(answers.items()))
    print(f"row 16: {answers.total()} requests made up, 0 answers of 5xx, 0 breaks of the document: {told}")


if __name__ == "__main__":
    main(sys.argv[1])
