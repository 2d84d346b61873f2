"""What Prometheus may ask a node, on 127.0.0.1 only."""

from collections.abc import Mapping
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from tebura_contract.clock import StoreTime, seconds
from tebura_contract.events import Event, SensorState, kind_of
from tebura_contract.messages import Part

from tebura_edge.looking import Looking

NAMESPACE = "tebura_edge"


class Metrics:
    """The node's numbers. Without a port nothing listens; counting costs next to nothing."""

    def __init__(self, node: str, port: int = 0) -> None:
        self.registry = CollectorRegistry()
        self._server = start_http_server(port, "127.0.0.1", self.registry)[0] if port else None
        self._gauge("info", "Which node this is", "node").labels(node).set(1)
        self._events = Counter(
            "events", "Facts stored", ["kind"], namespace=NAMESPACE, registry=self.registry
        )
        self._waiting = self._gauge("waiting", "Events the gateway does not have yet")
        self._sent = self._gauge("sent", "Events handed to the broker, again included")
        self._connected = self._gauge("connected", "1 while there is a broker")
        self._clock = self._gauge("clock_uncertainty_seconds", "Doubt about store time")
        self._late = self._gauge("late_inputs", "Inputs that came after their turn")
        self._frames = self._gauge(
            "frames",
            "What became of frames: looked, followed, overtaken, dropped",
            "camera",
            "fate",
        )
        self._network = self._gauge("network", "1 for what runs where", "network", "provider")
        self._look = self._gauge("look_seconds", "Mean time to look at a frame")
        self._part = self._gauge("part_ok", "1 for a part that works, else 0", "part")

    def _gauge(self, name: str, says: str, *labels: str) -> Gauge:
        return Gauge(name, says, labels, namespace=NAMESPACE, registry=self.registry)

    def stored(self, event: Event) -> None:
        self._events.labels(kind_of(event)).inc()

    def link(self, is_connected: bool, waiting: int, sent: int) -> None:
        self._connected.set(int(is_connected))
        self._waiting.set(waiting)
        self._sent.set(sent)

    def time(self, now: StoreTime, late_count: int) -> None:
        self._clock.set(seconds(now.uncertainty_ns))
        self._late.set(late_count)

    def looked(self, cameras: Mapping[str, Looking], mean_look_s: float | None) -> None:
        for camera, looking in cameras.items():
            for fate, count in asdict(looking).items():
                self._frames.labels(camera, fate).set(count)
        if mean_look_s is not None:
            self._look.set(mean_look_s)

    def network(self, network: str, provider: str) -> None:
        """Which network finds people, and on which provider it runs."""
        self._network.labels(network, provider).set(1)

    def parts(self, parts: tuple[Part, ...]) -> None:
        for part in parts:
            self._part.labels(part.name).set(int(part.state is SensorState.OK))

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
