"""Where grades lie: `workload(..., grades=bounds(p95=("100ms", "300ms", "2s")))`."""

from tenantry.plan.grades import Bounds, bounds

__all__ = ["Bounds", "bounds"]
