"""Who is calling: JSON Web Tokens signed with HS256, and passwords."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from functools import lru_cache
from typing import Annotated, NamedTuple

import jwt
import msgspec

ALGORITHM = "HS256"
TOKEN_LIFETIME_S = 7 * 24 * 3600
# What an unknown user's password is compared with, so that the time of an answer does not tell who exists.
_NOBODY = "pbkdf2_sha256$10000$tenantry$" + base64.b64encode(bytes(32)).decode()


class Identity(NamedTuple):
    """Who a token speaks for."""

    clinic_id: int
    user_id: int
    role: str


class _Claims(msgspec.Struct):
    sub: Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,17}$")]
    clinic_id: Annotated[int, msgspec.Meta(ge=1, lt=10**18)]
    role: str
    exp: float


class _Verified(NamedTuple):
    identity: Identity
    expires_at: float


def issue_token(identity: Identity, secret: bytes) -> str:
    """A token that is good for a week."""
    claims = {
        "sub": str(identity.user_id),
        "clinic_id": identity.clinic_id,
        "role": identity.role,
        "exp": int(time.time()) + TOKEN_LIFETIME_S,
    }
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def read_token(token: str, secret: bytes) -> Identity | None:
    """The identity in a token that we signed and that has not expired, else None."""
    found = _verified(token, secret)
    return found.identity if found is not None and found.expires_at > time.time() else None


# A signature stays as good as it is: who comes again is not computed again, which would take a sixth of the time of a small request.
@lru_cache(maxsize=20_000)
def _verified(token: str, secret: bytes) -> _Verified | None:
    try:
        decoded = jwt.decode(token, secret, algorithms=[ALGORITHM], options={"require": ["exp", "sub"]})
        claims = msgspec.convert(decoded, _Claims)
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError):
        return None
    return _Verified(Identity(claims.clinic_id, int(claims.sub), claims.role), claims.exp)


async def password_matches(password: str, stored: str | None) -> bool:
    """Compare with `pbkdf2_sha256$iterations$salt$base64`, in a thread: the hash takes milliseconds and frees the interpreter."""
    return await asyncio.to_thread(_matches, password, stored or _NOBODY)


def _matches(password: str, stored: str) -> bool:
    _, iterations, salt, expected = stored.split("$")
    found = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), int(iterations), dklen=32)
    return hmac.compare_digest(found, base64.b64decode(expected))
