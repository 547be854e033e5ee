"""The reference app of tenantry: a veterinary clinic SaaS on Postgres with row-level security."""
