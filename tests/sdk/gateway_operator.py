"""What the gateway's operator asks on the agent's socket."""

import http.client
import json
import socket


class OnSocket(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("vpce")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def ask(story, method, at, body, status=200):
    """Asks, and answers the JSON of an answer of this status."""
    connection = OnSocket(story.setting["socket"])
    connection.request(method, at, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = answer.read()
    assert answer.status == status, f"{method} {at}: {answer.status} {told}"
    return json.loads(told) if told else None
