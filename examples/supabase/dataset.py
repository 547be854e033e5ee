"""The population of an app on Supabase: users of auth.users, each a tenant, with projects and tasks that only they see."""

import os
import time
from collections.abc import Mapping
from datetime import date
from typing import Any

import jwt

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

# The secret of every local project that `supabase start` makes.
SECRET = "super-secret-jwt-token-with-at-least-32-characters-long"


def identity(tenant: Any, user: Any) -> Mapping[str, str]:
    """The token that Supabase Auth would give this user, signed with the project's legacy JWT secret, and the project's public key.

    A project whose tokens are signed with an asymmetric key gives its private key to nobody: sign in by password in `on_start` there.
    """
    claims = {
        "sub": str(user.id),
        "email": user.email,
        "role": "authenticated",
        "aud": "authenticated",
        "exp": int(time.time()) + 24 * 3600,
    }
    token = jwt.encode(claims, os.environ.get("SUPABASE_JWT_SECRET", SECRET), algorithm="HS256")
    return {"authorization": f"Bearer {token}", "apikey": os.environ.get("SUPABASE_ANON_KEY", "anon")}


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
