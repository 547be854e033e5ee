"""What the soak does: ten million short iterations, and ten thousand virtual users that hold a connection each."""

from tenantry import Vu, constant_vus, scenario, shared_iterations, workload


@scenario
async def item(vu: Vu) -> None:
    answer = await vu.get("/item")
    vu.check("status is 200", answer.status == 200)


@scenario
async def visit(vu: Vu) -> None:
    await vu.get("/item")
    await vu.pause(5, 15)


many_requests = workload(item, shared_iterations(10_000_000, vus=50, max_duration="9m"))
many_vus = workload(visit, constant_vus(10_000, "30s", graceful_stop="1s"))
