"""The outbox in a process that is killed, and on a disk that is full."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import NodeId
from tebura_edge.outbox import Outbox

NODE = NodeId("plates-1")
WALL_NS = 1_763_000_000 * SECOND_NS

WRITER = """
import sys
from pathlib import Path
from tebura_contract.clock import Ns
from tebura_contract.events import EntryRefused, RefusalReason
from tebura_contract.ids import GateId, NodeId
from tebura_edge.outbox import Outbox, OutboxUnwritable

outbox = Outbox(Path(sys.argv[1]), NodeId("plates-1"), 1_763_000_000_000_000_000)
limit_bytes = int(sys.argv[2])
if limit_bytes:
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY))
print(f"boot {outbox.boot}", flush=True)
n = int.from_bytes(outbox.saved("plates"), "big")
while True:
    n += 1
    event = EntryRefused(gate=GateId("door"), reason=RefusalReason.FORGED, at_ns=Ns(n))
    try:
        (stored,) = outbox.append(
            [event],
            lambda id, e: f"{id} {n} ".encode() + b"x" * 500,
            {"plates": n.to_bytes(8, "big")},
            n,
        )
    except OutboxUnwritable as error:
        print(f"full {outbox.waiting} {outbox.next_id().seq}", flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        n -= 1
        continue
    print(f"stored {stored.id.boot} {stored.id.seq} {n}", flush=True)
    if limit_bytes and n > 400:
        break
"""


def write(folder: Path, limit_bytes: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(limit_bytes)],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("kills", [8])
def test_a_node_killed_between_any_two_instructions_loses_and_repeats_nothing(
    tmp_path: Path, kills: int
) -> None:
    said: list[tuple[int, int, int]] = []
    for kill in range(kills):
        process = write(tmp_path)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("boot")
        time.sleep(0.05 + 0.037 * kill)
        process.kill()
        rest = process.stdout.read().splitlines()
        process.wait(10)
        for line in rest:
            parts = line.split()
            if len(parts) == 4:
                said.append((int(parts[1]), int(parts[2]), int(parts[3])))
    outbox = Outbox(tmp_path, NODE, WALL_NS)
    held = [(e.id.boot, e.id.seq, int(e.sealed.split()[1])) for e in outbox.after(None, 10**6)]
    assert set(said) <= set(held), "an event that was stored is gone"
    # Each state went with its event: the numbers that the state counts are neither skipped nor
    # given twice, and within a boot there is no gap.
    assert [n for _, _, n in held] == list(range(1, len(held) + 1))
    for boot in {boot for boot, _, _ in held}:
        seqs = [seq for b, seq, _ in held if b == boot]
        assert seqs == list(range(len(seqs)))
    assert int.from_bytes(outbox.saved("plates"), "big") == len(held)
    assert len(held) > kills
    outbox.close()


def test_a_full_disk_stores_nothing_and_goes_on_without_a_gap_once_there_is_room(
    tmp_path: Path,
) -> None:
    process = write(tmp_path, limit_bytes=1_000_000)
    out, _ = process.communicate(timeout=60)
    full = [line.split() for line in out.splitlines() if line.startswith("full")]
    stored = [line.split() for line in out.splitlines() if line.startswith("stored")]
    assert len(full) == 1, "the limit was never reached, or not left"
    before = int(full[0][1])
    assert 10 < before < 400
    assert int(full[0][2]) == before
    assert [int(line[2]) for line in stored] == list(range(len(stored)))
    outbox = Outbox(tmp_path, NODE, WALL_NS)
    assert len(outbox.after(None, 10_000)) == len(stored)
    outbox.close()
