"""Tokens that we did not give, or that no longer hold: always a 401, whatever they say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from running_clinic import SECRET

from tenantry_clinic.auth import Identity, issue_token, read_token

if TYPE_CHECKING:
    from running_clinic import Clinic

GOOD = {"sub": "1", "clinic_id": 1, "role": "owner", "exp": int(time.time()) + 3600}


def signed(*, without: str = "", secret: str = SECRET, **claims: Any) -> str:
    return jwt.encode({key: value for key, value in {**GOOD, **claims}.items() if key != without}, secret, algorithm="HS256")


def by_hand(header: str, claims: str, digest: Any = hashlib.sha256) -> str:
    """A token that no library would make, with a signature that is right."""
    parts = [base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(SECRET.encode(), b".".join(parts), digest)
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


HEADER = '{"alg": "HS256", "typ": "JWT"}'
BAD = {
    "expired": signed(exp=int(time.time()) - 1),
    "not yet good": signed(nbf=int(time.time()) + 3600),
    "another secret": signed(secret="another-secret-of-32-bytes-or-more-here"),
    "no algorithm": jwt.encode(GOOD, "", algorithm="none"),
    "no algorithm, with a signature": by_hand('{"alg": "none"}', json.dumps(GOOD)),
    "another algorithm": by_hand('{"alg": "HS512"}', json.dumps(GOOD), hashlib.sha512),
    "an unknown algorithm": by_hand('{"alg": "RS256"}', json.dumps(GOOD)),
    "an algorithm that is no text": by_hand('{"alg": ["HS256"]}', json.dumps(GOOD)),
    "a header that is no object": by_hand("[]", json.dumps(GOOD)),
    "a deep header": by_hand("[" * 5000, json.dumps(GOOD)),
    "claims that are no object": by_hand(HEADER, "[1]"),
    "claims that are no JSON": by_hand(HEADER, "{"),
    "deep claims": by_hand(HEADER, "[" * 5000),
    "no end": signed(without="exp"),
    "no user": signed(without="sub"),
    "no clinic": signed(without="clinic_id"),
    "no role": signed(without="role"),
    "an endless end": by_hand(HEADER, json.dumps(GOOD | {"exp": float("inf")})),
    "an end that is no time": by_hand(HEADER, json.dumps(GOOD | {"exp": "soon"})),
    "a user that is a number": by_hand(HEADER, json.dumps(GOOD | {"sub": 1})),
    "a user that is no number": signed(sub="one"),
    "a user below all": signed(sub="-1"),
    "a user beyond all": signed(sub="9" * 30),
    "a clinic that is text": signed(clinic_id="1"),
    "a clinic that is true": signed(clinic_id=True),
    "a clinic that is a fraction": signed(clinic_id=1.5),
    "a clinic that is SQL": signed(clinic_id="1', true); DROP TABLE pets; --"),
    "a clinic below all": signed(clinic_id=-1),
    "clinic zero": signed(clinic_id=0),
    "a clinic beyond 64 bits": signed(clinic_id=2**63),
    "a clinic beyond all": signed(clinic_id=10**400),
    "a clinic of too many digits": by_hand(HEADER, json.dumps(GOOD)[:-1] + ', "clinic_id": 1' + "0" * 5000 + "}"),
    "a list of clinics": signed(clinic_id=[1]),
    "a role that is null": signed(role=None),
}


def test_a_token_that_is_right_is_let_in_and_says_who_calls(clinic: Clinic) -> None:
    for token in (signed(), by_hand(HEADER, json.dumps(GOOD))):
        assert read_token(token, SECRET.encode()) == Identity(1, 1, "owner")
        assert clinic.call("GET", "/api/products", token=token).status == 200


@pytest.mark.parametrize("name", BAD)
def test_a_token_that_is_not_right_is_a_401(clinic: Clinic, name: str) -> None:
    found = clinic.call("GET", "/api/products", token=BAD[name])
    assert (found.status, found.headers["www-authenticate"], list(found.body)) == (401, "Bearer", ["error"])


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", f"Basic {signed()}", f"Bearer  {signed()}", f"{signed()}", "\xff"])
def test_an_authorization_of_another_kind_is_a_401(clinic: Clinic, value: str) -> None:
    assert clinic.call("GET", "/api/products", headers={"authorization": value}).status == 401


def test_a_token_that_was_given_holds_for_a_week() -> None:
    claims = jwt.decode(issue_token(Identity(5, 41, "vet"), SECRET.encode()), SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["clinic_id"], claims["role"]) == ("41", 5, "vet")
    assert 0 <= time.time() + 7 * 24 * 3600 - claims["exp"] < 60
