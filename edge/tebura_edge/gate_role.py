"""The gate: codes that a reader saw become entries, refusals and departures.

It needs no gateway: the store's key checks a code, and which codes were used is its own durable
state. Pure: text and times in, events out; neither codes nor members appear in a log.

Rules, all measured from when a reader *last* saw something, since a phone is held up for a while:

- the same code, or another code of the same member (the phone's code turns while it is held up),
  within `SHOWING_NS` is still the same showing and says nothing;
- a code opens once; shown again later it is refused as replayed;
- a member who came in less than `GROUP_NS` ago and shows a fresh code brings a guest along ("+1"):
  the entry joins the first visit, one pays. The phone shows a spare code by itself once its own was
  used. Later than that it is a new entry, and the gateway judges it;
- who comes in hands free is named by two signs (`hands_free`), or by their palm, which then only
  claims as a code does, and the face must confirm it: one sign alone never opens;
- where faces are used, a good code only claims: the face confirms it (`face_gate`), or the gateway
  says that the member has none enrolled;
- at an exit gate a code says that its member leaves. Nothing is refused there: exits never lock;
- whom the gateway has barred is told why, and comes in once it says that this is settled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.codec import decode, encode
from tebura_contract.entry_code import GROUP_S, CodeFault, check_code, time_step
from tebura_contract.events import (
    EntryRefused,
    Event,
    FaceAuth,
    Modality,
    RefusalReason,
    ShopperEntered,
    ShopperLeft,
)
from tebura_contract.ids import EventId, GateId, MemberId, NodeId, VisitId, visit_id
from tebura_contract.layout import Gate, GateDirection, Layout
from tebura_contract.messages import MemberAdmitted, MemberRevoked, VisitOpened

from tebura_edge.face_gate import (
    Aside,
    AtEase,
    Claim,
    Ended,
    Ending,
    FaceAsk,
    FacePolicy,
    Failures,
)
from tebura_edge.face_usual import Came, UsualLight
from tebura_edge.hands_free import HandsFree
from tebura_edge.role import CodeRead, FaceCame, FaceSeen, FactorSeen, Input, ScreenShone

SHOWING_NS = 3 * SECOND_NS
"""A phone trembles in and out of the reader's view; shorter gaps than this are one showing."""

GROUP_NS = GROUP_S * SECOND_NS

REFUSAL_EVERY_NS = SECOND_NS
"""At most one refusal a second and gate is reported: a screen that flickers through made-up codes
must not fill the outbox."""

KEEP_STEPS = 120
"""Used codes are remembered for an hour of code steps, though they expire after two: a clock that
is set back must not open them again."""

MOST_MOVES = 4
"""Asked of one face at most: each takes a second and a half, and `CLAIM_NS` must hold them all."""

MAX_BARRED = 10_000
MAX_SAVED_BYTES = 16 * 1024 * 1024


class _Used(msgspec.Struct, frozen=True, array_like=True):
    member: MemberId
    step: int
    spare: int = 0


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    """A member who came in, when last, and the visit where it is known."""

    member: MemberId
    at_ns: Ns
    visit: VisitId | None


class _Saved(msgspec.Struct, frozen=True, kw_only=True):
    used: tuple[_Used, ...] = ()
    entries: tuple[_Entry, ...] = ()
    barred: dict[MemberId, RefusalReason] = {}
    failures: tuple[tuple[MemberId, int, int], ...] = ()
    lights: dict[GateId, tuple[Came, ...]] = {}


class GateRole:
    """All gates of one node.

    Args:
        layout: Tells which way each gate goes.
        node: This node; its gates of the layout count.
        store_keys: Keys that members' keys are derived from: the store's, and while it is being
            changed the one before it.
        saved: What `save` gave before the restart; ``b""`` on the first start.
        readers: Label of the reader (camera or serial) that looks at each gate.
        faces: How faces are used; None is not at all.
        face_cameras: Label of the camera that sees who stands at a gate; gates without one take
            codes alone.

    Raises:
        DecodeError: If `saved` is not what `save` gave.
    """

    def __init__(
        self,
        layout: Layout,
        node: NodeId,
        store_keys: Sequence[bytes],
        saved: bytes,
        readers: Mapping[GateId, str],
        *,
        faces: FacePolicy | None = None,
        face_cameras: Mapping[GateId, str] | None = None,
    ) -> None:
        self._store = layout.store.id
        self._store_keys = tuple(store_keys)
        gates = {gate.id: gate for gate in layout.gate if gate.node == node}
        self._gates = gates
        self._hands_free = HandsFree()
        self._gate_of = {reader: gates[gate] for gate, reader in readers.items()}
        state = decode(saved, _Saved, limit_bytes=MAX_SAVED_BYTES) if saved else _Saved()
        self._used = {(used.member, used.step, used.spare) for used in state.used}
        self._entries = {entry.member: entry for entry in state.entries}
        self._barred = dict(state.barred)
        self._faces = faces
        self._face_gate_of = {camera: gate for gate, camera in (face_cameras or {}).items()}
        self._failures = Failures(state.failures)
        self._light_of = {gate: UsualLight(state.lights.get(gate, ())) for gate in gates}
        self._claims: dict[GateId, Claim] = {}
        self._asides: list[Aside] = []
        # Only for as long as something is held up to a reader; a restart may forget it.
        self._text_seen_ns: dict[tuple[GateId, str], int] = {}
        self._member_seen_ns: dict[tuple[GateId, str], int] = {}
        self._refused_ns: dict[GateId, int] = {}
        self._through_ns: int | None = None

    def step(self, item: Input) -> list[Event]:
        match item:
            case CodeRead():
                self._through_ns = max(item.at_ns, self._through_ns or item.at_ns)
                gate = self._gate_of.get(item.reader)
                return self._shown(gate, item) if gate else []
            case FaceCame():
                claim = self._claims.get(item.gate)
                if claim is not None and claim.member == item.member:
                    return self._ended(claim, claim.came(item.state, item.template), item.at_ns)
            case FaceSeen():
                return self._face_seen(item)
            case FactorSeen():
                return self._factor_seen(item)
            case ScreenShone():
                claim = self._claims.get(item.gate)
                if claim is not None:
                    claim.shone(item.began_ns)
            case VisitOpened():
                entry = self._entries.get(item.member)
                if entry is not None and entry.visit is None:
                    self._entries[item.member] = msgspec.structs.replace(entry, visit=item.visit)
            case MemberRevoked():
                self._barred[item.member] = item.reason
                if len(self._barred) > MAX_BARRED:
                    del self._barred[next(iter(self._barred))]
            case MemberAdmitted():
                self._barred.pop(item.member, None)
                self._failures.clear(item.member)
            case _:
                pass
        return []

    def tick(self, now_ns: int) -> list[Event]:
        self._through_ns = max(now_ns, self._through_ns or now_ns)
        self._forget(now_ns)
        claims = list(self._claims.values())
        return [event for c in claims for event in self._ended(c, c.pass_time(now_ns), now_ns)]

    def asides(self) -> list[Aside]:
        """What is to be done at once that is no fact; each is told once."""
        told, self._asides = self._asides, []
        return told

    def watermark_ns(self) -> int | None:
        return self._through_ns

    def recorded(self, event_id: EventId, event: Event) -> None:
        """The runtime gave an event its id: an entry's id names the visit that guests may join."""
        if not isinstance(event, ShopperEntered):
            return
        visit = event.joins or visit_id(event_id)
        self._entries[event.member] = _Entry(event.member, event.at_ns, visit)

    def save(self) -> bytes:
        return encode(
            _Saved(
                used=tuple(_Used(*used) for used in sorted(self._used)),
                entries=tuple(self._entries.values()),
                barred=self._barred,
                failures=self._failures.saved(),
                lights={gate: light.saved() for gate, light in self._light_of.items()},
            )
        )

    def _shown(self, gate: Gate, read: CodeRead) -> list[Event]:
        is_showing = self._seen(self._text_seen_ns, (gate.id, read.text), read.at_ns)
        verdict = check_code(read.text, self._store_keys, self._store, read.at_ns)
        if isinstance(verdict, CodeFault):
            reason = RefusalReason(verdict.value)
            return [] if is_showing else self._refusal(gate.id, reason, read.at_ns)
        is_held_up = self._seen(self._member_seen_ns, (gate.id, verdict.member), read.at_ns)
        if is_showing or is_held_up:
            return []
        if gate.direction is GateDirection.EXIT:
            return [self._departure(gate, verdict.member, read.at_ns)]
        if verdict.member in self._barred:
            return self._refusal(gate.id, self._barred[verdict.member], read.at_ns)
        used = (verdict.member, verdict.step, verdict.spare)
        if used in self._used:
            return self._refusal(gate.id, RefusalReason.REPLAYED, read.at_ns)
        self._used.add(used)
        joins = self._joined(verdict.member, read.at_ns)
        # A guest's face is nobody's here: the member stands beside.
        if self._faces is None or gate.id not in self._face_gate_of.values() or joins:
            by = (Modality.CODE,)
            return [self._entry(gate.id, verdict.member, verdict.step, read.at_ns, by, joins)]
        return self._claim(self._faces, gate, verdict.member, verdict.step, read.at_ns)

    def _factor_seen(self, sign: FactorSeen) -> list[Event]:
        """Somebody comes in with nothing in their hands."""
        gate = self._gates.get(sign.gate)
        if gate is None or gate.direction is GateDirection.EXIT:
            return []
        known = self._hands_free.seen(sign)
        if sign.member in self._barred:
            return self._refusal(gate.id, self._barred[sign.member], sign.at_ns)
        if known is not None:
            return [self._entry(gate.id, known.member, None, known.at_ns, known.by, joins=None)]
        is_palm = sign.modality is Modality.PALM
        is_new = gate.id not in self._claims and not self._hands_free.is_inside(sign)
        if not is_palm or not is_new or self._faces is None:
            return []
        if gate.id not in self._face_gate_of.values():
            return []
        return self._claim(self._faces, gate, sign.member, None, sign.at_ns)

    def _joined(self, member: MemberId, at_ns: int) -> VisitId | None:
        before = self._entries.get(member)
        if before is None or not 0 <= at_ns - before.at_ns <= GROUP_NS:
            return None
        return before.visit

    def _entry(
        self,
        gate: GateId,
        member: MemberId,
        step: int | None,
        at_ns: int,
        by: tuple[Modality, ...],
        joins: VisitId | None,
    ) -> Event:
        self._entries[member] = _Entry(member, Ns(at_ns), joins)
        return ShopperEntered(
            gate=gate, member=member, code_step=step, at_ns=Ns(at_ns), joins=joins, by=by
        )

    def _claim(
        self, policy: FacePolicy, gate: Gate, member: MemberId, step: int | None, at_ns: int
    ) -> list[Event]:
        """A code (of this `step`) or a palm says who it is: now the face has to."""
        if self._failures.is_locked(member):
            return self._refusal(gate.id, RefusalReason.LOCKED, at_ns)
        before = self._claims.get(gate.id)
        events = [] if before is None else self._ended(before, before.abandon(), at_ns)
        # Who guesses moves has it harder from try to try.
        moves = min(policy.moves + self._failures.count(member), MOST_MOVES)
        asked = replace(policy, moves=moves)
        secret, usual = self._store_keys[0], self._light_of[gate.id].believed
        begun = Claim(gate.id, member, step, at_ns, asked, secret=secret, usual=usual)
        self._claims[gate.id] = begun
        self._asides.append(FaceAsk(gate.id, member))
        self._say(begun, has_others=False)
        return events

    def _face_seen(self, seen: FaceSeen) -> list[Event]:
        gate = self._face_gate_of.get(seen.camera)
        claim = self._claims.get(gate) if gate is not None else None
        if claim is None or seen.at_ns < claim.began_ns:
            return []
        events = self._ended(claim, claim.see(seen), seen.at_ns)
        if claim.gate in self._claims:
            self._say(claim, has_others=seen.others > 0)
        return events

    def _say(self, claim: Claim, *, has_others: bool) -> None:
        prompt = claim.prompt(has_others)
        if prompt is not None:
            self._asides.append(prompt)

    def _ended(self, claim: Claim, ended: Ended | None, at_ns: int) -> list[Event]:
        """The facts that a claim's end makes; nothing while it goes on."""
        if ended is None:
            return []
        assert self._faces is not None
        del self._claims[claim.gate]
        self._asides.append(AtEase(claim.gate))
        events: list[Event] = []
        if ended.verdict is not None:
            events.append(
                FaceAuth(
                    gate=claim.gate,
                    member=claim.member,
                    verdict=ended.verdict,
                    distance=ended.distance,
                    threshold_id=self._faces.threshold.id,
                    is_live=ended.is_live,
                    at_ns=Ns(at_ns),
                )
            )
        if ended.light is not None:
            usual, is_confirmed = self._light_of[claim.gate], ended.ending is Ending.CONFIRMED
            (usual.confirmed if is_confirmed else usual.refused)(claim.member, ended.light)
        if ended.is_failure:
            self._failures.note(claim.member, at_ns)
        is_palm_alone = claim.code_step is None and ended.ending is not Ending.CONFIRMED
        if ended.ending is Ending.REFUSED or is_palm_alone:
            locked = self._failures.is_locked(claim.member)
            reason = RefusalReason.LOCKED if locked else RefusalReason.FACE
            return [*events, *self._refusal(claim.gate, reason, at_ns)]
        first = Modality.CODE if claim.code_step is not None else Modality.PALM
        by: tuple[Modality, ...] = (first,)
        if ended.ending is Ending.CONFIRMED:
            self._failures.clear(claim.member)
            by = (first, Modality.FACE)
            if claim.code_step is None:
                self._hands_free.let_in(claim.gate, claim.member, at_ns)
        return [
            *events,
            self._entry(claim.gate, claim.member, claim.code_step, at_ns, by, joins=None),
        ]

    def _departure(self, gate: Gate, member: MemberId, at_ns: int) -> Event:
        self._entries.pop(member, None)
        return ShopperLeft(gate=gate.id, member=member, at_ns=Ns(at_ns))

    def _refusal(self, gate: GateId, reason: RefusalReason, at_ns: int) -> list[Event]:
        before_ns = self._refused_ns.get(gate)
        if before_ns is not None and 0 <= at_ns - before_ns < REFUSAL_EVERY_NS:
            return []
        self._refused_ns[gate] = at_ns
        return [EntryRefused(gate=gate, reason=reason, at_ns=Ns(at_ns))]

    @staticmethod
    def _seen(seen_ns: dict[tuple[GateId, str], int], key: tuple[GateId, str], at_ns: int) -> bool:
        """Note that it was seen now; whether it was seen just before as well."""
        before_ns = seen_ns.get(key)
        seen_ns[key] = at_ns
        return before_ns is not None and abs(at_ns - before_ns) <= SHOWING_NS

    def _forget(self, now_ns: int) -> None:
        for seen_ns in (self._text_seen_ns, self._member_seen_ns):
            for key in [key for key, at_ns in seen_ns.items() if now_ns - at_ns > SHOWING_NS]:
                del seen_ns[key]
        self._failures.forget(now_ns)
        oldest_step = time_step(now_ns) - KEEP_STEPS
        if any(step < oldest_step for _, step, _ in self._used):
            self._used = {used for used in self._used if used[1] >= oldest_step}
        for member in [m for m, entry in self._entries.items() if now_ns - entry.at_ns > GROUP_NS]:
            del self._entries[member]
