"""The API as any client of HTTPS asks it, and the document of its operations."""

import http.client
import json
import ssl
from collections import namedtuple
from urllib.parse import urlsplit

METHODS = {"get", "post", "put", "delete"}

Told = namedtuple("Told", "status code message body")


def trusted(setting):
    """TLS that trusts the gateway's certificate alone."""
    return ssl.create_default_context(cafile=setting["certificate"])


class Gateway:
    """One connection, over and over."""

    def __init__(self, setting):
        host = urlsplit(setting["url"]).netloc
        self.connection = http.client.HTTPSConnection(host, context=trusted(setting), timeout=30)
        self.document = self.ask("GET", "/openapi.json").body

    def ask(self, method, at, body=None, headers=None):
        """Asks; every answer has its id, and every error the one form."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        self.connection.request(method, at, None if body is None else json.dumps(body), sent)
        answer = self.connection.getresponse()
        text = answer.read()
        assert len(answer.headers["X-Request-Id"]) == 32, answer.headers
        told = json.loads(text) if text else {}
        if answer.status >= 400:
            assert set(told) == {"error_code", "error_msg"} and all(told.values()), told
        return Told(answer.status, told.get("error_code"), told.get("error_msg"), told)

    def operations(self):
        """Name, method and path of each operation that the document has."""
        return [
            (operation["operationId"], method.upper(), path)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
            if method in METHODS
        ]
