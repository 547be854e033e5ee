"""What a user of a Supabase app does, through its REST API: `tenantry run examples/supabase/scenarios.py:projects --target URL`."""

from dataset import supabase

from tenantry import Vu, constant_rate, scenario, workload


@scenario
async def open_projects(vu: Vu) -> None:
    """The list of projects, and the open tasks of one of them; row-level security shows the user's own alone."""
    projects = (await vu.get("/rest/v1/projects", params={"select": "id,user_id,name", "order": "id", "limit": 20})).json()
    vu.check("own projects", bool(projects) and all(row["user_id"] == str(vu.user.id) for row in projects))
    project = vu.rng.choice(projects)
    tasks = await vu.get("/rest/v1/tasks", params={"project_id": f"eq.{project['id']}", "done": "eq.false"})
    vu.check("own tasks", all(row["user_id"] == str(vu.user.id) for row in tasks.json()))


@scenario
async def sign_in(vu: Vu) -> None:
    """Sign in by password, as the app's login page does."""
    asked = {"email": vu.user.email, "password": "loadtest-password"}
    token = (await vu.post("/auth/v1/token", params={"grant_type": "password"}, json=asked)).json()
    vu.check("own account", token["user"]["id"] == str(vu.user.id))


projects = workload(
    open_projects.at(constant_rate("20/s", "1m", max_vus=100)),
    sign_in.at(constant_rate("1/s", "1m", max_vus=20)),
    dataset=supabase,
    thresholds=["response_time p95 < 300ms", "failures < 1%", "checks > 99%"],
)
