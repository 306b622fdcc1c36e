"""More requests than are allowed: refused so that the vendor's SDK tells it, and nobody else notices."""

import json
import sys
import time

from story import Story
from tenant import refused

PER_SEC = 20


def main(path):
    with open(path, encoding="utf-8") as file:
        story = Story(json.load(file))
    with refused(400, "EndPoint.0022", story.provider.key, "wait"):
        for _ in range(PER_SEC * 20):
            story.provider.list_quota_details()
    story.consumer.list_quota_details()
    time.sleep(1)
    story.provider.list_quota_details()


if __name__ == "__main__":
    main(sys.argv[1])
