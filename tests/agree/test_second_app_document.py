"""The second app's list of faults is that of its modules, its measured figures hold, and it shares no code with the clinic."""

from __future__ import annotations

import re
import sys

from pages import ROOT, doc, name

HOME = ROOT / "benchmarks" / "second_app"
PAGE = doc("second-app.md")
FAULTS = sorted(path.stem for path in (HOME / "service" / "faults").glob("*.js") if path.stem != "index")


def test_every_fault_is_listed_and_has_a_load() -> None:
    sys.path.append(str(ROOT))
    from benchmarks.second_app.faults import SHOWN

    assert [name(row["fault"]) for row in PAGE.table("Faults", "fault")] == FAULTS == sorted(SHOWN)
    loads = re.findall(r"^(\w+) = _load\(", (HOME / "scenarios.py").read_text(), re.MULTILINE)
    assert {shown.workload for shown in SHOWN.values()} == set(loads)


def test_the_words_of_a_fault_are_those_of_its_module() -> None:
    for row in PAGE.table("Faults", "fault"):
        text = (HOME / "service" / "faults" / f"{name(row['fault'])}.js").read_text()
        found = re.search(r"""summary: (['\"])(.*?)\1,""", text)
        assert found
        assert found[2] == row["what is wrong"]


def test_the_figures_are_of_faults_that_exist_and_hold() -> None:
    rows = PAGE.table("Measured", "fault")
    assert {name(row["fault"]) for row in rows} <= set(FAULTS)
    assert not [row for row in rows if "**" in row["what moves"]]


def test_it_has_nothing_of_the_clinic() -> None:
    own = [HOME / "app.py", HOME / "scenarios.py", *HOME.glob("*.sql"), *(HOME / "service").rglob("*.js")]
    assert len(own) > 25
    assert not [path.name for path in own if "clinic" in path.read_text()]
    outside = {line for path in (HOME / "service").rglob("*.js") for line in re.findall(r"from '([^']+)'", path.read_text())}
    assert all(each.startswith(("./", "../", "node:")) or each in ("fastify", "pg", "prom-client") for each in outside)
