"""Requests that the vendor's SDK signed, changed in one place on their way: none is taken, but each as it was."""

import http.client
import json
import random
import string
import sys
from contextlib import suppress
from copy import deepcopy
from urllib.parse import urlsplit

from gateway import trusted
from signatures import Kept, keep
from story import NOBODY, Story

# Changes of each signed request.
EACH = 20
LETTERS = string.ascii_letters + string.digits
# Who asks is not known; or, where the path or the method was changed, nothing is there to ask.
REFUSED = {401}
NOWHERE = {404, 405}


def other(letter):
    """Some letter, but this one."""
    return random.choice(LETTERS.replace(letter, ""))


def with_other(text, start=0):
    at = random.randrange(start, len(text))
    return text[:at] + other(text[at]) + text[at + 1 :]


def signed_headers(request):
    """Those that the signature is over."""
    names = request.header_params["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    return [name for name in request.header_params if name.lower() in names]


def authorization(request):
    request.header_params["Authorization"] = with_other(request.header_params["Authorization"])
    return REFUSED


def signature(request):
    head, _, text = request.header_params["Authorization"].rpartition("=")
    request.header_params["Authorization"] = f"{head}={with_other(text)}"
    return REFUSED


def header(request):
    name = random.choice(signed_headers(request))
    request.header_params[name] = with_other(request.header_params[name])
    return REFUSED


def header_lost(request):
    # Without a host it would be no request.
    del request.header_params[random.choice([name for name in signed_headers(request) if name.lower() != "host"])]
    return REFUSED


def method(request):
    request.method = random.choice([to for to in ("GET", "POST", "PUT", "DELETE") if to != request.method])
    return REFUSED | NOWHERE


def path(request):
    path, mark, query = request.uri.partition("?")
    request.uri = with_other(path, 1) + mark + query
    return REFUSED | NOWHERE


def query(request):
    name = "".join(random.choices(LETTERS, k=8))
    request.uri += f"{'&' if '?' in request.uri else '?'}{name}=1"
    return REFUSED


def body(request):
    text = request.body or b""
    text = text.encode() if isinstance(text, str) else text
    at = random.randrange(len(text) + 1)
    request.body = text[:at] + other("").encode() + text[at:]
    return REFUSED


MUTATIONS = (authorization, signature, header, header_lost, method, path, query, body)


class Wire:
    """Sends requests as they are, whatever a client would put right."""

    def __init__(self, setting):
        self.host = urlsplit(setting["url"]).netloc
        self.connection = http.client.HTTPSConnection(self.host, context=trusted(setting), timeout=30)

    def send(self, request):
        self.connection.putrequest(request.method, request.uri, skip_host=True, skip_accept_encoding=True)
        text = request.body or b""
        text = text.encode() if isinstance(text, str) else text
        headers = {"Host": self.host, **request.header_params, "Content-Length": str(len(text))}
        for name, value in headers.items():
            self.connection.putheader(name, value)
        self.connection.endheaders(text)
        answer = self.connection.getresponse()
        told = answer.status, answer.read()
        if answer.status in NOWHERE:
            # A body that nobody reads ends the connection.
            self.connection.close()
        return told


def signed(story, number):
    """Requests of each kind, signed and not sent, with the status that each gets as it is. None is there twice."""
    provider, service = story.provider, {"vpc_endpoint_service_id": story.service}
    for ask, status in (
        (lambda: provider.update_endpoint_service(**service, body={"description": f"number {number}"}), 200),
        (lambda: provider.list_endpoint_service(endpoint_service_name=f"shop-{number}", limit=100), 200),
        (lambda: provider.list_service_connections(**service, offset=number), 200),
        (lambda: provider.delete_endpoint_service(vpc_endpoint_service_id=NOBODY[:-4] + f"{number:04x}"), 404),
    ):
        with provider.tampered(keep), suppress(Kept):
            ask()
        yield provider.last_request, status


def main(path):
    with open(path, encoding="utf-8") as file:
        story = Story(json.load(file))
    story.service = story.create_service(9000, service_name="shop")
    seed = random.randrange(1 << 32)
    random.seed(seed)
    changed, number = 0, 0
    wire, elsewhere = Wire(story.setting), Wire(story.setting)
    while changed < story.setting["requests"]:
        number += 1
        for request, status in signed(story, number):
            for _ in range(EACH):
                mutant, mutate = deepcopy(request), random.choice(MUTATIONS)
                allowed = mutate(mutant)
                told = wire.send(mutant)
                assert told[0] in allowed, f"seed {seed}: {mutate.__name__}: {told}"
                assert told[0] != 404 or b"nothing at" in told[1], f"seed {seed}: {mutate.__name__}: {told}"
                changed += 1
            told = wire.send(request)
            assert told[0] == status, f"as it was signed: {told}"
            told = elsewhere.send(request)
            assert told[0] == 401, f"sent again: {told}"
    print(f"row 17: {changed} mutations of {number * 4} signed requests over HTTPS, 0 taken; each taken once as it was")


if __name__ == "__main__":
    main(sys.argv[1])
