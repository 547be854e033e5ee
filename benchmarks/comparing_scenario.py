"""What `benchmarks.comparing_runs` sends: in a closed loop, where nothing starts late on a machine that is busy otherwise."""

from tenantry import Vu, constant_vus, mix, scenario, workload


@scenario
async def browse(vu: Vu) -> None:
    await vu.get("/list")
    await vu.pause(0.05, 0.15)
    await vu.get("/detail")
    await vu.pause(0.05, 0.15)


@scenario
async def search(vu: Vu) -> None:
    await vu.get("/search")
    await vu.pause(0.05, 0.15)


load = workload(mix({browse: 70, search: 30}), constant_vus(12, "12s"))
