"""Who is calling: signed bearer tokens, and passwords."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from typing import NamedTuple

# What an unknown user's password is compared with, so that the time of an answer does not tell who exists.
_NOBODY = "pbkdf2_sha256$10000$tenantry$" + base64.b64encode(bytes(32)).decode()


class Identity(NamedTuple):
    """The signed content of a token."""

    clinic_id: int
    user_id: int
    role: str


def issue_token(identity: Identity, secret: bytes) -> str:
    """`v1.<clinic_id>.<user_id>.<role>.<hex hmac-sha256 of what stands before>`."""
    content = f"v1.{identity.clinic_id}.{identity.user_id}.{identity.role}"
    return f"{content}.{_signature(content, secret)}"


def read_token(token: str, secret: bytes) -> Identity | None:
    """The identity of a token that we signed, else None."""
    content, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(content, secret).encode()):
        return None
    version, clinic_id, user_id, role = content.split(".")
    return Identity(int(clinic_id), int(user_id), role) if version == "v1" else None


def _signature(content: str, secret: bytes) -> str:
    return hmac.digest(secret, content.encode(), "sha256").hex()


async def password_matches(password: str, stored: str | None) -> bool:
    """Compare with `pbkdf2_sha256$iterations$salt$base64`, in a thread: the hash takes milliseconds and frees the interpreter."""
    return await asyncio.to_thread(_matches, password, stored or _NOBODY)


def _matches(password: str, stored: str) -> bool:
    _, iterations, salt, expected = stored.split("$")
    found = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), int(iterations), dklen=32)
    return hmac.compare_digest(found, base64.b64decode(expected))
