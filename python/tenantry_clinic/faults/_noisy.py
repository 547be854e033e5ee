"""A clinic that asks for its report all the time: `python -m tenantry_clinic.faults._noisy PORT TOKEN AT_A_TIME`."""

from __future__ import annotations

import http.client
import sys
import threading
import time

_PATIENCE_S = 0.2


def ask_on_and_on(port: int, token: str) -> None:
    """One report after the other, from when the app is up."""
    headers = {"authorization": f"Bearer {token}"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while True:
        try:
            connection.request("GET", "/api/reports/practice?months=60", headers=headers)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()
            time.sleep(_PATIENCE_S)


if __name__ == "__main__":
    for _ in range(int(sys.argv[3])):
        threading.Thread(target=ask_on_and_on, args=(int(sys.argv[1]), sys.argv[2])).start()
