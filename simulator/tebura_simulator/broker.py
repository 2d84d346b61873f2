"""The embedded broker, alone in a process: ``python -m tebura_simulator.broker --port 1883``.

It listens on 127.0.0.1 only, keeps everything in memory (a wire, not a store) and lives as long as
its standard input is open, so it never outlives whoever started it.
"""

import argparse
import os
import sys
import threading

from iotcore import IotCoreBroker
from tebura_contract.codec import MAX_MESSAGE_BYTES

MAX_PAYLOAD_BYTES = MAX_MESSAGE_BYTES + 4096
"""No message of ours is larger; iotcore's own cap of 20 kB would cut off longer cart evidence."""
MAX_INFLIGHT = 200


def serve(port: int) -> None:
    """Run the broker until the process ends."""
    broker = IotCoreBroker(
        listen="127.0.0.1",
        port=port,
        max_connections=100,
        max_payload_size=MAX_PAYLOAD_BYTES,
        max_inflight_count=MAX_INFLIGHT,
    )
    broker.check_ports()
    broker.run_forever()


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    # The broker cannot be told to stop, only ended.
    threading.Thread(target=_end_with_stdin, daemon=True, name="stdin").start()
    serve(port)


if __name__ == "__main__":
    main()
