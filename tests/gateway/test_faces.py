"""Whose face opens when: seals, lent halves, tickets, and what erasing leaves."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.events import FaceAuth, FaceVerdict
from tebura_contract.faces import EnrolDone, FaceState, RoundAsked
from tebura_contract.ids import EventId, MemberId, StoreId
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.face_vault import FaceVault
from tebura_gateway.adapters.person_tables import consent, face
from tebura_gateway.adapters.shares import FRESH_S, Shares
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.domain.facts import Fact
from tebura_gateway.service import consents
from tebura_gateway.service.consents import ConsentKind, text_of
from tebura_gateway.service.enrolment_desk import LIFE_NS, EnrolmentDesk, Progress
from tebura_gateway.service.lending import HANDS_FREE_NS, MOST, SHOWING_NS, Lendings
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.sealing import HALF_BYTES, CannotOpen, open_sealed, seal

from tests.gateway.core import Core
from tests.gateway.faces import JPEG, template_of
from tests.gateway.shop import DOOR, GATE, KEN, MIKA, STORE, Script, ns

HALF, OTHER = bytes(range(32)), bytes(range(1, 33))
NOW = 1_800_000_000 * SECOND_NS


def test_a_seal_opens_with_both_halves_for_its_own_member_store_and_network() -> None:
    template = template_of(1)
    sealed = seal(template, STORE, MIKA, HALF, OTHER)
    assert open_sealed(sealed, template.network, STORE, MIKA, HALF, OTHER) == template
    assert template.vectors not in sealed
    wrong = [
        (template.network, STORE, MIKA, OTHER, HALF),
        (template.network, STORE, MIKA, HALF, HALF),
        (template.network, STORE, KEN, HALF, OTHER),
        (template.network, StoreId("another"), MIKA, HALF, OTHER),
        ("another-net", STORE, MIKA, HALF, OTHER),
        (template.network, STORE, MIKA, b"short", OTHER),
    ]
    for network, store, member, phone, shop in wrong:
        with pytest.raises(CannotOpen):
            open_sealed(sealed, network, store, member, phone, shop)


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_seal_that_was_touched_does_not_open(place: int, change: int) -> None:
    sealed = bytearray(seal(template_of(1), STORE, MIKA, HALF, OTHER))
    sealed[place % len(sealed)] ^= change
    with pytest.raises(CannotOpen):
        open_sealed(bytes(sealed), "made-up", STORE, MIKA, HALF, OTHER)


def test_a_half_is_lent_for_as_long_as_the_code_is_shown() -> None:
    lent = Lendings()
    lent.lend(MIKA, HALF, NOW, is_in_store=False)
    assert lent.half(MIKA, NOW + SHOWING_NS - 1) == HALF
    assert lent.half(MIKA, NOW + SHOWING_NS) is None
    assert lent.half(KEN, NOW) is None


def test_hands_free_lasts_half_a_day_and_ends_when_taken_back() -> None:
    lent = Lendings()
    assert not lent.go_hands_free(MIKA, NOW)
    lent.lend(MIKA, HALF, NOW, is_in_store=True)
    assert lent.go_hands_free(MIKA, NOW)
    later = NOW + HANDS_FREE_NS - 1
    assert lent.hands_free(later) == {MIKA: HALF}
    assert lent.phones(NOW + SECOND_NS) == {MIKA: NOW}
    assert lent.phones(later) == {}
    assert lent.hands_free(later + 1) == {}

    lent.lend(KEN, OTHER, later, is_in_store=False)
    lent.go_hands_free(KEN, later)
    before = lent.version
    lent.stop_hands_free(KEN)
    assert lent.hands_free(later) == {}
    assert lent.version > before
    assert lent.half(KEN, later) == OTHER


def test_a_gate_is_told_anew_whenever_who_comes_hands_free_changes() -> None:
    lent = Lendings()
    lent.lend(MIKA, HALF, NOW, is_in_store=False)
    seen = [lent.version]
    lent.go_hands_free(MIKA, NOW)
    seen.append(lent.version)
    lent.hands_free(NOW + HANDS_FREE_NS + 1)
    seen.append(lent.version)
    lent.lend(MIKA, HALF, NOW, is_in_store=False)
    lent.go_hands_free(MIKA, NOW)
    lent.take_back(MIKA)
    seen.append(lent.version)
    assert seen == sorted(set(seen))


def test_no_more_halves_are_held_than_a_store_has_phones() -> None:
    lent = Lendings()
    names = [MemberId(f"M{n:014d}") for n in range(MOST + 5)]
    for n, name in enumerate(names):
        lent.lend(name, HALF, NOW + n, is_in_store=False)
    assert [lent.half(name, NOW + MOST) is None for name in names].count(True) == 5
    assert lent.half(names[-1], NOW + MOST) == HALF


def test_frames_are_handed_out_once_and_forgotten_after_a_minute() -> None:
    desk = EnrolmentDesk()
    ticket = desk.begin(MIKA, HALF, NOW)
    for _ in range(3):
        desk.add(ticket, MIKA, JPEG, NOW)
    assert desk.work(NOW) is None
    desk.submit(ticket, MIKA, NOW)
    work = desk.work(NOW)
    assert work is not None
    assert (work.ticket, len(work.frames)) == (ticket, 3)
    assert desk.work(NOW) is None
    found = desk.worked_on(ticket, NOW)
    assert found is not None
    assert found.frames == []
    assert desk.worked_on(ticket, NOW + LIFE_NS + 1) is None
    with pytest.raises(Refused):
        desk.progress(ticket, MIKA, NOW + LIFE_NS + 1)


def test_a_desk_refuses_what_is_no_frame_too_few_of_them_and_others_tickets() -> None:
    desk = EnrolmentDesk()
    ticket = desk.begin(MIKA, HALF, NOW)
    with pytest.raises(Refused, match="JPEG"):
        desk.add(ticket, MIKA, b"GIF89a", NOW)
    desk.add(ticket, MIKA, JPEG, NOW)
    with pytest.raises(Refused, match="at least"):
        desk.submit(ticket, MIKA, NOW)
    with pytest.raises(Refused, match="over"):
        desk.add(ticket, KEN, JPEG, NOW)


def test_halves_are_files_for_their_owner_alone_and_are_written_over_when_dropped(
    tmp_path: Path,
) -> None:
    shares = Shares(tmp_path / "halves")
    shares.prepare()
    half = shares.make(MIKA)
    (path,) = (tmp_path / "halves").iterdir()
    assert len(half) == HALF_BYTES
    assert shares.read(MIKA) == half
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    # Another name for the same bytes on the disk, to see what becomes of them.
    os.link(path, tmp_path / "the-same")
    shares.drop(MIKA)
    shares.drop(MIKA)
    assert shares.read(MIKA) is None
    assert (tmp_path / "the-same").read_bytes() == bytes(HALF_BYTES)


def test_the_words_people_agreed_to_are_never_changed() -> None:
    # Another wording is another version: these digests stand in consents that were given.
    published = {
        (ConsentKind.FACE, "ja"): DIGESTS[0],
        (ConsentKind.FACE, "en"): DIGESTS[1],
        (ConsentKind.HANDS_FREE, "ja"): DIGESTS[2],
        (ConsentKind.HANDS_FREE, "en"): DIGESTS[3],
    }
    found = {key: (text_of(*key).version, text_of(*key).digest) for key in published}
    assert found == {key: ("1", digest) for key, digest in published.items()}


DIGESTS = (
    "c7fe9457c67488004abda429c2ddb2bdeefad0052ae576be3669f6e979310f0b",
    "0b62ae7e0ef9599d03af2205a1271ec157656136acb5a0dd0bb3c841faa00936",
    "967c7d4a6d72c7c688dd9e61f8a0f2116827e61fd5e9b81c3fb5b2fe8d455dde",
    "3886d1ee82ed768d3945896cabaf94a6ab70a77234d41540da82073907b6412f",
)


@pytest.fixture
def vault(core: Core, tmp_path: Path) -> FaceVault:
    """A vault over the core's database: each call is a transaction of the core's."""

    class Direct:
        call = staticmethod(core.do)

    shares = Shares(tmp_path / "halves")
    shares.prepare()
    writer: Writer = Direct()  # type: ignore[assignment]  # only `call` is used
    return FaceVault(core.database.reading, writer, STORE, shares, lambda: core.now_ns)


def agree(vault: FaceVault, kind: ConsentKind = ConsentKind.FACE, member: MemberId = MIKA) -> None:
    vault.agree(member, kind, "en", text_of(kind, "en").digest)


def enrol(vault: FaceVault, member: MemberId = MIKA, half: bytes = HALF, seed: int = 1) -> None:
    ticket = vault.begin(member, half)
    for _ in range(4):
        vault.add_frame(ticket, member, JPEG)
    vault.submit(ticket, member)
    work = vault.round(RoundAsked()).work
    assert work is not None
    assert vault.finish(EnrolDone(ticket=work.ticket, template=template_of(seed)))
    assert vault.progress(ticket, member).progress is Progress.DONE


@pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)
def test_a_template_opens_only_while_its_owners_phone_lends_its_half(
    core: Core, vault: FaceVault
) -> None:
    assert vault.open(MIKA).state is FaceState.NOT_ENROLLED
    agree(vault)
    enrol(vault)
    assert vault.open(MIKA).state is FaceState.NO_KEY
    vault.lend(MIKA, OTHER, "127.0.0.1")
    assert vault.open(MIKA).state is FaceState.NO_KEY
    vault.lend(MIKA, HALF, "127.0.0.1")
    opened = vault.open(MIKA)
    assert (opened.state, opened.template) == (FaceState.OPENED, template_of(1))
    core.now_s += SHOWING_NS / SECOND_NS
    assert vault.open(MIKA).state is FaceState.NO_KEY


def test_without_a_consent_to_todays_words_no_face_is_taken_or_kept(
    core: Core, vault: FaceVault
) -> None:
    with pytest.raises(Refused, match="consent"):
        vault.begin(MIKA, HALF)
    with pytest.raises(Refused, match="changed"):
        vault.agree(MIKA, ConsentKind.FACE, "en", "0" * 64)
    agree(vault)
    ticket = vault.begin(MIKA, HALF)
    for _ in range(4):
        vault.add_frame(ticket, MIKA, JPEG)
    vault.submit(ticket, MIKA)
    work = vault.round(RoundAsked()).work
    assert work is not None
    core.do(lambda tx, _: consents.withdraw(tx, MIKA, ConsentKind.FACE))
    with pytest.raises(Refused, match="consent"):
        vault.finish(EnrolDone(ticket=work.ticket, template=template_of(1)))
    assert core.rows(face) == []


def test_consents_keep_who_when_and_which_words(core: Core, vault: FaceVault) -> None:
    agree(vault)
    agree(vault)
    (row,) = core.rows(consent)
    assert (row.member, row.kind, row.version, row.language) == (MIKA, "face", "1", "en")
    assert row.given_ns == core.now_ns
    assert row.digest == text_of(ConsentKind.FACE, "en").digest


def test_erasing_leaves_no_half_no_template_no_word_of_a_gate_and_a_proof(
    core: Core, vault: FaceVault, tmp_path: Path
) -> None:
    agree(vault)
    agree(vault, ConsentKind.HANDS_FREE)
    enrol(vault)
    vault.lend(MIKA, HALF, "127.0.0.1")
    vault.go_hands_free(MIKA)
    assert len(vault.round(RoundAsked()).faces or ()) == 1
    core.hear([said(0, MIKA), said(1, KEN)])
    core.now_s += 1.0
    vault.erase(MIKA)

    assert vault.open(MIKA).state is FaceState.NOT_ENROLLED
    assert vault.round(RoundAsked()).faces == ()
    assert list((tmp_path / "halves").iterdir()) == []
    assert core.rows(face) == []
    assert {row.withdrawn_ns for row in core.rows(consent)} == {core.now_ns}
    kept = core.rows(tables.inbox, kind="face-auth")
    assert [(row.seq, bool(row.envelope)) for row in kept] == [(0, False), (1, True)]
    # The gate node repeats itself: that brings nothing back.
    assert core.hear([said(0, MIKA)]) == [EventId(GATE, 1, 0)]
    assert [bool(row.envelope) for row in core.rows(tables.inbox, seq=0)] == [False]


def said(seq: int, member: MemberId) -> Fact:
    event = FaceAuth(
        gate=DOOR,
        member=member,
        verdict=FaceVerdict.MATCH,
        distance=0.31,
        threshold_id="t",
        is_live=True,
        at_ns=Ns(ns(1.0)),
    )
    return Fact(EventId(GATE, 1, seq), event, 0)


def test_whoever_enrols_again_is_another_key_and_the_old_one_opens_nothing(
    vault: FaceVault,
) -> None:
    agree(vault)
    enrol(vault)
    enrol(vault, half=OTHER, seed=2)
    vault.lend(MIKA, HALF, "127.0.0.1")
    assert vault.open(MIKA).state is FaceState.NO_KEY
    vault.lend(MIKA, OTHER, "127.0.0.1")
    assert vault.open(MIKA).template == template_of(2)


def test_hands_free_wants_a_consent_of_its_own_and_a_phone_that_lends(vault: FaceVault) -> None:
    agree(vault)
    enrol(vault)
    with pytest.raises(Refused, match="consent"):
        vault.go_hands_free(MIKA)
    agree(vault, ConsentKind.HANDS_FREE)
    with pytest.raises(Refused, match="lent no key"):
        vault.go_hands_free(MIKA)
    vault.lend(MIKA, HALF, "127.0.0.1")
    vault.go_hands_free(MIKA)
    told = vault.round(RoundAsked())
    assert told.agreed == (MIKA,)
    assert [(one.member, one.template) for one in told.faces or ()] == [(MIKA, template_of(1))]
    again = vault.round(RoundAsked(version=told.version))
    assert (again.faces, again.agreed) == (None, None)
    vault.stop_hands_free(MIKA)
    assert vault.round(RoundAsked(version=told.version)).faces == ()
    vault.erase(MIKA)
    assert vault.round(RoundAsked(version=told.version)).agreed == ()


def test_what_a_crash_left_of_an_enrolment_is_swept_but_not_one_under_way(
    core: Core, vault: FaceVault, tmp_path: Path
) -> None:
    vault.shares.make(KEN)
    assert vault.sweep() == 0
    old_s = 1_000_000_000.0
    os.utime(tmp_path / "halves" / f"{KEN}.half", (old_s, old_s))
    assert FRESH_S > 0
    assert vault.sweep() == 1
    assert vault.shares.members() == set()


def test_a_template_whose_half_is_gone_goes_too(core: Core, vault: FaceVault) -> None:
    agree(vault)
    enrol(vault)
    vault.shares.drop(MIKA)
    assert vault.open(MIKA).state is FaceState.NOT_ENROLLED
    assert vault.sweep() == 1
    assert core.rows(face) == []
    assert [row.withdrawn_ns for row in core.rows(consent)] == [core.now_ns]


def test_a_visit_of_somebody_without_a_face_is_as_before(core: Core, vault: FaceVault) -> None:
    script = Script()
    visit = script.enter(MIKA, 1.0)
    core.hear(script.facts)
    vault.erase(MIKA)
    assert core.state(visit)[0] == "open"
