"""The population of an app on Supabase: users of auth.users, each a tenant, with projects and tasks that only they see."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from tenantry.datasets import (
    Dataset,
    Isolation,
    Table,
    after,
    choice,
    constant,
    day,
    document,
    flag,
    key,
    lognormal,
    moment,
    reference,
    several,
    template,
    tenant_key,
    uuid,
    words,
)

# The password of all these users is "loadtest-password": SELECT crypt('loadtest-password', gen_salt('bf', 10)).
PASSWORD = "$2a$10$uFKKQm6k7WcHqSVZzTXD.uEPM4MHZTSAAFyXkvTGLN14VkCkXITnC"


def identity(tenant: Any, user: Any) -> Mapping[str, str]:
    """Who a request comes from; an app behind Supabase wants a token, which `setup` gets and `on_start` sets."""
    return {"x-user": str(tenant.id)}


supabase = Dataset(
    name="supabase",
    anchor=date(2026, 1, 5),
    tenants=1000,
    tenant_table="auth.users",
    tenant_column="user_id",
    mark="email",
    users="auth.users",
    # auth.uid() reads the user from this setting of the transaction.
    isolation=Isolation(role="authenticated", setting="request.jwt.claim.sub"),
    identity=identity,
    pools={
        "kinds": ["Garden", "Kitchen", "Roof", "Website", "Newsletter", "Taxes", "Holiday", "Move"],
        "verbs": ["Plan", "Order", "Measure", "Paint", "Review", "Send", "Call about", "Pay for"],
        "things": ["the beds", "new tiles", "the invoice", "two quotes", "the plan", "the paint", "boxes", "the draft"],
    },
    tables={
        "auth.users": Table(
            1,
            {
                "id": uuid(),
                "aud": constant("authenticated"),
                "role": constant("authenticated"),
                "email": template("loadtest-{tenant:05d}@example.com"),
                "encrypted_password": constant(PASSWORD),
                "created_at": moment(-700, -30),
                "email_confirmed_at": moment(after("created_at"), after("created_at", 1)),
                "raw_app_meta_data": document({"provider": "email", "providers": ["email"]}),
                "raw_user_meta_data": document({}),
            },
        ),
        "projects": Table(
            lognormal(4, 1, 1, 60),
            {
                "id": key(),
                "user_id": tenant_key(),
                "kind": words("kinds").helper(),
                "title": template("{kind} {position}"),
                "archived": flag(0.2),
                "created_at": moment(-300, 0),
            },
        ),
        "tasks": Table(
            lognormal(25, 1, 1, 400),
            {
                "id": key(),
                "user_id": tenant_key(),
                "project_id": reference("projects"),
                "verb": words("verbs").helper(),
                "thing": words("things").helper(),
                "title": template("{verb} {thing}"),
                "state": choice({"open": 0.5, "doing": 0.1, "done": 0.4}),
                "due_on": day(-60, 60).nullable(0.4),
                "labels": several(choice({"soon": 2, "later": 3, "waiting": 1}), 0, 3),
            },
        ),
    },
)
