"""Load profiles: how many iterations begin when, or how many virtual users work."""

from __future__ import annotations

from tenantry.plan.closed import (
    ConstantVus,
    PerVuIterations,
    RampingVus,
    SharedIterations,
    Stage,
    constant_vus,
    per_vu_iterations,
    ramping_vus,
    shared_iterations,
)
from tenantry.plan.open import ConstantRate, PoissonRate, RampingRate, RateStage, constant_rate, poisson_rate, ramping_rate

Profile = ConstantVus | RampingVus | SharedIterations | PerVuIterations | ConstantRate | RampingRate | PoissonRate
PROFILES: tuple[type[Profile], ...] = (
    ConstantVus,
    RampingVus,
    SharedIterations,
    PerVuIterations,
    ConstantRate,
    RampingRate,
    PoissonRate,
)

__all__ = [
    "PROFILES",
    "ConstantRate",
    "ConstantVus",
    "PerVuIterations",
    "PoissonRate",
    "Profile",
    "RampingRate",
    "RampingVus",
    "RateStage",
    "SharedIterations",
    "Stage",
    "constant_rate",
    "constant_vus",
    "per_vu_iterations",
    "poisson_rate",
    "ramping_rate",
    "ramping_vus",
    "shared_iterations",
]
