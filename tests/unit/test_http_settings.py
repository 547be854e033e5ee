"""Wrong settings of connections and of single requests are told with what is wrong and how to mend it."""

from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import UsageError
from tenantry.http import Basic, Bearer, Digest, Transfer, http_settings
from tenantry.plan.http import SETTINGS, HttpSettings, change

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"version": "3"}, "version is '3'"),
    ({"connections": "pool"}, "connections is 'pool'"),
    ({"connections_per_host": -1}, "connections_per_host is -1"),
    ({"keep_alive": "maybe"}, "neither True nor False"),
    ({"dns_ttl": "-1s"}, "negative"),
    ({"family": "5"}, "family is '5'"),
    ({"hosts": {"a.test": "b.test"}}, "the address of a.test is 'b.test'"),
    ({"proxy": "127.0.0.1:3128"}, "not the URL of an HTTP proxy"),
    ({"proxy": "https://127.0.0.1"}, "not the URL of an HTTP proxy"),
    ({"ca": "absent.pem"}, "there is no such file"),
    ({"client_key": __file__}, "client_key without client_certificate"),
    ({"source_addresses": ["eth0"]}, "a source address is 'eth0'"),
    ({"redirects": -1}, "redirects is -1"),
    ({"redirects": 1000}, "255 or less"),
]


@pytest.mark.parametrize(("options", "what"), WRONG, ids=[next(iter(options)) + str(number) for number, (options, _) in enumerate(WRONG)])
def test_a_wrong_setting_is_a_fault_with_its_line(options: dict[str, Any], what: str) -> None:
    settings = http_settings(**options)
    (fault,) = settings.faults
    assert what in str(fault)
    assert Path(__file__).name in fault.where


def test_the_defaults_are_those_of_the_function() -> None:
    assert http_settings() == HttpSettings()


def test_every_setting_but_maps_and_lists_can_be_changed_by_its_name() -> None:
    for key in set(SETTINGS) - {"hosts", "source_addresses", "ca", "client_certificate", "client_key", "proxy"}:
        value = {"version": "2", "connections": "shared", "family": "4", "dns_ttl": "1s"}.get(
            key, "1" if key in ("redirects", "connections_per_host") else "false"
        )
        changed = change(HttpSettings(), key, value, "--set")
        assert changed.faults == () and changed != HttpSettings(), key
    assert "did you mean version?" in str(change(HttpSettings(), "versio", "2", "--set http.versio=2").faults[0])


def test_a_password_of_the_proxy_is_not_written_down() -> None:
    settings = http_settings(proxy="http://me:secret@127.0.0.1:3128")
    assert settings.faults == ()
    assert "secret" not in str(settings.as_dict())


def test_name_and_password_of_the_proxy_become_its_authorization() -> None:
    told = http_settings(proxy="http://Aladdin:open%20sesame@127.0.0.1:3128").for_engine(1)
    # The example of RFC 7617.
    assert (told["proxy"], told["proxy_authorization"]) == ("http://127.0.0.1:3128", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    assert http_settings(proxy="http://127.0.0.1:3128").for_engine(1)["proxy_authorization"] is None


def test_transfers_become_options_of_the_engine() -> None:
    assert Transfer().options(None) == {}
    assert Transfer(redirects=0, retries=2, coding="br", discard=True, most_body="2KB").options(None) == {
        "redirects": 0,
        "retries": 2,
        "coding": "br",
        "discard": True,
        "most_body": 2000,
    }
    assert Transfer(auth=Basic("a", "b")).options({"x": "1"}) == {"headers": {"x": "1", "authorization": "Basic YTpi"}}
    assert Transfer(auth=Bearer("t")).options(None) == {"headers": {"authorization": "Bearer t"}}
    assert Transfer(auth=Digest("a", "b")).options(None) == {"digest": ("a", "b")}


@pytest.mark.parametrize("wrong", [{"coding": "lzw"}, {"retries": -1}, {"redirects": 300}, {"most_body": "big"}, {"auth": "me:pw"}])
def test_a_wrong_transfer_is_an_error_of_the_script(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Transfer(**wrong).options(None)
