"""What the app reads from its environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Self

APP_ROLE = "clinic_app"


@dataclass(frozen=True, slots=True)
class Settings:
    """`CLINIC_DSN`, `CLINIC_DB_PASSWORD` (of the role `clinic_app`), `CLINIC_POOL`, `CLINIC_SECRET`, `CLINIC_TODAY`."""

    dsn: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    pool: int = 10
    secret: bytes = field(default=b"tenantry-demo-secret", repr=False)
    fixed_today: date | None = None

    @classmethod
    def from_environment(cls) -> Self:
        """Raises ValueError when a variable cannot be understood."""
        today = os.environ.get("CLINIC_TODAY")
        return cls(
            dsn=os.environ["CLINIC_DSN"],
            password=os.environ.get("CLINIC_DB_PASSWORD"),
            pool=int(os.environ.get("CLINIC_POOL", "10")),
            secret=os.environ.get("CLINIC_SECRET", "tenantry-demo-secret").encode(),
            fixed_today=date.fromisoformat(today) if today else None,
        )

    def today(self) -> date:
        """The app's present day."""
        return self.fixed_today or datetime.now(UTC).date()
