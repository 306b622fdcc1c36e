"""A disk that is full: what would be written fails, tells why and changes nothing; then it goes on."""

import errno
import json
import os
import sys

from story import Story
from tenant import refused

PAGE = 4096


def fill(path):
    """Takes all that is free."""
    with open(path, "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(PAGE))
        except OSError as error:
            assert error.errno == errno.ENOSPC, error


def rename(story, text):
    body = {"endpoint_service_name": text}
    story.provider.update_endpoint_service_name(vpc_endpoint_service_id=story.service, body=body)


def name(story):
    seen = story.provider.list_service_details(vpc_endpoint_service_id=story.service)
    return seen.service_name.split(".")[1]


def main(path):
    with open(path, encoding="utf-8") as file:
        story = Story(json.load(file))
    story.service = story.create_service(9000, service_name="before")
    ballast = os.path.join(story.setting["state"], "ballast")
    fill(ballast)
    for attempt in range(3):
        with refused(500, "EndPoint.0001", "disk"):
            rename(story, f"full-{attempt}")
        assert name(story) == "before"
    with refused(500, "EndPoint.0001", "disk"):
        story.create_service(9001)
    assert story.provider.list_endpoint_service().total_count == 1
    os.remove(ballast)
    rename(story, "after")
    assert name(story) == "after"


if __name__ == "__main__":
    main(sys.argv[1])
