"""What all scripted tools do: one GET and two checks."""

from tenantry import Vu, constant_rate, constant_vus, scenario, workload


@scenario
async def item(vu: Vu) -> None:
    answer = await vu.get("/item")
    vu.check("status is 200", answer.status == 200)
    vu.check("body has the name", "Nala" in answer.text)


closed = workload(item, constant_vus(50, "5s"))
open_rate = workload(item, constant_rate("5000/s", "5s", max_vus=400))
