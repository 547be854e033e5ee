"""How tenants are drawn: `workload(..., tenant_choice=zipf(1.1), tenant_per="iteration")`."""

from tenantry.plan.tenants import by_tier, zipf

__all__ = ["by_tier", "zipf"]
