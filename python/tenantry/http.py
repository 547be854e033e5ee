"""What scenario files need of HTTP beyond `vu.get` and its like: settings of connections, and how a single request is sent."""

from tenantry.plan.http import HttpSettings, http_settings
from tenantry.scenario.sse import Event
from tenantry.scenario.transfer import Basic, Bearer, Digest, Transfer

__all__ = ["Basic", "Bearer", "Digest", "Event", "HttpSettings", "Transfer", "http_settings"]
