"""What the documents list is what the code has."""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path
from typing import get_args

import click
import pytest
from pages import PAGES, ROOT, Document, doc, name, names, rows

from tenantry import Scenario, datasets, workload
from tenantry.cli.main import COMMANDS, tenantry
from tenantry.config import KEYS
from tenantry.datasets import Dataset
from tenantry.errors import Exit
from tenantry.grades import bounds
from tenantry.http import Transfer, http_settings
from tenantry.metrics.builtin import METRICS
from tenantry.metrics.confidence import samples_needed
from tenantry.metrics.selector import MATCHES
from tenantry.plan import profiles
from tenantry.plan.grades import FIGURES
from tenantry.plan.overrides import PLAN_KEYS, PROFILE_KEYS, SCALE, STREAM_KEYS
from tenantry.plan.profiles import PROFILES
from tenantry.report.formats import FORMS
from tenantry.results.summaries import PERCENTILES, PERMILLE
from tenantry.scenario.http import Http
from tenantry.scenario.session import Response
from tenantry.thresholds import parser
from tenantry.thresholds.limits import LIMITS
from tenantry.thresholds.model import OPERATORS
from tenantry.types import FAILURE_KINDS, PHASES, Grade, Order, OrderWord

MEASUREMENT, THRESHOLDS, SCENARIOS = doc("measurement.md"), doc("thresholds.md"), doc("scenarios.md")
DATASETS, CLI, ARCHITECTURE, HTTP = doc("datasets.md"), doc("cli.md"), doc("architecture.md"), doc("http.md")
GRADES = doc("grades.md")
README = Document(ROOT / "README.md")


def rust_enum(path: str, enum: str) -> list[str]:
    """The variants of a Rust enum in snake case."""
    text = (ROOT / path).read_text("utf-8")
    body = re.search(rf"^pub enum {enum} \{{\n(.*?)^\}}", text, re.MULTILINE | re.DOTALL)
    assert body, f"{path} has no enum {enum}"
    return [re.sub(r"(?<!^)(?=[A-Z])", "_", variant).lower() for variant in re.findall(r"^    (\w+)(?:,| \{|\()", body[1], re.MULTILINE)]


def test_failure_kinds_are_those_of_the_engine() -> None:
    text = (ROOT / "rust/core/src/failure.rs").read_text("utf-8")
    assert tuple(rust_enum("rust/core/src/failure.rs", "FailureKind")) == FAILURE_KINDS
    assert tuple(re.findall(r'Self::\w+ => "(\w+)"', text)) == FAILURE_KINDS


def test_failure_kinds_and_phases_are_documented() -> None:
    assert tuple(name(row["kind"]) for row in MEASUREMENT.table("What counts as a failure", "kind")) == FAILURE_KINDS
    assert tuple(name(row["phase"]) for row in MEASUREMENT.table("Phases of a request", "phase")) == PHASES


def test_phases_are_those_of_the_engine() -> None:
    struct = re.search(r"pub struct Phases \{\n(.*?)^\}", (ROOT / "rust/core/src/sample.rs").read_text(), re.MULTILINE | re.DOTALL)
    assert struct
    assert tuple(re.findall(r"pub (\w+): i64", struct[1])) == PHASES


def test_load_profiles_are_those_of_the_engine_and_of_the_document() -> None:
    documented = {name(row["profile"]).partition("(")[0]: row["kind"] for row in MEASUREMENT.table("Load profiles", "profile")}
    assert documented == {profile.kind: "open" if profile.is_open else "closed" for profile in PROFILES}
    assert rust_enum("rust/core/src/plan.rs", "Profile") == [profile.kind for profile in PROFILES]


def test_the_orders_of_the_engine_are_those_that_python_knows() -> None:
    told = re.findall(r'Order::\w+ \{[^}]*\} => \("(\w+)"', (ROOT / "rust/py/src/engine.rs").read_text("utf-8"))
    assert told == rust_enum("rust/core/src/scheduler/mod.rs", "Order") == list(get_args(get_args(Order)[0]))


def test_the_metrics_are_documented_word_for_word() -> None:
    found = {
        name(row["metric"]): (
            row["kind"],
            row["unit"],
            tuple(names(row["tags"])),
            row["default stat"].strip("`"),
            row["meaning"].replace("`", ""),
        )
        for row in THRESHOLDS.table("Metrics", "metric")
    }
    expected = {
        metric.name: (metric.kind, metric.unit, metric.tags, metric.default_stat or "", metric.meaning.replace("`", ""))
        for metric in METRICS.values()
    }
    assert found == expected


def test_the_stats_and_operators_of_thresholds_are_documented() -> None:
    stats = {row["kind"]: tuple(names(row["stats"])) for row in THRESHOLDS.table("Stats", "kind")}
    assert stats == {**parser.STATS, "gauge": ()}
    assert tuple(re.findall(r"`([<>=]+)`", THRESHOLDS.section("Grammar"))) == OPERATORS
    assert tuple(name(row["match"]) for row in THRESHOLDS.table("Tags", "match")) == MATCHES
    units = {row["unit"] for row in rows(THRESHOLDS.section("Stats"), "unit")}
    assert units == set(LIMITS)


def test_the_grammar_is_that_of_the_parser() -> None:
    (grammar,) = (block.text for block in THRESHOLDS.blocks("text"))
    assert re.sub(r"\s+", " ", grammar).strip() in re.sub(r"\s+", " ", parser.__doc__ or "")


def test_every_threshold_of_the_documents_is_understood() -> None:
    (block,) = THRESHOLDS.blocks("python")
    scope: dict[str, list[str]] = {}
    exec(block.text, scope)
    assert [str(parser.parse_threshold(text)) for text in scope["thresholds"]]


def test_the_samples_that_percentiles_need_are_documented() -> None:
    told = {row["percentile"]: int(row["samples"].replace(",", "")) for row in THRESHOLDS.table("Too few samples", "percentile")}
    assert told == {name: samples_needed(permille / 1000) for name, permille in zip(PERCENTILES, PERMILLE, strict=True)}


def test_the_exit_codes_of_the_readme_and_of_the_help_exist() -> None:
    told = {int(code) for row in rows(README.text, "exit code") for code in row["exit code"].split(", ")}
    helped = {int(code) for code in re.findall(r"\b(\d+) [a-z]", help_of("run").partition("Exit code:")[2].partition("Options:")[0])}
    expected = {int(code) for code in Exit} - {Exit.INTERNAL, Exit.REGRESSION}
    assert told == helped == expected


def test_every_column_of_a_dataset_is_documented() -> None:
    made = {name(row["column"]).partition("(")[0] for row in DATASETS.table("Columns", "column")}
    assert made == {word for word in datasets.__all__ if word.islower()}
    modifiers = {"nullable", "helper", "typed"}
    assert modifiers == {word for word in vars(datasets.Column) if inspect.isfunction(vars(datasets.Column)[word]) and word[0] != "_"}
    assert all(f"`.{modifier}(" in DATASETS.section("Columns") for modifier in modifiers)


def defaults(function: object) -> dict[str, str]:
    """Parameters given by name, each with its default as the documents write it; empty without one."""
    assert callable(function)
    found = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            found[parameter.name] = documented_default(parameter.default)
    return found


def documented_default(value: object) -> str:
    if value is inspect.Parameter.empty:
        return ""
    if value is None or value == () or type(value).__name__ == "_HAS_DEFAULT_FACTORY_CLASS":
        return "none"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def test_the_arguments_of_a_dataset_are_documented_with_their_defaults() -> None:
    assert {name(row["argument"]): row["default"] for row in DATASETS.table("Declare", "argument")} == defaults(Dataset)


def test_the_arguments_of_a_workload_are_documented_with_their_defaults() -> None:
    assert {name(row["argument"]): row["default"] for row in SCENARIOS.table("Workloads", "argument")} == defaults(workload)


def test_the_options_of_a_scenario_side_by_side_are_documented_with_their_defaults() -> None:
    assert {name(row["option of `at`"]): row["default"] for row in SCENARIOS.table("Workloads", "option of `at`")} == defaults(Scenario.at)


def test_the_options_of_load_profiles_are_documented_with_the_profiles_that_have_them() -> None:
    groups = {"every profile": set(PROFILES), "open profiles": {profile for profile in PROFILES if profile.is_open}}
    for row in MEASUREMENT.table("Load profiles", "option"):
        owners = {profile for profile in PROFILES if name(row["option"]) in profile.settings}
        assert owners == groups.get(row["of"], {profile for profile in PROFILES if profile.kind in names(row["of"])}), row
        for owner in owners if row["default"] not in ("", "all") else ():
            assert defaults(getattr(profiles, owner.kind))[name(row["option"])].strip('`"') == row["default"].strip("`")


def test_the_options_of_a_request_are_documented() -> None:
    assert {name(row["option"]) for row in SCENARIOS.table("Requests", "option")} == set(defaults(Http.request))


def test_the_settings_of_connections_are_documented_with_their_defaults() -> None:
    told = {word: row["default"] for row in HTTP.table("All connections", "setting") for word in names(row["setting"])}
    varying = {"connections_per_host": "6; shared: 100"}
    assert told == {**defaults(http_settings), **varying}


def test_the_fields_of_a_transfer_are_documented() -> None:
    told = {name(row["field of `Transfer`"]): row["default"] for row in HTTP.table("One request", "field of `Transfer`")}
    assert told == {**defaults(Transfer), "redirects": "that of the workload"}


def test_the_attributes_of_a_response_are_documented() -> None:
    told = {word.partition("(")[0] for row in SCENARIOS.table("Responses", "attribute") for word in names(row["attribute"])}
    assert told == {word for word in vars(Response) if not word.startswith("_")}


def commands() -> dict[str, click.Command]:
    """Every command by its whole name, groups resolved."""
    found: dict[str, click.Command] = {}
    context = click.Context(tenantry)
    for title in COMMANDS:
        command = tenantry.get_command(context, title)
        assert command is not None
        inner = (
            {f"{title} {sub}": child for sub, child in command.commands.items()} if isinstance(command, click.Group) else {title: command}
        )
        found |= inner
    return found


def help_of(title: str) -> str:
    command = commands()[title]
    return command.get_help(click.Context(command, info_name=title))


DOCUMENTED = CLI.sections(r"`tenantry ([a-z ]+?)(?: [A-Z\[].*)?`")


def test_every_command_has_its_section() -> None:
    assert list(DOCUMENTED) == list(commands())


@pytest.mark.parametrize("title", list(commands()))
def test_the_options_of_a_command_are_documented(title: str) -> None:
    told = {flag.split()[0] for row in rows(DOCUMENTED[title], "option") for flag in names(row["option"])}
    assert told == {flag for option in commands()[title].params if isinstance(option, click.Option) for flag in option.opts}


def test_the_formats_of_reports_are_documented_with_their_files() -> None:
    told = {name(row["format"]): name(row["file"]) for row in rows(DOCUMENTED["report"], "format")}
    assert told == {form: made.file for form, made in FORMS.items()}


def test_the_orders_to_a_running_test_are_documented() -> None:
    for table in (rows(DOCUMENTED["ctl"], "order"), MEASUREMENT.table("Orders to a running test", "order")):
        assert [name(row["order"]).split()[0] for row in table] == list(get_args(OrderWord))
    assert all(f"  {word} " in help_of("ctl") for word in get_args(OrderWord))


def test_the_options_before_the_command_are_documented() -> None:
    flags = {flag for option in tenantry.params if isinstance(option, click.Option) for flag in option.opts}
    intro = CLI.text.partition("\n## ")[0]
    assert flags <= set(re.findall(r"--\w+", intro))


def test_the_configuration_keys_are_documented() -> None:
    told = {
        name(row["key"]): (row["flag"].strip("`"), name(row["environment"]), row["default"].strip("`"))
        for row in CLI.table("Configuration", "key")
    }
    assert told == {key: (entry.flag, entry.env, str(entry.default or "")) for key, entry in KEYS.items()}


def test_the_overrides_are_documented_with_the_profiles_that_have_them() -> None:
    told = {name(row["setting"]): set(names(row["of"])) or {row["of"]} for row in CLI.table("Overrides", "setting")}
    owners = {key: {profile.kind for profile in PROFILES if key in profile.settings} for key in PROFILE_KEYS}
    expected = {key: {"every profile"} if len(kinds) == len(PROFILES) else kinds for key, kinds in owners.items()}
    others = {**dict.fromkeys(STREAM_KEYS, "the stream"), **dict.fromkeys(PLAN_KEYS, "the workload")}
    assert told == {SCALE: {"every profile"}, **expected, **{key: {owner} for key, owner in others.items()}}


def test_environment_variables_that_the_code_reads_are_documented() -> None:
    told = {word for row in CLI.table("Configuration", "variable") for word in names(row["variable"])} | {key.env for key in KEYS.values()}
    read = set()
    for path in (ROOT / "python/tenantry").rglob("*.py"):
        text = path.read_text("utf-8")
        read |= set(re.findall(r"""environ(?:\.get\(|\[)"([A-Z_]+)\"""", text)) | set(re.findall(r'envvar="([A-Z_]+)"', text))
    assert read
    assert read <= told


def test_the_layers_are_those_that_the_import_test_checks() -> None:
    layers: dict[str, float] = runpy.run_path(str(Path(__file__).with_name("test_layers.py")))["LAYERS"]
    package = ROOT / "python/tenantry"
    there = {entry: int(layer) for entry, layer in layers.items() if exists(package, entry)}
    told = {module: int(row["layer"]) for row in ARCHITECTURE.table("Layers", "layer") for module in names(row["modules"])}
    assert told == there


def exists(package: Path, entry: str) -> bool:
    path = package / entry.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_the_threads_are_those_that_the_engine_starts() -> None:
    started = {thread for path in (ROOT / "rust").rglob("*.rs") for thread in re.findall(r'\.name\("([\w-]+)"', path.read_text("utf-8"))}
    assert {name(row["thread"]) for row in ARCHITECTURE.table("Threads", "thread") if "`" in row["thread"]} == started


def test_the_make_targets_are_documented() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    told = [name(row["target"]).removeprefix("make ") for row in rows(doc("contributing.md").text, "target")]
    assert sorted(told) == sorted(targets)


@pytest.mark.parametrize("page", PAGES, ids=[path.name for path in PAGES])
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name} links to {link}, which is not there"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings], link


def test_the_bounds_of_grades_are_documented_as_they_are_by_default() -> None:
    told = {name(row["figure"]): (row["good"], row["warning"], row["critical"]) for row in GRADES.table("Figures and bounds", "figure")}
    assert told == {
        title: (f"{figure.within} {spaced(good)}", f"{figure.within} {spaced(warning)}", f"{figure.beyond} {spaced(critical)}")
        for title, figure in FIGURES.items()
        for good, warning, critical in (figure.default,)
    }
    assert list(told) == list(inspect.signature(bounds).parameters)


def spaced(text: str | float) -> str:
    return re.sub(r"(?<=\d)(?=[m%])", " ", str(text))


def test_the_grades_are_documented_from_good_to_bad() -> None:
    assert tuple(names(GRADES.text.partition("\n## ")[0])) == get_args(Grade)
