"""Loading and cleaning through PgBouncer: in the modes that keep a transaction together, and refused in the one that does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fingerprint import catalog, contents
from running_clinic import Database
from test_seed import refused

from tenantry.datasets.clean import clean
from tenantry.datasets.load import add_tenants, check, seed
from tenantry.datasets.population import Population
from tenantry.postgres import Postgres
from tenantry.processes import accepts_tcp, free_port, start
from tenantry_clinic.dataset import clinic

SETTINGS = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
stats_users = postgres
pool_mode = {mode}
default_pool_size = 2
"""


@contextmanager
def pooled(server: Postgres, mode: str, folder: Path) -> Iterator[str]:
    """The DSN of the superuser through a pooler in that mode, without a database."""
    command = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert command is not None, "no PgBouncer: run `bash tests/pooler.sh`"
    address, port = urlsplit(server.dsn), free_port()
    (folder / "users").write_text(f'"{address.username}" "{address.password}"\n')
    (folder / "pooler.ini").write_text(SETTINGS.format(server=address.port, port=port, folder=folder, mode=mode))
    other_than_root = ["-u", "nobody"] if os.geteuid() == 0 else []
    if other_than_root:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "nobody")
    with start([command, *other_than_root, str(folder / "pooler.ini")], name="PgBouncer", log=folder / "log") as pooler:
        pooler.wait_until(partial(accepts_tcp, port))
        yield f"postgresql://{address.username}:{address.password}@127.0.0.1:{port}"


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that any user can enter."""
    folder = tmp_path_factory.mktemp("pooler")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    return folder


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_a_dataset_goes_in_is_verified_and_goes_out_through_a_pooler(
    mode: str, postgres: Postgres, new_database: Callable[[], str], place: Path
) -> None:
    direct, through = Database(new_database()), Database(new_database())
    seed(Population(clinic, 5), direct.dsn)
    with pooled(postgres, mode, place) as pooler:
        dsn = f"{pooler}/{through.dsn.rpartition('/')[2]}"
        seed(Population(clinic, 3), dsn)
        add_tenants(clinic, 2, dsn)
        assert contents(through) == contents(direct)
        assert catalog(through) == catalog(direct)
        assert check(clinic, dsn).verification.rows["pets"] == 500
        assert clean(clinic, dsn, yes=True).removed["pets"] == 500
        assert through.value("SELECT count(*) FROM tenantry.datasets") == 0


def test_a_pooler_that_tears_transactions_apart_is_refused(postgres: Postgres, new_database: Callable[[], str], place: Path) -> None:
    database = Database(new_database())
    with pooled(postgres, "statement", place) as pooler, refused("statement pooling mode", "session or transaction"):
        seed(Population(clinic, 1), f"{pooler}/{database.dsn.rpartition('/')[2]}")
    assert database.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
