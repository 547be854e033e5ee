"""Words of a language for a dataset's pools: names, cities, companies, by mimesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tenantry.errors import EnvironmentFault, UsageError
from tenantry.types import did_you_mean

if TYPE_CHECKING:
    from mimesis import Generic

KINDS = ("first names", "last names", "job titles", "cities", "streets", "companies", "words")
_MOST_TRIES = 50


def pool(locale: str, kind: str, size: int = 200, *, seed: int = 1) -> list[str]:
    """Up to `size` different texts of a kind in a language: `pools={"names": pool("de", "first names")}`.

    `locale` is one of mimesis (`en`, `es`, `de`, `pt-br`, ...), `kind` one of `KINDS`. A language that knows fewer gives those. The same
    version of mimesis gives the same texts; another one may not, which `tenantry seed --add-tenants` notices. Raises UsageError for a
    locale or kind that is not known, EnvironmentFault without mimesis.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no pool of {kind!r}", hint=did_you_mean(kind, KINDS))
    if size < 1:
        raise UsageError(f"a pool of {size} texts is none")
    make = _maker(_generic(locale, seed), kind)
    found: dict[str, None] = {}
    tries = 0
    while len(found) < size and tries < _MOST_TRIES * size:
        tries += 1
        found.setdefault(make())
    return list(found)


def _generic(locale: str, seed: int) -> Generic:
    try:
        from mimesis import Generic, Locale
    except ImportError:
        raise EnvironmentFault("pools by language need mimesis", hint="pip install 'tenantry[words]'") from None
    known = tuple(one.value for one in Locale)
    if locale not in known:
        raise UsageError(f"there is no locale {locale!r}", hint=did_you_mean(locale, known))
    return Generic(Locale(locale), seed=seed)


def _maker(generic: Generic, kind: str) -> Callable[[], str]:
    makers: dict[str, Callable[[], str]] = {
        "first names": generic.person.first_name,
        "last names": generic.person.last_name,
        "job titles": generic.person.occupation,
        "cities": generic.address.city,
        "streets": generic.address.street_name,
        "companies": generic.finance.company,
        "words": generic.text.word,
    }
    return makers[kind]
