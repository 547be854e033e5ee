"""Which route and tenant a session works for: from its application_name and from a comment in its statement."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

# https://google.github.io/sqlcommenter/spec/: /*key='value',key='value'*/ with URL-encoded values.
_PAIR = re.compile(r"([A-Za-z_][\w.-]*)\s*[=:]\s*(?:'((?:[^'\\]|\\.)*)'|([\w@.+%-]+))")
_TENANT_KEYS = (
    "tenant",
    "tenant_id",
    "org",
    "org_id",
    "organization",
    "organization_id",
    "account",
    "account_id",
    "clinic",
    "clinic_id",
    "customer",
    "customer_id",
    "company",
    "workspace",
    "shop",
    "site",
)
_ROUTE_KEYS = ("route", "http_route", "endpoint", "action", "controller", "operation")
_MOST = 120


class Label(NamedTuple):
    """Empty where nothing is told."""

    route: str
    tenant: str


@lru_cache(maxsize=20_000)
def label(application_name: str, comment: str) -> Label:
    """Route and tenant.

    `GET /api/pets clinic=7` and `/*route='GET /api/pets',tenant='7'*/` both give ("GET /api/pets", "7"). An application_name without a
    tenant is a route of its own: where it is the same for all sessions, it tells nothing, and does no harm.
    """
    pairs = {key.lower(): unquote(quoted or bare) for key, quoted, bare in _PAIR.findall(comment)}
    named = {key.lower(): quoted or bare for key, quoted, bare in _PAIR.findall(application_name)}
    tenant = next((found[key] for found in (pairs, named) for key in _TENANT_KEYS if key in found), "")
    route = next((pairs[key] for key in _ROUTE_KEYS if key in pairs), "") or _PAIR.sub("", application_name).strip(" ,;|")
    return Label(route[:_MOST], tenant[:_MOST])
