"""What the app reads from its environment."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Self

APP_ROLE = "clinic_app"
# Known to everybody who reads this: good for a demo on the own machine, and for nothing else.
DEMO_SECRET = "tenantry-demo-secret-known-to-everybody"
_FILES = Path(tempfile.gettempdir()) / "tenantry-clinic-files"


@dataclass(frozen=True, slots=True)
class Settings:
    """One field for each variable CLINIC_DSN, CLINIC_DB_PASSWORD, CLINIC_POOL, CLINIC_SECRET, CLINIC_TODAY, CLINIC_FILES, CLINIC_INVOICING.

    `password` is that of the role `clinic_app`; `files` the folder of uploads; `invoicing` the URL of the service that registers electronic
    invoices, None where there is none.
    """

    dsn: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    pool: int = 10
    secret: bytes = field(default=DEMO_SECRET.encode(), repr=False)
    fixed_today: date | None = None
    files: Path = _FILES
    invoicing: str | None = None

    @classmethod
    def from_environment(cls) -> Self:
        """Raises ValueError when a variable cannot be understood."""
        today, files = os.environ.get("CLINIC_TODAY"), os.environ.get("CLINIC_FILES")
        secret = os.environ.get("CLINIC_SECRET") or DEMO_SECRET
        if len(secret.encode()) < 32:
            raise ValueError("CLINIC_SECRET needs at least 32 bytes")
        invoicing = os.environ.get("CLINIC_INVOICING") or None
        if invoicing and not invoicing.startswith(("http://", "https://")):
            raise ValueError("CLINIC_INVOICING must be the URL of a service, such as http://127.0.0.1:9000")
        return cls(
            dsn=os.environ["CLINIC_DSN"],
            password=os.environ.get("CLINIC_DB_PASSWORD"),
            pool=int(os.environ.get("CLINIC_POOL", "10")),
            secret=secret.encode(),
            fixed_today=date.fromisoformat(today) if today else None,
            files=Path(files) if files else _FILES,
            invoicing=invoicing,
        )

    def today(self) -> date:
        """The app's present day."""
        return self.fixed_today or datetime.now(UTC).date()
