"""Chapters of operations.py: tags, and what they find; quotas."""


def tags_are_set_changed_searched_and_removed(story):
    for tenant, kind, rid in (
        (story.provider, "endpoint_service", story.service),
        (story.consumer, "endpoint", story.endpoint),
    ):
        resource = {"resource_type": kind, "resource_id": rid}

        def change(action, *tags):
            body = {"action": action, "tags": [{"key": key, "value": value} for key, value in tags]}
            tenant.batch_add_or_remove_resource_instance(**resource, body=body)

        def found(**body):
            answer = tenant.list_resource_instances(resource_type=kind, body={"action": "filter", **body})
            return [each.resource_id for each in answer.resources]

        change("create", ("colour", "grün"), ("team", "green"))
        change("create", ("colour", "gelb"), ("size", "L"))
        tags = {entry.key: entry.values for entry in tenant.list_query_project_resource_tags(resource_type=kind).tags}
        assert (tags["colour"], tags["size"], tags["team"]) == (["gelb"], ["L"], ["green"]), tags

        both = [{"key": "colour", "values": ["gelb", "rot"]}, {"key": "size", "values": []}]
        assert found(tags=both) == [rid], "all keys, any of the values of each"
        assert found(tags=[*both, {"key": "colour-2", "values": []}]) == []
        assert found(tags_any=[{"key": "none", "values": []}, *both]) == [rid]
        assert found(not_tags_any=both) == [] == found(not_tags=both)
        assert found(matches=[{"key": "resource_name", "value": "SHOP"}]) == [rid]
        assert found(matches=[{"key": "resource_id", "value": rid}], limit="1", offset="0") == [rid]
        assert found(offset="1") == [] == found(without_any_tag=True)
        counted = tenant.list_resource_instances(resource_type=kind, body={"action": "count", "tags": both})
        assert (counted.total_count, counted.resources) == (1, None), counted

        change("delete", ("colour", "gelb"), ("size", "L"))
        tags = {entry.key for entry in tenant.list_query_project_resource_tags(resource_type=kind).tags}
        assert not tags & {"colour", "size"}, tags


def quotas_tell_what_is_used(story):
    def quotas(tenant, **query):
        told = tenant.list_quota_details(**query).quotas.resources
        return {each.type: (each.used, each.quota) for each in told}

    assert quotas(story.provider) == {"endpoint_service": (1, 20), "endpoint": (0, 50)}
    assert quotas(story.consumer, type="endpoint") == {"endpoint": (1, 50)}
