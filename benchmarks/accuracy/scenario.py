"""One request an iteration, which tells the server its number; the target's path says how the server delays."""

from itertools import count

from tenantry import Vu, constant_rate, scenario, workload

# Iterations begin in the order of the schedule, one after the other on one thread: the n-th that begins is the n-th that was due.
numbers = count()


@scenario
async def ask(vu: Vu) -> None:
    await vu.get("/", params={"k": next(numbers)})


load = workload(ask, constant_rate("400/s", "15s", max_vus=600))
