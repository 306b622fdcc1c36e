"""What the scripts share: tenants, and a service and an endpoint between them."""

from uuid import uuid4

from tenant import Tenant, becomes

# An id that nothing has.
NOBODY = str(uuid4())


class Story:
    """What the chapters hand on to each other."""

    def __init__(self, setting):
        self.setting = setting
        users = ("provider", "consumer", "neighbour", "reader")
        self.provider, self.consumer, self.neighbour, self.reader = (Tenant(setting, user) for user in users)
        self.client = setting["client_network"]
        self.echo = setting["echo"]
        self.service = self.endpoint = self.address = None

    def vpc(self, name):
        return self.setting["vpcs"][name]["id"]

    def subnet(self, vpc, name="default"):
        return self.setting["vpcs"][vpc]["subnets"][name]

    def service_body(self, server_port, client_port=None, **more):
        body = {
            "vpc_id": self.vpc("provider"),
            "port_id": self.setting["backends"]["first"],
            "server_type": "VM",
            "ports": [{"client_port": client_port or server_port, "server_port": server_port, "protocol": "TCP"}],
        }
        return {**body, **more}

    def create_service(self, server_port, **more):
        """A service that is available."""
        sid = self.provider.create_endpoint_service(body=self.service_body(server_port, **more)).id
        becomes("available", lambda: self.provider.list_service_details(vpc_endpoint_service_id=sid))
        return sid

    def create_endpoint(self, tenant, service, vpc, **more):
        body = {"endpoint_service_id": service, "vpc_id": self.vpc(vpc), "subnet_id": self.subnet(vpc)}
        return tenant.create_endpoint(body={**body, **more})

    def service_status(self, sid):
        return self.provider.list_service_details(vpc_endpoint_service_id=sid).status

    def details(self, eid=None):
        return self.consumer.list_endpoint_info_details(vpc_endpoint_id=eid or self.endpoint)

    def connection(self, eid=None):
        """The endpoint as the service's owner sees it."""
        found = self.provider.list_service_connections(vpc_endpoint_service_id=self.service, id=eid or self.endpoint)
        assert found.total_count == 1 and len(found.connections) == 1, found
        return found.connections[0]

    def decide(self, action):
        body = {"action": action, "endpoints": [self.endpoint]}
        return self.provider.accept_or_reject_endpoint(vpc_endpoint_service_id=self.service, body=body)
