"""Load goes to this machine or to hosts allowed by name, and to production only when confirmed as well."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import UnsafeTarget, UsageError
from tenantry.safety import check_host, check_target, is_loopback, looks_like_production

HERE = [
    ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ("http://127.0.0.1", "http://127.0.0.1"),
    ("http://127.255.3.4:1/", "http://127.255.3.4:1"),
    ("https://localhost:8443", "https://localhost:8443"),
    ("HTTP://LOCALHOST:80", "http://localhost:80"),
    ("http://127.0.0.1/app/", "http://127.0.0.1/app"),
    ("http://localhost.:8000", "http://localhost.:8000"),
    ("http://[::1]:8000", "http://[::1]:8000"),
    ("http://[::ffff:127.0.0.1]:8000", "http://[::ffff:127.0.0.1]:8000"),
    ("http://[0:0:0:0:0:0:0:1]", "http://[0:0:0:0:0:0:0:1]"),
]

ELSEWHERE = [
    ("a subdomain that begins like this machine", "http://localhost.evil.com"),
    ("a name that begins like its address", "http://127.0.0.1.nip.io"),
    ("a name that resolves to it", "http://localtest.me"),
    ("a name under localhost", "http://app.localhost"),
    ("every address", "http://0.0.0.0:8000"),
    ("every IPv6 address", "http://[::]:8000"),
    ("a mapped address that is not this machine", "http://[::ffff:10.0.0.1]"),
    ("a mapped every-address", "http://[::ffff:0.0.0.0]"),
    ("a private address", "http://10.0.0.5"),
    ("a container host", "http://host.docker.internal:8000"),
    ("a link-local address", "http://[fe80::1]"),
    ("a name in full-width letters", "http://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54"),
    ("a circled letter", "http://\u24dbocalhost"),
    ("a homograph", "http://l\u043ecalhost"),
    ("an international name", "http://b\u00fccher.example"),
    ("an ordinary host", "https://staging.example.com"),
]

NO_TARGET = [
    ("nothing", "", "has no scheme"),
    ("no scheme", "127.0.0.1:8000", "has no scheme"),
    ("no scheme, a name", "localhost:8000", "has no scheme"),
    ("another scheme", "ftp://127.0.0.1", "scheme 'ftp'"),
    ("a file", "file:///etc/passwd", "has the scheme 'file'"),
    ("no host", "http://", "has no host"),
    ("no slashes", "http:127.0.0.1", "has no host"),
    ("no host but a port", "http://:8000", "has no host"),
    ("a port in words", "http://127.0.0.1:http", "is not a URL"),
    ("a port too large", "http://127.0.0.1:70000", "is not a URL"),
    ("port zero", "http://127.0.0.1:0", "no usable port"),
    ("a user", "http://user@127.0.0.1", "user name or password"),
    ("this machine as user", "http://127.0.0.1@evil.com", "user name or password"),
    ("a password", "http://user:hunter2@127.0.0.1", "user name or password"),
    ("a backslash", "http://127.0.0.1\\@evil.com", "backslash"),
    ("a space", "http://127.0.0.1 .evil.com", "space"),
    ("a line break", "http://127.0.0.1\n.evil.com", "control character"),
    ("a query", "http://127.0.0.1?x=1", "has a query"),
    ("a fragment", "http://127.0.0.1/#x", "has a query or fragment"),
    ("an open bracket", "http://[::1", "is not a URL"),
    ("a decimal address", "http://2130706433", "not a plain address"),
    ("a hexadecimal address", "http://0x7f000001", "not a plain address"),
    ("an octal address", "http://0177.0.0.1", "not a plain address"),
    ("a short address", "http://127.1", "not a plain address"),
    ("a mixed address", "http://127.0.0.0x1", "not a plain address"),
    ("five numbers", "http://127.0.0.1.1", "not a plain address"),
    ("a number over 255", "http://127.0.0.256", "not a plain address"),
    ("two dots", "http://a..b", "not a host name"),
    ("a comma", "http://127.0.0.1,evil.com", "not a host name"),
    ("a percent sign", "http://localhost%2eevil.com", "not a host name"),
    ("a wildcard", "http://*", "not a host name"),
]


@pytest.mark.parametrize(("url", "origin"), HERE, ids=[row[0] for row in HERE])
def test_this_machine_may_always_be_put_under_load(url: str, origin: str) -> None:
    assert check_target(url) == origin


@pytest.mark.parametrize("url", [row[1] for row in ELSEWHERE], ids=[row[0] for row in ELSEWHERE])
def test_another_host_is_refused(url: str) -> None:
    with pytest.raises(UnsafeTarget) as caught:
        check_target(url)
    assert "must be allowed by name" in caught.value.what
    assert "TENANTRY_SAFETY_ALLOW=" in caught.value.hint


@pytest.mark.parametrize(("url", "message"), [row[1:] for row in NO_TARGET], ids=[row[0] for row in NO_TARGET])
def test_a_url_that_is_no_target_is_refused_whatever_is_allowed(url: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_target(url, allow=["evil.com", "127.0.0.1", "localhost"])
    assert message in caught.value.what
    assert caught.value.hint
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("staging.example.com", "https://staging.example.com:8443"),
        ("Staging.Example.COM.", "https://staging.example.com"),
        ("10.0.0.5", "http://10.0.0.5:8000"),
        ("fe80::1", "http://[FE80:0::1]"),
        ("[fe80::1]", "http://[fe80::1]"),
        ("b\u00fccher.example", "http://xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "http://B\u00fccher.example"),
        ("0.0.0.0", "http://0.0.0.0:8000"),
    ],
)
def test_an_allowed_host_is_the_same_in_every_spelling(allow: str, url: str) -> None:
    assert check_target(url, allow=["other.example", allow])


@pytest.mark.parametrize(
    "url", ["http://a.staging.example.com", "http://staging.example.com.evil.com", "http://example.com", "http://staging"]
)
def test_an_allowed_name_allows_no_other(url: str) -> None:
    with pytest.raises(UnsafeTarget):
        check_target(url, allow=["staging.example.com"])


@pytest.mark.parametrize("entry", ["*.example.com", "http://staging.example.com", "staging.example.com:8000", "", "a b", "127.1"])
def test_what_is_allowed_must_be_hosts(entry: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_target("http://127.0.0.1", allow=[entry])
    assert caught.value.where == "[safety] allow"


PRODUCTION = [
    "prod.example.com",
    "db.prod.example.com",
    "prod-db-1",
    "prod2",
    "proddb",
    "production.example.com",
    "live.example.com",
    "api-live",
]
PRODUCTION += ["PROD", "eu_production", "my-prod", "prd1", "prd-eu", "productiondb"]
HARMLESS = [
    "product.example.com",
    "products",
    "producer",
    "olive.example",
    "livestock.example",
    "deliver",
    "reproduce",
    "staging",
    "prodigy",
    "alive",
]
HARMLESS += ["127.0.0.1", "localhost", "clinic", "preprod"]


@pytest.mark.parametrize("name", PRODUCTION)
def test_a_name_looks_like_production(name: str) -> None:
    assert looks_like_production(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_name_does_not_look_like_production(name: str) -> None:
    assert not looks_like_production(name)


@pytest.mark.parametrize(
    ("allow", "confirm", "passes"),
    [
        ([], None, False),
        (["prod.example.com"], None, False),
        ([], "prod.example.com", False),
        (["prod.example.com"], "yes", False),
        (["prod.example.com"], "example.com", False),
        (["prod.example.com"], "prod.example.com", True),
        (["prod.example.com"], "PROD.example.com", True),
        (["other.example.com"], "prod.example.com", False),
    ],
)
def test_production_needs_to_be_allowed_and_confirmed(allow: list[str], confirm: str | None, passes: bool) -> None:
    if passes:
        check_host("prod.example.com", allow=allow, confirm=confirm)
        return
    with pytest.raises(UnsafeTarget) as caught:
        check_host("prod.example.com", allow=allow, confirm=confirm)
    assert "looks like production" in caught.value.what
    assert "--yes-production prod.example.com" in caught.value.hint


def test_this_machine_with_a_production_database_is_production() -> None:
    """A tunnel makes a remote database look local."""
    with pytest.raises(UnsafeTarget, match="database 'clinic_production' looks like production"):
        check_host("127.0.0.1", what="database", names={"database": "clinic_production"})
    check_host("127.0.0.1", allow=["127.0.0.1"], confirm="127.0.0.1", names={"database": "clinic_production"})


def test_an_environment_named_production_is_production() -> None:
    with pytest.raises(UnsafeTarget, match="APP_ENV 'production' looks like production"):
        check_target("http://127.0.0.1:8000", environment={"APP_ENV": "production"})
    assert check_target("http://127.0.0.1:8000", environment={"APP_ENV": "test"})


def test_a_unix_socket_is_on_this_machine() -> None:
    check_host("/var/run/postgresql")


@given(st.text(min_size=1, max_size=40))
def test_no_text_makes_the_check_crash_or_pass_by_accident(text: str) -> None:
    try:
        origin = check_target(f"http://{text}")
    except UsageError:
        return
    assert is_loopback(urlsplit(origin).hostname or "")


@given(st.ip_addresses(v=4))
def test_of_all_addresses_only_127_is_this_machine(address: object) -> None:
    assert is_loopback(str(address)) == str(address).startswith("127.")
