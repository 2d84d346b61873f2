"""All that cameras, gates and runtimes of a store say while a scenario happens, without pixels."""

from collections.abc import Sequence

from tebura_contract.ids import NodeId
from tebura_contract.layout import Layout
from tebura_contract.messages import Position

from tebura_simulator.sight.chance import stream
from tebura_simulator.sight.eyes import Eye, Outages, eyes_of, people_cameras
from tebura_simulator.sight.gates import gate_evidence
from tebura_simulator.sight.hands import hands_of
from tebura_simulator.sight.motion import Walker, walkers_of
from tebura_simulator.sight.power import runtime_news
from tebura_simulator.sight.reaching import Reaches
from tebura_simulator.sight.reflections import reflection_of
from tebura_simulator.sight.speaking import Voice, positions_told
from tebura_simulator.sight.told import Found, Told
from tebura_simulator.sight.tracking import Follower, Person, Tracks
from tebura_simulator.story.scenario import FaultScript
from tebura_simulator.story.timeline import Timeline


def evidence(
    timeline: Timeline, layout: Layout, faults: Sequence[FaultScript], *, has_sight: bool = True
) -> list[Told]:
    """Who-evidence of a scenario in the order of its arrival.

    Args:
        timeline: What happens.
        layout: The store; a node without cameras and gates says only what its runtime does.
        faults: Settled: each with its time and place.
        has_sight: Whether cameras and gates speak; else only runtimes do.
    """
    scenario = timeline.scenario
    outages = Outages.of(faults)
    found = runtime_news(layout, faults, outages, scenario.seed, has_eyes=has_sight)
    positions: dict[NodeId, list[Position]] = {}
    speakers: set[NodeId] = set()
    if has_sight:
        walkers = walkers_of(timeline, layout)
        speakers = {camera.node for camera in people_cameras(layout)}
        speakers |= {gate.node for gate in layout.gate}
        for node, entries in gate_evidence(timeline, layout, walkers).items():
            found[node] += entries
        hands = hands_of(timeline, layout)
        for eye in eyes_of(layout, scenario.sight.view, outages):
            tracks = _followed(eye, walkers, timeline, layout)
            rng = stream(scenario.seed, "reaches", eye.camera)
            reaches = Reaches(eye, tracks, walkers, scenario.sight, layout, rng)
            found[eye.node] += tracks.found + reaches.tell(hands)
            positions.setdefault(eye.node, []).extend(tracks.positions)
    return _told(timeline, layout, found, positions, speakers, outages)


def _followed(eye: Eye, walkers: Sequence[Walker], timeline: Timeline, layout: Layout) -> Tracks:
    scenario = timeline.scenario
    people = [Person(walker, eye.sees(walker)) for walker in walkers]
    for mirror in scenario.mirror:
        for walker in walkers:
            image = reflection_of(walker, mirror)
            if image is not None:
                reflected, shows = image
                people.append(Person(reflected, eye.sees(reflected) & shows))
    rng = stream(scenario.seed, "tracks", eye.camera)
    looks = stream(scenario.seed, "looks", eye.camera)
    return Follower(eye, people, layout.gate, scenario.sight, rng, looks).run()


def _told(
    timeline: Timeline,
    layout: Layout,
    found: dict[NodeId, list[Found]],
    positions: dict[NodeId, list[Position]],
    speakers: set[NodeId],
    outages: Outages,
) -> list[Told]:
    told: list[Told] = []
    for node in sorted(found):
        voice = Voice(node, layout.store.id, found[node], outages, timeline.scenario.seed)
        told += voice.events()
        if node in speakers:
            until_s = max(timeline.duration_s, voice.last_s() + 1.0)
            told += voice.watermarks(until_s)
        told += positions_told(node, positions.get(node, ()))
    return sorted(told, key=lambda message: message.at_ns)
