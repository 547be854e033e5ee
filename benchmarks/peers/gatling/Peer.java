import static io.gatling.javaapi.core.CoreDsl.*;
import static io.gatling.javaapi.http.HttpDsl.*;

import io.gatling.javaapi.core.Simulation;
import java.time.Duration;

/** What all scripted tools do: one GET and two checks. */
public class Peer extends Simulation {
    private static final int CONNECTIONS = Integer.getInteger("connections");
    private static final Duration LENGTH = Duration.ofSeconds(Integer.getInteger("seconds"));

    {
        var item = exec(http("item").get("/item").check(status().is(200), substring("Nala").exists()));
        setUp(scenario("item").during(LENGTH).on(item).injectOpen(atOnceUsers(CONNECTIONS)))
            .protocols(http.baseUrl(System.getProperty("target")))
            .maxDuration(LENGTH);
    }
}
