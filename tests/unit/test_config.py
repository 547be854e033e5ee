"""Settings come from flags, then the environment, then the project's file, then defaults; each knows where it came from."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.config import ALERT_KINDS, KEYS, Alerts, Config, load_config
from tenantry.errors import UsageError, UsageErrors

FULL = """
target = "http://127.0.0.1:8000"
workload = "clinic.py:mixed"
runs = "out"
dsn_env = "CLINIC_DSN"

[safety]
allow = ["staging.example", "10.0.0.5"]

[run]
set = { rate = "200/s", vus = 20, dashboard.rate = "5/s" }
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def load(folder: Path, flags: dict[str, object] | None = None, **environ: str) -> Config:
    return load_config(flags, environ=environ, folder=folder)


def test_without_anything_there_are_defaults(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert (config.target, config.workload, config.runs, config.allow, config.overrides, config.dsn) == (
        None,
        None,
        Path("runs"),
        (),
        {},
        None,
    )
    assert {value.origin for value in config.values.values()} == {"default"}
    assert set(config.values) == set(KEYS)


def test_a_file_gives_every_key_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path / "tenantry.toml", FULL)
    config = load(tmp_path, CLINIC_DSN="postgresql://u:hunter2@127.0.0.1/x")
    assert config.file == file
    assert config.target == "http://127.0.0.1:8000"
    assert config.workload == str(tmp_path / "clinic.py:mixed")
    assert config.runs == tmp_path / "out"
    assert config.allow == ("staging.example", "10.0.0.5")
    assert config.overrides == {"rate": "200/s", "vus": "20", "dashboard.rate": "5/s"}
    assert config.dsn == "postgresql://u:hunter2@127.0.0.1/x"
    assert config.values["target"].origin == f"{file}:2"
    assert config.values["safety.allow"].origin == f"{file}:8"
    assert config.values["run.set"].origin == f"{file}:11"
    assert "hunter2" not in repr(config)


def test_a_pyproject_serves_as_well_and_the_nearest_file_counts(tmp_path: Path) -> None:
    outer = write(
        tmp_path / "pyproject.toml",
        '[project]\nname = "x"\n[tool.tenantry]\ntarget = "http://outer"\n[tool.tenantry.safety]\nallow = ["a.b"]\n',
    )
    config = load(tmp_path / "sub")
    assert (config.target, config.allow, config.file) == ("http://outer", ("a.b",), outer)
    write(tmp_path / "sub" / "pyproject.toml", "[tool.ruff]\n")
    assert load(tmp_path / "sub" / "deep").target == "http://outer"
    write(tmp_path / "sub" / "tenantry.toml", 'target = "http://inner"\n')
    assert load(tmp_path / "sub" / "deep").target == "http://inner"


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    write(tmp_path / "tenantry.toml", FULL)
    environ = {"TENANTRY_TARGET": "http://env", "TENANTRY_RUNS": "env-runs", "TENANTRY_SAFETY_ALLOW": "a.example, b.example"}
    config = load(tmp_path, {"target": "http://flag", "runs": None}, **environ)
    assert (config.target, config.values["target"].origin) == ("http://flag", "--target")
    assert (config.runs, config.values["runs"].origin) == (Path("env-runs"), "TENANTRY_RUNS")
    assert config.allow == ("a.example", "b.example")


def test_overrides_are_merged_key_by_key(tmp_path: Path) -> None:
    write(tmp_path / "tenantry.toml", '[run]\nset = { rate = "1/s", vus = 1, duration = "1s" }\n')
    config = load(tmp_path, {"run.set": ("rate=3/s",)}, TENANTRY_RUN_SET="rate=2/s,vus=2")
    assert config.overrides == {"rate": "3/s", "vus": "2", "duration": "1s"}
    assert load(tmp_path, {"run.set": ()}).overrides["rate"] == "1/s"


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert load(tmp_path, TENANTRY_TARGET="").target is None


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("\ntarget = 5\n", 2, "target is 5", "http://127.0.0.1:8000"),
        ('target = " "\n', 1, "target is ' '", "http://127.0.0.1:8000"),
        ("[safety]\nallow = 5\n", 2, "safety.allow is 5", "staging.example"),
        ("[safety]\nallow = [5]\n", 2, "safety.allow is [5]", "staging.example"),
        ("[run]\nset = 5\n", 2, "run.set is 5", "rate"),
        ("[run]\nset = {rate = [1]}\n", 2, "run.set is", "rate"),
        ("safety = 5\n", 1, "safety is 5, not a table", "[safety]"),
        ("\n\ntargt = 'x'\n", 3, "unknown key 'targt'", "did you mean target?"),
        ("[safety]\nallowed = []\n", 2, "unknown key 'safety.allowed'", "did you mean safety.allow?"),
        ("[runn]\nset = {}\n", 1, "unknown key 'runn'", "did you mean runs?"),
        ("dsn = 'postgresql://x'\n", 1, "unknown key 'dsn'", "dsn_env"),
        ("colour = 1\n", 1, "unknown key 'colour'", "known: target"),
        ("[alerts]\non = ['treshold']\n", 2, "alerts.on: 'treshold' is no kind of alert", "did you mean threshold?"),
        ("[alerts]\nwebhok_env = 'A'\n", 2, "unknown key 'alerts.webhok_env'", "did you mean alerts.webhook_env?"),
        ("[alerts]\nwebhook_secret = 'x'\n", 2, "unknown key 'alerts.webhook_secret'", "did you mean alerts.webhook_secret_env?"),
        ("[alerts]\nwebhook_env = 'A'\n", 2, "without alerts.webhook_secret_env", "ALERT_SECRET"),
        ("[alerts]\nwebhook_secret_env = 'a b'\n", 2, "this is no name of an environment variable", "write the variable's name"),
        ("[alerts]\napprise_files = ['slack://x']\n", 2, "this is an address, not a file", "write the file's path"),
        ("[schedule]\nevery = 7\n", 2, "schedule.every is 7", "7d"),
        ("[schedule]\nevery = '0s'\n", 2, "schedule.every is '0s'", "7d"),
        ("[schedule]\nevery = 'weekly'\n", 2, "schedule.every 'weekly' is not understood", "30s"),
        ("x = 1\ntarget =\n", 2, "this is not TOML", "repair"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path: Path, text: str, line: int, message: str, hint: str) -> None:
    file = write(tmp_path / "tenantry.toml", text)
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert message in caught.value.what
    assert hint in caught.value.hint
    assert caught.value.where == f"{file}:{line}"


ALERTS = """
[alerts]
on = ["invalid"]
apprise_env = ["SLACK"]
apprise_files = ["secrets/apprise"]
webhook_env = "ALERT_URL"
webhook_secret_env = "ALERT_SECRET"

[schedule]
every = "7d"
"""


def test_alerts_name_what_holds_their_secrets_and_files_count_from_the_file(tmp_path: Path) -> None:
    write(tmp_path / "shop" / "tenantry.toml", ALERTS)
    config = load(tmp_path / "shop")
    assert config.alerts == Alerts(
        on=("invalid",),
        apprise_env=("SLACK",),
        apprise_files=(str(tmp_path / "shop" / "secrets/apprise"),),
        webhook_env="ALERT_URL",
        webhook_secret_env="ALERT_SECRET",
        project="shop",
    )
    assert config.schedule_s == 604_800
    assert load(tmp_path / "shop", TENANTRY_ALERTS_PROJECT="till", TENANTRY_ALERTS_ON="invalid, breaker").alerts.project == "till"
    assert (load(tmp_path).alerts.on, load(tmp_path).schedule_s) == (ALERT_KINDS, None)


@pytest.mark.parametrize("key", ["apprise_env = ['slack://hunter2']", "webhook_env = 'https://hunter2'", "apprise_files = ['x://hunter2']"])
def test_a_secret_in_the_place_of_its_name_is_refused_without_repeating_it(tmp_path: Path, key: str) -> None:
    write(tmp_path / "tenantry.toml", f"[alerts]\n{key}\n")
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert "hunter2" not in str(caught.value)


def test_all_faults_are_told_together(tmp_path: Path) -> None:
    write(tmp_path / "tenantry.toml", "targt = 1\nworklod = 2\nruns = 3\n")
    with pytest.raises(UsageErrors) as caught:
        load(tmp_path, {"run.set": ("rate",)}, TENANTRY_RUN_SET="vus")
    places = [fault.where for fault in caught.value.faults]
    assert len(places) == 5
    assert places[-2:] == ["--set rate", "TENANTRY_RUN_SET: --set vus"]


PIECES = ["target = ", "workload", "[run]", "set = {rate = 5}", "processes = ", "[safety]", "allow = [", '"x"', "1", "]", "=", "'", "{"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
FILES = TEXTS | st.lists(st.sampled_from([*PIECES, "\n", "# x", "dsn"]), max_size=12).map("".join)
ENVIRONMENTS = st.dictionaries(st.sampled_from([key.env for key in KEYS.values()]), TEXTS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(FILES, ENVIRONMENTS)
def test_any_file_and_any_environment_are_settings_or_an_error_of_their_user(tmp_path: Path, text: str, environ: dict[str, str]) -> None:
    (tmp_path / "tenantry.toml").write_text(text, encoding="utf-8", newline="")
    try:
        config = load(tmp_path, None, **environ)
    except UsageError as fault:
        assert fault.what and (fault.where or isinstance(fault, UsageErrors))
    else:
        assert set(config.values) == set(KEYS)
        assert config.processes is None or config.processes >= 1


@pytest.mark.parametrize(
    ("variable", "value", "message", "hint"),
    [
        ("TENANTRY_RUN_PROCESSES", "0", "run.processes is '0'", "auto"),
        ("TENANTRY_RUN_PROCESSES", "-3", "run.processes is '-3'", "auto"),
        ("TENANTRY_RUN_PROCESSES", "513", "run.processes is '513'", "auto"),
        ("TENANTRY_RUN_PROCESSES", "two", "run.processes is 'two'", "auto"),
        ("TENANTRY_RUN_SET", "rate", "rate", "rate=200/s"),
        ("TENANTRY_RUNS", " ", "runs is ' '", 'a folder such as "runs"'),
        ("TENANTRY_DSN_ENV", " ", "dsn_env is ' '", "DATABASE_URL"),
        ("TENANTRY_TARGET", " ", "target is ' '", "http://127.0.0.1:8000"),
        ("TENANTRY_WORKLOAD", "  ", "workload is '  '", "clinic.py:mixed"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(tmp_path: Path, variable: str, value: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, None, **{variable: value})
    assert caught.value.where.startswith(variable)
    assert message in f"{caught.value.where} {caught.value.what}" and hint in caught.value.hint


def test_faults_of_file_environment_and_flags_are_told_together(tmp_path: Path) -> None:
    write(tmp_path / "tenantry.toml", "targt = 1\n[run]\nprocesses = 1.5\n")
    with pytest.raises(UsageErrors) as caught:
        load(tmp_path, {"run.set": ("rate",)}, TENANTRY_RUNS=" ", TENANTRY_DSN_ENV=" ")
    told = str(caught.value)
    for part in ("tenantry.toml:1", "tenantry.toml:3", "TENANTRY_RUNS", "TENANTRY_DSN_ENV", "--set rate"):
        assert part in told
