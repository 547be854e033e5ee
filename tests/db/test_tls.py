"""Postgres behind TLS: the modes of libpq, with an authority of the tests; what is wrong with a certificate is told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from running_clinic import Database
from test_seed import as_user, refused

from tenantry.datasets.clean import clean
from tenantry.datasets.load import add_tenants, check, seed
from tenantry.datasets.population import Population
from tenantry.errors import UsageError
from tenantry.postgres import find_postgres, start_postgres
from tenantry_clinic.dataset import clinic

ACCESS = """
hostssl all with_certificate 127.0.0.1/32 cert
hostssl all postgres 127.0.0.1/32 scram-sha-256
host all plain 127.0.0.1/32 trust
"""
SEES = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'tenantry'"


@dataclass(frozen=True)
class Secured:
    """A server that takes the superuser by TLS alone; its authority, another one, and a client's certificate, as PEM files."""

    dsn: str
    authority: Path
    another: Path
    client: Path

    def url(self, options: str, *, host: str = "127.0.0.1") -> str:
        return f"{self.dsn.replace('127.0.0.1', host)}?{options}"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    authority, another = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    another.cert_pem.write_to_path(folder / "another.pem")
    authority.issue_cert(common_name="with_certificate").private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
    with start_postgres(find_postgres()) as server:
        assert server.folder is not None
        data = server.folder / "data"
        certificate = authority.issue_cert("127.0.0.1")
        certificate.cert_chain_pems[0].write_to_path(data / "server.crt")
        certificate.private_key_pem.write_to_path(data / "server.key")
        authority.cert_pem.write_to_path(data / "root.crt")
        owner = data.stat()
        for name, mode in (("server.crt", 0o644), ("root.crt", 0o644), ("server.key", 0o600)):
            (data / name).chmod(mode)
            os.chown(data / name, owner.st_uid, owner.st_gid)
        (data / "pg_hba.conf").write_text(ACCESS)
        with (data / "postgresql.conf").open("a") as settings:
            settings.write("ssl = on\nssl_ca_file = 'root.crt'\n")
        Database(server.dsn).run("CREATE ROLE with_certificate LOGIN SUPERUSER", "SELECT pg_reload_conf()")
        yield Secured(server.dsn, folder / "authority.pem", folder / "another.pem", folder / "client.pem")


@pytest.fixture
def secured_database(secured: Secured) -> Iterator[Secured]:
    """A new database there."""
    base = secured.dsn.rpartition("/")[0]
    Database(secured.dsn).run("DROP DATABASE IF EXISTS fresh", "CREATE DATABASE fresh")
    yield Secured(f"{base}/fresh", secured.authority, secured.another, secured.client)


@pytest.mark.parametrize(
    "mode", ["sslmode=verify-full&sslrootcert={authority}", "sslmode=verify-ca&sslrootcert={authority}", "sslmode=require"]
)
def test_a_dataset_goes_in_is_verified_and_goes_out_through_tls(secured_database: Secured, mode: str) -> None:
    dsn = secured_database.url(mode.format(authority=secured_database.authority))
    seen: list[bool] = []

    def look(title: str, done: int, total: int) -> None:
        if title == "pets" and not done:
            seen.append(Database(secured_database.dsn).value(SEES))

    seed(Population(clinic, 2), dsn, on_progress=look)
    assert seen == [True]
    add_tenants(clinic, 1, dsn)
    assert check(clinic, dsn).verification.rows["pets"] == 300
    assert clean(clinic, dsn, yes=True).removed["pets"] == 300


def test_init_reads_the_catalog_through_tls(secured_database: Secured, tmp_path: Path) -> None:
    dsn = secured_database.url(f"sslmode=verify-full&sslrootcert={secured_database.authority}")
    seed(Population(clinic, 1), dsn)
    command = [str(Path(sys.executable).with_name("tenantry")), "init", "--from-db"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "DATABASE_URL": dsn}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "clinics" in (tmp_path / "dataset.py").read_text()


def test_without_a_mode_tls_is_taken_where_the_server_has_it(secured_database: Secured) -> None:
    seed(Population(clinic, 1), secured_database.dsn)
    assert Database(secured_database.dsn).value("SELECT count(*) FROM pets") == 100


@pytest.mark.parametrize(
    ("options", "host", "messages"),
    [
        ("sslmode=verify-full&sslrootcert={another}", "127.0.0.1", ("UnknownIssuer", "sslrootcert=FILE")),
        ("sslmode=verify-ca&sslrootcert={another}", "127.0.0.1", ("UnknownIssuer", "sslrootcert=FILE")),
        ("sslmode=require&sslrootcert={another}", "127.0.0.1", ("UnknownIssuer", "sslrootcert=FILE")),
        ("sslmode=verify-full", "127.0.0.1", ("UnknownIssuer", "sslrootcert=FILE")),
        ("sslmode=verify-full&sslrootcert={authority}", "localhost", ("not valid for name", "sslmode=verify-ca")),
        ("sslmode=disable", "127.0.0.1", ("pg_hba.conf", "no encryption", "sslmode=require")),
    ],
)
def test_a_server_that_cannot_be_trusted_is_told(secured: Secured, options: str, host: str, messages: tuple[str, ...]) -> None:
    with refused(*messages):
        seed(Population(clinic, 1), secured.url(options.format(another=secured.another, authority=secured.authority), host=host))


def test_an_authority_vouches_for_any_host_in_mode_verify_ca(secured: Secured) -> None:
    dsn = secured.url(f"sslmode=verify-ca&sslrootcert={secured.authority}", host="localhost")
    with refused("nothing was seeded"):
        check(clinic, dsn)


def test_a_client_shows_its_certificate(secured_database: Secured) -> None:
    options = f"?sslmode=verify-full&sslrootcert={secured_database.authority}"
    dsn = as_user(secured_database.dsn, "with_certificate") + options
    with refused("certificate"):
        seed(Population(clinic, 1), dsn)
    seed(Population(clinic, 1), f"{dsn}&sslcert={secured_database.client}")
    assert Database(secured_database.dsn).value("SELECT count(*) FROM pets") == 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "/nowhere/ca.pem: "),
        ("sslmode=certainly", "sslmode is .*known: disable, allow, prefer, require, verify-ca, verify-full"),
    ],
)
def test_options_that_cannot_be_followed_are_told(secured: Secured, options: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        seed(Population(clinic, 1), secured.url(options))


def test_a_file_that_holds_no_certificate_is_told(secured: Secured, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path}/empty.pem: it holds no certificate")):
        seed(Population(clinic, 1), secured.url(f"sslmode=verify-ca&sslrootcert={tmp_path}/empty.pem"))


def test_a_server_without_tls_is_told_when_it_must_have_it(new_database: Callable[[], str]) -> None:
    with refused("does not support TLS", "ssl = on"):
        seed(Population(clinic, 1), f"{new_database()}?sslmode=require")
