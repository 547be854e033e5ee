"""`tenantry demo` starts nothing when it cannot do what was asked."""

import pytest
from click.testing import CliRunner

from tenantry.cli.demo import command
from tenantry.errors import UsageError


def test_a_variable_that_is_not_set_is_no_reason_to_take_another_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLINIC_DATABASE", raising=False)
    ran = CliRunner().invoke(command, ["--dsn-env", "CLINIC_DATABASE", "--quiet"])
    assert isinstance(ran.exception, UsageError)
    assert "CLINIC_DATABASE is not set" in str(ran.exception)
