"""A whole store as real processes on this machine, sensing what recordings show.

Broker, gateway and nodes run from files in one folder (`store_files`); their sensors are
pseudo-terminals and loopback streams. Everything is reached as from outside: HTTP for staff and
phones, MQTT for watermarks.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tebura_contract.ids import MemberId, NodeId

from tebura_simulator.breakage import Breakage
from tebura_simulator.cable import Cable
from tebura_simulator.pacing import Pacer
from tebura_simulator.serial_line import SerialLine
from tebura_simulator.shop_client import Member, NodeSeen, Phone, ShopClient, ShopError
from tebura_simulator.stage import (
    BROKER,
    GATEWAY,
    Part,
    Stage,
    StageError,
    free_port,
    python,
)
from tebura_simulator.store_files import Scale, StoreFiles, Wiring, write_store
from tebura_simulator.streams import CameraStreams
from tebura_simulator.take import Take
from tebura_simulator.told_nodes import ToldNodes, told_nodes_of
from tebura_simulator.world import World

SENSING_TIMEOUT_S = 30.0
POLL_S = 0.1


@dataclass
class LiveStore:
    """The store of one recording's layout. Use it as a context manager: leaving stops it all.

    Args:
        folder: An empty folder for files, state and logs.
        first: What the store shows at first; later recordings need the same layout.
        http_port: Where the pages are.
        speed: Seconds of a recording a second.
    """

    folder: Path
    first: Take
    http_port: int = field(default_factory=free_port)
    speed: float = 1.0
    members: dict[str, Member] = field(default_factory=dict)
    _phones: dict[str, Phone] = field(default_factory=dict)
    _is_playing: bool = False
    _open: ExitStack = field(default_factory=ExitStack)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def _start(self) -> None:
        take = self.first
        logs = self.folder / "logs"
        logs.mkdir(parents=True)
        streams = self._open.enter_context(CameraStreams(tuple(map(str, take.cameras))))
        mqtt_port = free_port()
        self.cables = {
            node: self._open.enter_context(Cable(mqtt_port)) for node in take.layout.nodes()
        }
        wiring = Wiring(
            mqtt_port=mqtt_port,
            mqtt_ports={node: cable.port for node, cable in self.cables.items()},
            http_port=self.http_port,
            stream_urls={camera: streams.url(camera) for camera in take.cameras},
            scales=_scales(take),
        )
        self.wiring = wiring
        self.files: StoreFiles = write_store(
            self.folder,
            take.layout_toml,
            take.layout,
            take.calibrations,
            wiring,
            time.time_ns(),
        )
        lines = {
            label: self._open.enter_context(SerialLine(self.files.serial_link(label)))
            for label in take.scales
        }
        self.lines: Mapping[str, SerialLine] = lines
        self.world = World(take, lines, streams, self.code_of, self.speed)
        self._open.enter_context(self.world)
        self.stage = self._open.enter_context(Stage(logs, _ENVIRONMENT))
        for part in self.parts():
            self.stage.start(part)
            if part.name == BROKER:
                self.stage.wait_ready(BROKER)
        self.stage.wait_ready()
        self.told = ToldNodes(
            lambda: told_nodes_of(take, self.folder, wiring, self.files.node_keys),
            self.world.clock.now_s,
            lambda: self._is_playing,
        )
        self._open.enter_context(self.told)
        self.client = self._open.enter_context(ShopClient(self.address, self.files.staff_token))
        self.pacer = self._open.enter_context(
            Pacer(wiring.mqtt_port, take.layout.store.id, self.files.nodes)
        )

    def parts(self) -> list[Part]:
        """The processes, in the order they start."""
        config = str(self.files.gateway_config)
        return [
            Part(
                BROKER,
                python("tebura_simulator.broker", "--port", str(self.wiring.mqtt_port)),
                port=self.wiring.mqtt_port,
                holds_stdin=True,
            ),
            Part(GATEWAY, python("tebura_gateway", "run", "--config", config)),
            *(
                Part(
                    node,
                    python("tebura_edge", "run", "--config", str(self.files.node_config(node))),
                )
                for node in self.files.nodes
            ),
        ]

    def wait_sensing(self, timeout_s: float = SENSING_TIMEOUT_S) -> None:
        """Wait until every node is online and all its sensors give data.

        Raises:
            StageError: If one does not, naming what it waits for.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            self.check()
            with suppress(ShopError):
                lacking = [why for node in self.files.nodes if (why := self._lack(node))]
                if not lacking:
                    return
            if time.monotonic() > deadline_s:
                raise StageError(f"after {timeout_s:g} s: " + "; ".join(lacking or ["no answer"]))
            time.sleep(POLL_S)

    def _lack(self, node: NodeId) -> str:
        """Why a node is not ready to sense; empty when it is."""
        seen: NodeSeen | None = next((n for n in self.client.nodes() if n.id == node), None)
        if seen is None or not seen.is_online:
            return f"{node} is not online"
        blind = [
            f"{part.name} {part.reason or part.state}" for part in seen.parts if part.state != "ok"
        ]
        if blind:
            return f"{node}: {', '.join(blind)}"
        return "" if self.pacer.watermark_ns(node) is not None else f"{node} has said nothing yet"

    def add_members(self, accounts: Mapping[str, str]) -> None:
        """Make an account each (by its name in the recordings) and sign its phone in."""
        for account, name in accounts.items():
            if account not in self.members:
                member = self.client.add_member(name)
                if member.sign_in is None:
                    raise ShopError(f"{name}: no sign-in link came with the new account")
                phone = Phone(self.address, member.sign_in)
                self._open.callback(phone.close)
                phone.load()
                self.members[account], self._phones[account] = member, phone

    def forget_members(self) -> None:
        """Let the recordings' accounts be other people from now on.

        Who comes back within two minutes with a fresh code brings a guest: a recording that is
        played again soon needs somebody else.
        """
        self.members.clear()
        self._phones.clear()

    def refresh_phones(self) -> None:
        """Load the codes of the next minutes; a phone may be offline afterwards."""
        for phone in self._phones.values():
            with suppress(ShopError):
                phone.load()

    def phone(self, account: str) -> Phone:
        """The phone of an account that was made."""
        return self._phones[account]

    def code_of(self, account: str) -> str | None:
        """What an account's phone shows now."""
        phone = self._phones.get(account)
        return phone.code_at(time.time_ns()) if phone else None

    def check(self) -> None:
        """See that everything that should run does.

        Raises:
            StageError: If a part died.
            RuntimeError: If the world stopped.
        """
        self.world.check()
        self.told.check()
        for name in self.stage.dead():
            raise self.stage.failure(name, "died")

    def play(self, take: Take, turn: Callable[[float], None], poll_s: float = POLL_S) -> None:
        """Show a recording to its end, held back when nodes cannot follow.

        Args:
            take: A recording with the store's own layout and sensors.
            turn: Called every `poll_s` with the seconds of the recording that have passed.
            poll_s: How often.
        """
        self.world.put_on(take)
        members = {account: MemberId(member.id) for account, member in self.members.items()}
        self.told.put_on(take, members)
        breakage = Breakage(take.faults, self.stage, self.cables)
        self._is_playing = True
        self.world.clock.run()
        while self.world.clock.now_s() < take.duration_s:
            breakage.turn(self.world.clock.now_s())
            turn(self.world.clock.now_s())
            self.pacer.pace(self.world.clock)
            time.sleep(poll_s)
        breakage.mend()
        self.world.clock.hold()
        self._is_playing = False


_ENVIRONMENT: Mapping[str, str] = {
    # Everything is on this machine; a proxy of the user's would not find it.
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
    # Several processes share few cores: threads inside numpy would only get in each other's way.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def _scales(take: Take) -> dict[NodeId, list[Scale]]:
    found: dict[NodeId, list[Scale]] = {}
    for track in take.scales.values():
        found.setdefault(track.node, []).append(track.scale)
    return found
