"""Words of the clinic's rows, by locale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from tenantry.errors import UsageError
from tenantry.types import did_you_mean

_MODULES = {"es-PY": "es_py", "en": "en", "de": "de"}
LOCALES = tuple(_MODULES)

Texts = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """`clinic` and `phone` are templates with {title} and {line}. `cases`: each diagnosis with its treatment; `prescriptions`: for each of
    them a drug, how it is taken, and for how many days. `services`: name, price in dollars, minutes; `products`: name, price."""

    clinic: str
    phone: str
    first_names: Texts
    last_names: Texts
    cities: Texts
    clinic_names: Texts
    pet_names: Texts
    breeds: Mapping[str, Texts]
    reasons: Texts
    cases: Sequence[tuple[str, str]]
    prescriptions: Sequence[tuple[str, str, int]]
    notes: Texts
    services: Sequence[tuple[str, str, int]]
    products: Sequence[tuple[str, str]]


def words_of(locale: str) -> Words:
    """The words of a locale; raises UsageError for one that is not known."""
    if locale not in _MODULES:
        raise UsageError(f"there are no clinics in {locale!r}", where="CLINIC_LOCALE", hint=did_you_mean(locale, LOCALES))
    found: Words = import_module(f"tenantry_clinic.words.{_MODULES[locale]}").WORDS
    return found
