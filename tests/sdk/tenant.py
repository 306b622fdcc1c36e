"""The vendor's SDK, unmodified, as a tenant uses it. Every answer is held to the SDK's own models."""

import json
import re
import time
from contextlib import contextmanager

import huaweicloudsdkvpcep.v1 as v1
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.http.http_handler import HttpHandler

# All operations: what those answer that have no body. The others answer 200.
OPERATIONS = {
    name
    for name in vars(v1.VpcepClient)
    if not name.startswith("_") and not name.endswith("_invoker") and name not in ("new_builder", "call_api")
}
NO_CONTENT = {
    "delete_endpoint_service",
    "upgrade_endpoint_service",
    "add_endpoint_service_server_resource",
    "delete_endpoint",
    "batch_add_or_remove_resource_instance",
}

# Fields of the models that an answer may lack: what a resource need not have, and what is not offered.
MAY_LACK = {
    "dns_names", "domain_id", "ip", "ipv6_address", "policy_document", "port_id", "server_type", "subnet_id",
    "endpoint_pool_id", "pool_id", "public_border_group", "resources", "Condition", "Sid",
}  # fmt: skip

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
REQUEST_ID = re.compile(r"[0-9a-f]{32}")

# How long what the API does after its answer may take.
PATIENCE_SECS = 10


class Tenant:
    """A user with an access key. Each operation of the SDK is a method, its fields are written as JSON has them.

    `answered` has the operations that were answered as they should be, `refused_with` the codes of errors.
    """

    answered = set()
    refused_with = set()

    def __init__(self, setting, user, project=None, key=None, secret=None):
        it = setting["users"][user]
        self.user, self.domain, self.project = user, it["domain"], project or it["project"]
        self.key, self.secret = key or it["key"], secret or it["secret"]
        self.tampers = []
        self.last_request = None
        handler = HttpHandler().add_request_handler(self._sends).add_response_handler(self._hears)
        self.sdk = (
            v1.VpcepClient.new_builder()
            .with_credentials(BasicCredentials(self.key, self.secret, None if project == "" else self.project))
            .with_endpoint(setting["url"])
            .with_http_config(HttpConfig(ssl_ca_cert=setting["certificate"]))
            .with_http_handler(handler)
            .build()
        )

    def __getattr__(self, operation):
        if operation not in OPERATIONS:
            raise AttributeError(operation)

        def call(**fields):
            request = build("".join(map(str.capitalize, operation.split("_"))) + "Request", fields)
            answer = getattr(self.sdk, operation)(request)
            expected = 204 if operation in NO_CONTENT else 200
            assert answer.status_code == expected, f"{operation}: {answer.status_code}, not {expected}"
            check_answer(operation, type(answer).__name__, answer.raw_content)
            self.answered.add(operation)
            return answer

        return call

    def raw(self, method, path, body=None, headers=None):
        """Calls with a body that the SDK's models would not make; answers the JSON."""
        # A model without fields: the answer is not taken apart.
        model = v1.UpgradeEndpointResponse.__name__
        answer = self.sdk.call_api(path, method, body=body, header_params=headers or {}, response_type=model)
        return answer.to_json_object()

    @contextmanager
    def tampered(self, tamper):
        """What is sent meanwhile is changed after it was signed."""
        self.tampers.append(tamper)
        try:
            yield
        finally:
            self.tampers.remove(tamper)

    def _sends(self, request, **_):
        self.last_request = request
        for tamper in self.tampers:
            tamper(request)

    @staticmethod
    def _hears(response, **_):
        request_id = response.headers.get("X-Request-Id", "")
        assert REQUEST_ID.fullmatch(request_id), f"{response.url}: X-Request-Id: {request_id!r}"
        assert response.status_code != 429, "clients lose the body of a 429"


def build(kind, value):
    """The SDK's model of a value; what fits no model stays as it is, for the gateway to refuse."""
    if kind.startswith("list[") and isinstance(value, list):
        return [build(kind[5:-1], each) for each in value]
    model = getattr(v1, kind, None)
    if model is None or not isinstance(value, dict):
        return value
    return model(**{name: build(model.openapi_types[name], each) for name, each in value.items()})


def check_answer(operation, kind, content):
    """Holds an answer, as it came, to the SDK's model of it: the SDK itself would bend what does not fit."""
    if operation in NO_CONTENT:
        assert content == b"", f"{operation}: a 204 with a body: {content}"
        return
    if not getattr(v1, kind).openapi_types:
        return
    body = json.loads(content)
    check_value(kind, body, operation)
    if "total_count" in body:
        lists = [key for key, value in body.items() if isinstance(value, list)]
        assert len(lists) <= 1, f"{operation}: a list has one array, not {lists}"


def check_value(kind, value, at):
    assert value is not None, f"{at} is null"
    if kind.startswith("list["):
        assert isinstance(value, list), f"{at} is no list: {value!r}"
        for index, each in enumerate(value):
            check_value(kind[5:-1], each, f"{at}[{index}]")
    elif kind == "datetime":
        assert isinstance(value, str) and TIME.fullmatch(value), f"{at} is no time: {value!r}"
    elif kind in ("str", "int", "bool"):
        assert type(value).__name__ == kind, f"{at} is no {kind}: {value!r}"
    elif kind != "object":
        model = getattr(v1, kind)
        assert isinstance(value, dict), f"{at} is no {kind}: {value!r}"
        for name, inner in model.openapi_types.items():
            field = model.attribute_map[name]
            if field in value:
                check_value(inner, value[field], f"{at}.{field}")
            else:
                assert field in MAY_LACK, f"{at} lacks {field}"


@contextmanager
def refused(status, code, *words):
    """What is done within is refused with this status and code, and a message that has these words."""
    try:
        yield
    except ServiceResponseException as error:
        told = f"{error.status_code} {error.error_code} {error.error_msg}"
        assert (error.status_code, error.error_code) == (status, code), f"not {status} {code}, but {told}"
        missing = [word for word in words if word not in error.error_msg]
        assert not missing, f"no {missing} in: {told}"
        Tenant.refused_with.add(code)
        return
    raise AssertionError(f"not refused, in place of {status} {code}")


def eventually(what, look, patience_secs=PATIENCE_SECS):
    """Waits until `look` answers something that is true, and gives that."""
    end = time.monotonic() + patience_secs
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < end, f"in vain for {patience_secs} s: {what}"
        time.sleep(0.05)


def becomes(status, look):
    """Waits until what is looked at has this status, and gives it."""
    end = time.monotonic() + PATIENCE_SECS
    while (seen := look()).status != status:
        assert time.monotonic() < end, f"in vain for {PATIENCE_SECS} s: {status}; last seen: {seen.to_json_object()}"
        time.sleep(0.05)
    return seen


def found(look):
    """What is looked at; none where the answer is 404."""
    try:
        return look()
    except ServiceResponseException as error:
        assert error.status_code == 404, error
        return None


def is_absent(look):
    """Whether what is looked at answers 404."""
    return found(look) is None


def is_going(look):
    """Whether what is looked at is being deleted, or is absent already: by one look, since it goes meanwhile."""
    there = found(look)
    return there is None or there.status == "deleting"
