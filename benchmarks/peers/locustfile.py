"""What all scripted tools do: one GET and two checks."""

from locust import FastHttpUser, constant, task


class Visitor(FastHttpUser):
    wait_time = constant(0)

    @task
    def item(self) -> None:
        with self.client.get("/item", catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure("status is not 200")
            elif "Nala" not in answer.text:
                answer.failure("body lacks the name")
