"""Word pools by language."""

from __future__ import annotations

import sys
from datetime import date
from typing import Any

import pytest
from mimesis import Locale

from tenantry.datasets import Dataset, Table, key, pool, template, words
from tenantry.datasets.pools import KINDS
from tenantry.datasets.population import Population
from tenantry.errors import EnvironmentFault, UsageError


@pytest.mark.parametrize("locale", ["en", "es", "de"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pool_has_different_texts_and_the_same_each_time(locale: str, kind: str) -> None:
    made = pool(locale, kind, 20)
    assert len(made) == len(set(made)) == 20
    assert all(text.strip() for text in made)
    assert made == pool(locale, kind, 20)
    assert made[:10] == pool(locale, kind, 10)
    assert made != pool(locale, kind, 20, seed=2)


def test_languages_differ() -> None:
    assert len({tuple(pool(locale, "first names", 30)) for locale in ("en", "es", "de", "fr", "pt-br")}) == 5


def test_every_locale_has_names_and_cities() -> None:
    for locale in Locale:
        assert pool(locale.value, "first names", 5) and pool(locale.value, "cities", 5)


def test_a_language_that_knows_fewer_gives_those() -> None:
    made = pool("is", "cities", 5000)
    assert 5 < len(made) < 5000


def test_a_dataset_draws_from_it() -> None:
    names = pool("de", "last names", 25)
    columns = {"id": key(), "slug": template("loadtest-{tenant}"), "name": words("names")}
    dataset = Dataset(
        name="d",
        anchor=date(2026, 1, 5),
        tables={"firms": Table(1, columns)},
        tenant_table="firms",
        tenant_column="firm_id",
        mark="slug",
        pools={"names": names},
    )
    assert {row.name for row in Population(dataset, 500).rows("firms", 0, 500)} == set(names)


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("xx", "words"), "there is no locale 'xx'", "known: "),
        (("en", "first name"), "there is no pool of 'first name'", "did you mean first names?"),
        (("en", "words", 0), "a pool of 0 texts is none", ""),
    ],
)
def test_a_mistake_is_told(arguments: tuple[Any, ...], message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        pool(*arguments)
    assert hint in caught.value.hint


def test_without_mimesis_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mimesis", None)
    with pytest.raises(EnvironmentFault, match="need mimesis") as caught:
        pool("en", "words")
    assert "tenantry[words]" in caught.value.hint
