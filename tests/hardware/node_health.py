"""Prints the boot of the node that is online with a good scale, as the loopback listener tells.

The exit status is 1 when no such health was heard.
"""

import json
import queue
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

TIMEOUT_S = 5.0


def main() -> int:
    """Ask the retained health, once."""
    heard: queue.Queue[bytes] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda asker, *_: asker.subscribe("tebura/v1/+/plates/health")
    client.on_message = lambda _client, _data, message: heard.put(bytes(message.payload))
    client.connect("127.0.0.1", 1883)
    client.loop_start()
    try:
        health = json.loads(heard.get(timeout=TIMEOUT_S))
    except queue.Empty:
        return 1
    finally:
        client.disconnect()
        client.loop_stop()
    if health["state"] != "online" or any(part["state"] != "ok" for part in health["parts"]):
        return 1
    print(health["boot"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
