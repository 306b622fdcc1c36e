"""Who asks: signatures of the vendor's SDK that were changed, were sent before, or are of nobody who may."""

import json
import subprocess
import sys
from contextlib import suppress
from datetime import datetime, timedelta

import requests

from story import Story
from tenant import Tenant, refused

DENIED = (401, "EndPoint.0003")


def what_was_changed_after_it_was_signed_is_refused(story):
    tenant = story.provider

    def flipped(position):
        def tamper(request):
            head, _, signature = request.header_params["Authorization"].rpartition("=")
            other = "0" if signature[position] != "0" else "1"
            signature = signature[:position] + other + signature[position:][1:]
            request.header_params["Authorization"] = f"{head}={signature}"

        return tamper

    def body(request):
        request.body = request.body.replace(b"mine", b"evil")

    def uri(request):
        request.uri = request.uri.replace("vpc-endpoint-services", "vpc-endpoints")

    def query(request):
        request.uri += "?endpoint_service_name=other"

    def date(request):
        signed = datetime.strptime(request.header_params["X-Sdk-Date"], "%Y%m%dT%H%M%SZ")
        request.header_params["X-Sdk-Date"] = (signed + timedelta(seconds=1)).strftime("%Y%m%dT%H%M%SZ")

    def unsigned(request):
        del request.header_params["Authorization"]

    for position in (0, 31, 63):
        with tenant.tampered(flipped(position)), refused(*DENIED, "signature", "secret key"):
            tenant.list_endpoint_service()
    for tamper in (uri, query, date):
        with tenant.tampered(tamper), refused(*DENIED, "signature"):
            tenant.list_service_details(vpc_endpoint_service_id=story.service)
    with tenant.tampered(body), refused(*DENIED, "signature"):
        rename(story, "mine")
    with tenant.tampered(unsigned), refused(*DENIED, "credentials", "X-Auth-Token"):
        tenant.list_endpoint_service()
    with tenant.tampered(keep), suppress(Kept):
        tenant.list_service_details(vpc_endpoint_service_id=story.service)
    tenant.last_request.method = "DELETE"
    told = resend(tenant.last_request, requests.Session(), story)
    assert told == DENIED, told
    assert name(story) == "shop"


class Kept(Exception):
    """A request was signed and not sent."""


def keep(_):
    raise Kept


def who_is_not_known_is_refused(story):
    with refused(*DENIED, "NOBODY", "vpcectl create key"):
        Tenant(story.setting, "consumer", key="NOBODY").list_endpoints()
    with refused(*DENIED, "signature"):
        Tenant(story.setting, "consumer", secret=story.provider.secret).list_endpoints()


def what_was_signed_long_before_or_ahead_is_refused(story):
    for minutes, word in ((-16, "behind"), (16, "ahead")):
        tenant = Tenant(story.setting, "provider")
        date = datetime.utcnow() + timedelta(minutes=minutes)
        tenant.sdk.preset_headers = {"X-Sdk-Date": date.strftime("%Y%m%dT%H%M%SZ")}
        with refused(*DENIED, "X-Sdk-Date", word, "900"):
            tenant.list_endpoint_service()


def a_body_that_is_not_signed_is_refused(story):
    path = f"/v1/{{project_id}}/vpc-endpoint-services/{story.service}/name"
    with refused(*DENIED, "UNSIGNED-PAYLOAD", "Content-Type"):
        story.provider.raw("PUT", path, '{"endpoint_service_name": "mine"}', {"Content-Type": "text/plain"})
    assert name(story) == "shop"


def a_write_that_was_seen_before_is_refused(story):
    rename(story, "first")
    taken = story.provider.last_request
    rename(story, "second")
    # Nothing of it is changed, and on the connection that it came on first.
    told = resend(taken, story.provider.sdk.get_http_client()._session, story)
    assert told == DENIED, told
    told = resend(taken, requests.Session(), story)
    assert told == DENIED, told
    assert name(story) == "second"
    rename(story, "shop")


def a_read_that_was_seen_before_is_refused_on_another_connection(story):
    # Twice within a second, on one connection: a client that polls.
    for _ in range(3):
        story.consumer.list_quota_details()
    told = resend(story.consumer.last_request, requests.Session(), story)
    assert told == DENIED, told


def a_token_of_the_operators_serves_too(story):
    url = f"{story.setting['url']}/v1/{story.consumer.project}/quotas"
    ask = lambda token: requests.get(
        url, headers={"X-Auth-Token": token}, verify=story.setting["certificate"], timeout=10
    )
    answer = ask(story.setting["token"])
    assert (answer.status_code, list(answer.json())) == (200, ["quotas"]), answer.text
    answer = ask(story.setting["token"][:-1])
    assert (answer.status_code, answer.json()["error_code"]) == DENIED, answer.text


def a_project_in_a_header_counts_for_nothing(story):
    tenant = Tenant(story.setting, "consumer", project=story.provider.project)
    tenant.sdk.preset_headers = {"X-Project-Id": story.consumer.project}
    with refused(403, "EndPoint.0004", story.provider.project):
        tenant.list_endpoint_service()


def a_key_that_was_revoked_is_refused(story):
    story.reader.list_endpoints()
    subprocess.run([*story.setting["vpcectl"], "delete", "key", story.reader.key], check=True, capture_output=True)
    with refused(*DENIED, story.reader.key):
        story.reader.list_quota_details()


def rename(story, text):
    story.provider.update_endpoint_service_name(
        vpc_endpoint_service_id=story.service, body={"endpoint_service_name": text}
    )


def name(story):
    seen = story.provider.list_service_details(vpc_endpoint_service_id=story.service)
    return seen.service_name.split(".")[1]


def resend(request, session, story):
    """The status and the code of the same request once more."""
    answer = session.request(
        request.method,
        story.setting["url"] + request.uri,
        headers=request.header_params,
        data=request.body,
        verify=story.setting["certificate"],
        timeout=10,
    )
    return answer.status_code, answer.json().get("error_code")


def main(path):
    with open(path, encoding="utf-8") as file:
        story = Story(json.load(file))
    story.service = story.create_service(9000, service_name="shop")
    for chapter in (
        what_was_changed_after_it_was_signed_is_refused,
        who_is_not_known_is_refused,
        what_was_signed_long_before_or_ahead_is_refused,
        a_body_that_is_not_signed_is_refused,
        a_write_that_was_seen_before_is_refused,
        a_read_that_was_seen_before_is_refused_on_another_connection,
        a_token_of_the_operators_serves_too,
        a_project_in_a_header_counts_for_nothing,
        a_key_that_was_revoked_is_refused,
    ):
        chapter(story)


if __name__ == "__main__":
    main(sys.argv[1])
