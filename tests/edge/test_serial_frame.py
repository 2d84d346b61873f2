import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_edge.serial_frame import (
    COUNT_LIMIT,
    Frame,
    FrameError,
    FrameParser,
    encode,
    frame_bytes,
)

counts = st.one_of(st.none(), st.integers(-COUNT_LIMIT, COUNT_LIMIT - 1))
frames = st.builds(
    Frame,
    sequence=st.integers(0, 2**32 - 1),
    device_us=st.integers(0, 2**64 - 1),
    counts=st.lists(counts, min_size=1, max_size=40).map(tuple),
    is_first=st.booleans(),
)


def in_pieces(raw: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(raw[at : at + size])
        at += size
    return [*pieces, raw[at:]]


@given(st.lists(frames, max_size=6), st.lists(st.integers(1, 50), max_size=30))
def test_frames_come_back_however_the_line_cuts_them(sent: list[Frame], sizes: list[int]) -> None:
    parser = FrameParser()
    raw = b"".join(encode(frame) for frame in sent)
    received = [frame for piece in in_pieces(raw, sizes) for frame in parser.feed(piece)]
    assert received == sent
    assert parser.counters.wrong_crc == 0


@given(st.binary(max_size=300), st.lists(st.integers(-5000, 5000), min_size=4, max_size=4))
def test_frames_behind_garbage_are_found(garbage: bytes, values: list[int]) -> None:
    parser = FrameParser(channels=4)
    sent = [Frame(n, n * 1000, tuple(values)) for n in range(20)]
    received = parser.feed(garbage + b"".join(encode(frame) for frame in sent))
    # Garbage that ends like the head of a frame may cost as many frames as one frame is long.
    assert received[-18:] == sent[-18:]


@given(frames, st.data())
def test_one_flipped_bit_never_yields_a_wrong_frame(frame: Frame, data: st.DataObject) -> None:
    raw = bytearray(encode(frame))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    parser = FrameParser(channels=len(frame.counts))
    assert parser.feed(bytes(raw)) == []


def test_a_wrong_crc_is_counted_and_the_next_frame_is_read() -> None:
    damaged = bytearray(encode(Frame(1, 10, (5, 6))))
    damaged[-1] ^= 0xFF
    parser = FrameParser(channels=2)
    good = Frame(2, 20, (7, None))
    assert parser.feed(bytes(damaged) + encode(good)) == [good]
    assert parser.counters.wrong_crc == 1


def test_random_bytes_yield_no_frame() -> None:
    source = random.Random(4)
    parser = FrameParser(channels=12)
    for _ in range(200):
        assert parser.feed(source.randbytes(10_000)) == []
    assert parser.counters.garbage_bytes > 1_990_000


def test_half_a_frame_and_an_unplugged_line_do_not_hold_back_later_frames() -> None:
    parser = FrameParser(channels=8)
    half = encode(Frame(1, 0, (1,) * 8))[:20]
    later = [Frame(n, n, (2,) * 8) for n in range(2, 12)]
    received = parser.feed(half + b"".join(encode(frame) for frame in later))
    assert received == later


def test_missing_sequence_numbers_are_counted_as_lost_frames() -> None:
    parser = FrameParser(channels=1)
    for sequence in (2**32 - 2, 2**32 - 1, 0, 4):
        parser.feed(encode(Frame(sequence, 0, (0,))))
    assert parser.counters.lost_frames == 3


def test_a_device_that_starts_again_has_lost_nothing() -> None:
    parser = FrameParser(channels=1)
    parser.feed(encode(Frame(5, 0, (0,))))
    parser.feed(encode(Frame(900, 0, (0,), is_first=True)))
    assert parser.counters.lost_frames == 0


def test_a_frame_of_another_scale_is_no_frame_of_ours() -> None:
    assert FrameParser(channels=3).feed(encode(Frame(1, 0, (1, 2)))) == []


@pytest.mark.parametrize(
    "bad", [(), (COUNT_LIMIT,), (0,) * 513], ids=["none", "beyond-24-bits", "too-many"]
)
def test_what_no_frame_can_carry_is_refused(bad: tuple[int, ...]) -> None:
    with pytest.raises(FrameError):
        encode(Frame(0, 0, bad))


def test_the_length_of_a_frame_is_known_beforehand() -> None:
    assert len(encode(Frame(1, 2, (3, 4, 5)))) == frame_bytes(3)
