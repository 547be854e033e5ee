"""The clinic in each of its languages: the same shape, other words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tenantry.datasets.population import Population
from tenantry.errors import UsageError
from tenantry_clinic.dataset import SPECIES, clinic, clinic_in
from tenantry_clinic.words import LOCALES, words_of


@pytest.fixture(scope="module", params=LOCALES)
def locale(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_locale_has_enough_different_words(locale: str) -> None:
    text = words_of(locale)
    least = {"first_names": 130, "last_names": 120, "cities": 20, "clinic_names": 30, "pet_names": 100, "reasons": 20, "notes": 12}
    for name, count in least.items():
        found = getattr(text, name)
        assert len(set(found)) >= count and len(set(found)) == len(found), name
        assert all(word == word.strip() != "" for word in found), name
    assert set(text.breeds) == set(SPECIES)
    assert all(len(set(breeds)) >= 4 for breeds in text.breeds.values())
    assert len(text.prescriptions) == len(text.cases) == len(dict(text.cases)) == 24
    assert (len(text.services), len(text.products)) == (8, 20)
    assert all(1 <= days <= 60 for _, _, days in text.prescriptions)


def test_prices_and_minutes_are_the_same_in_each_locale(locale: str) -> None:
    ours, theirs = words_of(locale), words_of("es-PY")
    assert [rest for _, *rest in ours.services] == [rest for _, *rest in theirs.services]
    assert [price for _, price in ours.products] == [price for _, price in theirs.products]
    assert [days for _, _, days in ours.prescriptions] == [days for _, _, days in theirs.prescriptions]


def test_locales_share_no_words_of_substance() -> None:
    for name in ("reasons", "notes", "clinic_names"):
        texts = [set(getattr(words_of(locale), name)) for locale in LOCALES]
        assert len(set.union(*texts)) == sum(map(len, texts)), name


def test_rows_are_made_of_the_words_of_their_locale(locale: str) -> None:
    text, population = words_of(locale), Population(clinic_in(locale), 20)
    assert {row.city for row in population.rows("clinics", 0, 20)} <= set(text.cities)
    assert all(row.breed in text.breeds[row.species] for row in population.rows("pets", 0, 2000))
    before, _, after = text.clinic.partition("{title}")
    assert all(row.name.removeprefix(before).removesuffix(after) in text.clinic_names for row in population.rows("clinics", 0, 20))
    for row in population.rows("users", 0, 200):
        assert any(row.full_name == f"{first} {row.full_name.removeprefix(first + ' ')}" for first in text.first_names)
        assert row.email.isascii()


def test_a_prescription_is_what_its_record_asks_for(locale: str) -> None:
    text, population = words_of(locale), Population(clinic_in(locale), 20)
    drugs = {diagnosis: drug for (diagnosis, _), drug in zip(text.cases, text.prescriptions, strict=True)}
    records = {row.id: row for row in population.rows("medical_records", 0, 4000)}
    written = population.rows("prescriptions", 0, 1200)
    for row in written:
        record = records[row.record_id]
        assert (row.drug, row.dose, row.days) == drugs[record.diagnosis]
        assert (row.clinic_id, row.pet_id, row.vet_id) == (record.clinic_id, record.pet_id, record.vet_id)
        assert 0 <= (row.issued_at - record.created_at).total_seconds() <= 1200
    assert len({row.record_id for row in written}) == len(written) == 1200
    assert len({row.drug for row in written}) == 24


def test_keys_and_shares_are_those_of_any_locale(locale: str) -> None:
    ours, theirs = Population(clinic_in(locale), 5), Population(clinic, 5)
    for table, column in (("pets", "owner_id"), ("pets", "species"), ("appointments", "starts_at"), ("invoices", "status")):
        assert [getattr(row, column) for row in ours.rows(table, 0, 250)] == [getattr(row, column) for row in theirs.rows(table, 0, 250)]


def test_an_unknown_locale_is_told() -> None:
    with pytest.raises(UsageError, match="there are no clinics in 'es-py'") as caught:
        clinic_in("es-py")
    assert "es-PY" in caught.value.hint


@pytest.mark.parametrize(
    ("wanted", "word", "code"), [("de", "Tierarztpraxis", 0), ("", "Clínica Veterinaria", 0), ("xx", "no clinics in 'xx'", 2)]
)
def test_the_environment_decides(wanted: str, word: str, code: int) -> None:
    command = [sys.executable, "-m", "tenantry", "generate", "tenantry_clinic.dataset:clinic", "--tenants", "1", "--show", "1"]
    env = {name: value for name, value in os.environ.items() if name != "CLINIC_LOCALE"} | ({"CLINIC_LOCALE": wanted} if wanted else {})
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, word in done.stdout + done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
