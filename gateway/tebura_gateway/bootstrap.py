"""Builds the gateway from its configuration, starts its threads, and stops them again."""

import asyncio
import contextlib
import gc
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import msgspec
import sdnotify
import structlog
import uvicorn
from tebura_contract.config import ConfigError
from tebura_contract.entry_code import member_key
from tebura_contract.ids import MemberId, NodeId
from tebura_contract.layout import Layout
from tebura_contract.messages import Position
from tebura_contract.settings import beside

from tebura_gateway.adapters.clerk import Clerk
from tebura_gateway.adapters.courier import Courier
from tebura_gateway.adapters.database import Database, DatabaseError, lease, migrate, open_database
from tebura_gateway.adapters.face_vault import FaceVault
from tebura_gateway.adapters.feed import ChangeFeed
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.adapters.key_ring import KeyRing
from tebura_gateway.adapters.medusa import Medusa
from tebura_gateway.adapters.mqtt import MqttAdapter
from tebura_gateway.adapters.payer import Payer
from tebura_gateway.adapters.payment_accounts import PaymentAccounts
from tebura_gateway.adapters.providers import open_outside
from tebura_gateway.adapters.services import WriterServices
from tebura_gateway.adapters.shares import Shares
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.api.app import create_app
from tebura_gateway.api.runtime import WebSettings
from tebura_gateway.config import GatewayConfig, load_config, restart_needed
from tebura_gateway.domain.promotions import Coupon
from tebura_gateway.domain.receipt import Issuer
from tebura_gateway.service import online_shop
from tebura_gateway.service.api_keys import ApiKey, note_use
from tebura_gateway.service.exporting import export
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.ports import PaymentProvider
from tebura_gateway.service.reading import DatabaseViews
from tebura_gateway.service.requests import Unavailable
from tebura_gateway.service.shop import HOUSE, AfterSale, Shop, WalkUp
from tebura_gateway.service.transaction import Tx
from tebura_gateway.web.rendering import Renderer

_LOG = structlog.get_logger()
STOP_TIMEOUT_S = 5
WATCH_EVERY_S = 1.0
SWEEP_EVERY_S = 20.0


class AddressTaken(RuntimeError):
    """The HTTP address cannot be listened on."""


class WriterDied(RuntimeError):
    """A broken invariant stopped the writer: nothing more is taken in."""


@dataclass
class GatewayRuntime:
    """The running gateway, as its pages see it."""

    config: GatewayConfig
    views: DatabaseViews
    services: WriterServices
    changes: ChangeFeed
    mqtt: MqttAdapter
    writer: Writer
    web: WebSettings
    keys: KeyRing
    payments: PaymentAccounts
    faces: FaceVault | None
    _closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def layout(self) -> Layout:
        return self.config.layout

    def now_ns(self) -> int:
        return now_ns()

    def holder(self, key: str) -> ApiKey | None:
        return self.keys.holder(key)

    def member_key(self, member: MemberId) -> bytes:
        return member_key(self.config.entry_key, self.layout.store.id, member)

    @property
    def issuer(self) -> Issuer:
        return self.config.issuer

    def node_key(self, node: NodeId) -> bytes | None:
        return self.config.node_keys.get(node)

    def export(self, member: MemberId) -> bytes:
        with self.payments.reading.connect() as connection:
            return export(connection, self.layout.store.id, member)

    def positions(self) -> tuple[Position, ...]:
        return self.mqtt.positions()

    @property
    def providers(self) -> frozenset[str]:
        return frozenset({HOUSE.name, *(one.settings.name for one in self.config.payments)})

    def is_writable(self) -> bool:
        return self.writer.is_healthy

    def is_closing(self) -> bool:
        return self._closing.is_set()

    def reload(self) -> bool:
        """Take up what changed of the files, if all of it can be; else keep what was, and say why.

        Reads files and may wait for the writer: not for the event loop's thread.
        """
        try:
            new = load_config(self.config.path)
        except ConfigError as error:
            _LOG.error("configuration not taken up", problems=str(error))
            return False
        if places := restart_needed(self.config, new):
            _LOG.error("configuration not taken up: needs a restart", changed=", ".join(places))
            return False
        self.writer.take_up(shop_of(new))
        self.config = new
        self.views = DatabaseViews(self.payments.reading, new.layout)
        self.web = msgspec.structs.replace(self.web, coupons=_coupons(new))
        self.changes.bump()
        _LOG.info("configuration taken up")
        return True

    def close(self) -> None:
        """Let streams end, so that the server can stop."""
        self._closing.set()
        self.changes.bump()


def now_ns() -> int:
    """Store time: this machine's clock, which all nodes follow."""
    return time.time_ns()


def shop_of(config: GatewayConfig) -> Shop:
    settlement = config.settings.settlement
    terms = {HOUSE.name: HOUSE} | {one.settings.name: one.settings.terms for one in config.payments}
    return Shop(
        layout=config.layout,
        issuer=config.issuer,
        node_keys=config.node_keys,
        payment=terms[settlement.provider],
        walk_up_payment=terms.get(settlement.walk_up_provider),
        former_payments=tuple(terms.values()),
        house_limit_minor=settlement.house_limit_minor,
        hold_minor=settlement.hold_minor,
        blocks_unpaid=settlement.blocks_unpaid,
        admits_without_means=settlement.admits_without_means,
        judgement=msgspec.structs.replace(
            config.settings.judgement,
            walk_up=config.settings.walk_up is not None,
            asks_age=True,
        ),
        tax=config.settings.tax,
        promotions=config.promotions,
        has_online_shop=config.online_shop is not None,
        walk_up=_walk_up(config),
        after_sale=AfterSale(
            auto_refund_minor=config.settings.after_sale.auto_refund_minor,
            auto_refunds_a_month=config.settings.after_sale.auto_refunds_a_month,
            two_people_minor=config.settings.after_sale.two_people_minor,
        ),
    )


def _coupons(config: GatewayConfig) -> tuple[Coupon, ...]:
    return tuple(one for one in config.promotions if isinstance(one, Coupon))


def _walk_up(config: GatewayConfig) -> WalkUp | None:
    walk_up = config.settings.walk_up
    return None if walk_up is None else WalkUp(walk_up.correction_limit_minor)


@contextlib.contextmanager
def started(config: GatewayConfig, database: Database) -> Iterator[GatewayRuntime]:
    """The gateway's threads, running; the lease of a database that is a file must be held.

    Raises:
        DatabaseError: If the database cannot be used.
    """
    store = config.layout.store.id
    outside = open_outside(config, database)
    house = HouseAccount(database, store)
    providers: dict[str, PaymentProvider] = {house.terms.name: house, **outside}
    feed = ChangeFeed()
    payer = Payer(providers)
    name = f"{socket.gethostname()}:{config.settings.http.port}"
    mqtt = MqttAdapter(
        config.settings.mqtt,
        store,
        now_ns,
        config.mqtt_tls(),
        shares_as=name if database.is_shared else None,
    )
    courier = Courier(database.reading, store, config.http_secret, now_ns)
    clerk = _clerk(config, database)

    def committed(tx: Tx) -> None:
        mqtt.after_commit(tx)
        if tx.changed or tx.others_changed:
            feed.bump()
            courier.wake()
            if clerk is not None and online_shop.may_be_told(tx):
                clerk.wake()

    shop = shop_of(config)
    writer = Writer(
        database,
        shop,
        now_ns,
        on_commit=committed,
        on_call=payer.take,
        name=name,
    )
    views = DatabaseViews(database.reading, config.layout)
    for name, number in sorted(views.open_payments().items()):
        if name not in providers:
            _LOG.error(
                "payments are under way with a provider that the configuration has no more",
                provider=name,
                payments=number,
            )
    web = WebSettings(
        secret=config.http_secret,
        staff_token=config.staff_token,
        public_live=config.settings.http.public_live,
        exit_token=config.exit_token,
        coupons=_coupons(config),
    )
    writer.start()
    payer.start(writer)
    courier.start(writer)
    if clerk is not None:
        clerk.start(writer)
    writer.take_up(shop)
    mqtt.start(writer)
    try:
        keys = KeyRing(database.reading, store, now_ns, partial(_note_use, writer))
        payments = PaymentAccounts(
            database.reading,
            writer,
            store,
            outside,
            config.settings.settlement.provider,
            now_ns,
        )
        services = WriterServices(writer)
        faces = _faces(config, database, writer)
        yield GatewayRuntime(
            config, views, services, feed, mqtt, writer, web, keys, payments, faces
        )
    finally:
        # First nothing new comes in, then what came is written, then what it asked is answered.
        mqtt.stop()
        payer.stop()
        courier.stop()
        if clerk is not None:
            clerk.stop()
        writer.stop()


def _faces(config: GatewayConfig, database: Database, writer: Writer) -> FaceVault | None:
    """The faces, where the configuration wants any, swept of what a crash or a backup left.

    Raises:
        DatabaseError: If the folder of halves cannot be used.
    """
    settings = config.settings.faces
    if settings is None:
        return None
    shares = Shares(beside(config.path, settings.halves))
    try:
        shares.prepare()
    except OSError as error:
        raise DatabaseError(f"faces.halves: {shares.folder}: {error.strerror}") from error
    vault = FaceVault(
        database.reading,
        writer,
        config.layout.store.id,
        shares,
        now_ns,
        config.store_networks,
    )
    vault.sweep()
    return vault


def _clerk(config: GatewayConfig, database: Database) -> Clerk | None:
    if config.online_shop is None:
        return None
    settings = config.online_shop.settings
    shop = Medusa(settings.address, config.online_shop.key, settings.region, settings.sales_channel)
    return Clerk(database.reading, config.layout.store.id, shop, now_ns)


def _note_use(writer: Writer, prefix: str) -> None:
    def work(tx: Tx, _: Memory) -> None:
        note_use(tx, prefix)

    # Not worth waiting for: where the queue is full it is noted the next time.
    writer.offer(work, lambda _: None, timeout_s=0.01)


def serve(config: GatewayConfig) -> None:
    """Run until told to stop (SIGTERM, SIGINT).

    Raises:
        AddressTaken: If the HTTP address cannot be listened on.
        AlreadyServed: If another gateway serves this store from this database.
        DatabaseError: If the database cannot be used.
        WriterDied: If a broken invariant stopped it.
    """
    database = open_database(config.settings.database, config.path.parent)
    store = config.layout.store.id
    try:
        with lease(database, store):
            migrate(database)
            # What is loaded by now stays: the collector need not look through it each time.
            gc.collect()
            gc.freeze()
            with _listening(config) as listener, started(config, database) as runtime:
                asyncio.run(_serve_http(runtime, listener))
                if not runtime.writer.is_alive:
                    raise WriterDied("the writer died; its log line says why")
    finally:
        database.dispose()


@contextlib.contextmanager
def _listening(config: GatewayConfig) -> Iterator[socket.socket]:
    """The HTTP address, bound before anything else starts."""
    http = config.settings.http
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((http.host, http.port))
        except OSError as error:
            raise AddressTaken(f"http {http.host}:{http.port}: {error.strerror}") from error
        yield listener


async def _serve_http(runtime: GatewayRuntime, listener: socket.socket) -> None:
    app = create_app(runtime)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_TIMEOUT_S,
        )
    )

    def stop() -> None:
        server.should_exit = True
        # Streams would hold the server up: they end first.
        runtime.close()

    loop = asyncio.get_running_loop()

    def reload() -> None:
        if runtime.reload():
            app.state.renderer = Renderer(runtime.layout)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, partial(loop.run_in_executor, None, reload))
    notifier = sdnotify.SystemdNotifier()
    tasks = [
        asyncio.create_task(_watch(server, runtime, notifier), name="watch"),
        asyncio.create_task(_sweep_faces(runtime), name="sweep-faces"),
    ]
    await server.serve(sockets=[listener])
    runtime.close()
    notifier.notify("STOPPING=1")
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _sweep_faces(runtime: GatewayRuntime) -> None:
    """Finish what a full disk or a crash left of an erasure; soon, for a minute is promised."""
    while runtime.faces is not None:
        await asyncio.sleep(SWEEP_EVERY_S)
        with contextlib.suppress(Unavailable, OSError):
            await asyncio.to_thread(runtime.faces.sweep)


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again before our threads have ended."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _watch(
    server: uvicorn.Server, runtime: GatewayRuntime, notifier: sdnotify.SystemdNotifier
) -> None:
    """Say when the gateway is ready; feed the watchdog while it writes; stop when it cannot."""
    while not server.started:
        await asyncio.sleep(0.02)
    http = runtime.config.settings.http
    _LOG.info("gateway ready", store=runtime.layout.store.id, host=http.host, port=http.port)
    notifier.notify("READY=1")
    while True:
        if not runtime.writer.is_alive:
            server.should_exit = True
            return
        if runtime.is_writable():
            notifier.notify("WATCHDOG=1")
        await asyncio.sleep(WATCH_EVERY_S)
