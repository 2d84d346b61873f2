"""Tracks are compared with where everybody truly was, second by second."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, ShelfId, TrackId
from tebura_contract.truth import OutcomeKind, TrueEvent
from tebura_edge.recorder import RecordingReader
from tebura_simulator.recording_scenario import record_scenario
from tebura_simulator.recordings import truth_of
from tebura_simulator.scoring.following import (
    FollowScore,
    add_following,
    score_following,
)
from tebura_simulator.watching import Spotted, ToldReach, Watching
from tebura_simulator.whereabouts import Stander, TrueLook, Whereabouts, whereabouts_of

DEMO = Path("simulator/tebura_simulator/demo")
AISLE, DOOR = CameraId("aisle"), CameraId("door")


def stands(shopper: str, at: Xy, seen: float = 1.0) -> Stander:
    return Stander(shopper=shopper, account=shopper, foot_m=at, seen_share=seen)


def walks(*seconds: dict[str, Xy], camera: CameraId = AISLE, seen: float = 1.0) -> list[TrueLook]:
    """Who stood where in a camera's picture, second by second."""
    return [
        TrueLook(
            camera=camera,
            at_s=float(n),
            people=tuple(stands(name, at, seen) for name, at in second.items()),
        )
        for n, second in enumerate(seconds)
    ]


def tells(*seconds: dict[str, Xy], camera: CameraId = AISLE, **accounts: str) -> list[Spotted]:
    """Which track stood where; tracks go by the accounts given."""
    return [
        Spotted(camera, float(n), TrackId(track), at, accounts.get(track))
        for n, second in enumerate(seconds)
        for track, at in second.items()
    ]


def compare(
    looks: list[TrueLook],
    spots: list[Spotted],
    reaches: tuple[ToldReach, ...] = (),
    events: tuple[TrueEvent, ...] = (),
) -> FollowScore:
    return score_following(Whereabouts(looks=tuple(looks)), events, Watching(tuple(spots), reaches))


HERE, THERE, AWAY = (1.0, 1.0), (3.0, 1.0), (3.0, 3.0)


def test_a_track_that_stays_with_its_person_is_followed_and_never_switched() -> None:
    truth = walks({"hana": HERE}, {"hana": (1.4, 1.0)}, {"hana": (1.8, 1.0)})
    told = tells({"a": (1.1, 1.0)}, {"a": (1.2, 1.1)}, {"a": (2.0, 1.0)}, a="hana")
    found = compare(truth, told)
    assert (found.people, found.sights, found.followed) == (1, 3, 3)
    assert (found.known, found.right) == (3, 3)
    assert (found.switches, found.exchanges, found.renames, found.nobodies) == (0, 0, 0, 0)


def looks_at(at_s: float, **people: tuple[Xy, float]) -> TrueLook:
    """One frame of the aisle's: where people stand and how much of them is seen."""
    seen = tuple(stands(name, at, share) for name, (at, share) in people.items())
    return TrueLook(camera=AISLE, at_s=at_s, people=seen)


@pytest.mark.parametrize(("share", "switches"), [(0.49, 0), (0.51, 1)])
def test_whoever_was_covered_for_a_moment_may_come_back_as_another(
    share: float, switches: int
) -> None:
    truth = [looks_at(n / 10, hana=(HERE, share if n == 7 else 1.0)) for n in range(11)]
    assert compare(truth, tells({"a": HERE}, {"b": HERE})).switches == switches


def test_half_a_second_tells_whose_a_track_is_before_it_is_told_beside_somebody_else() -> None:
    # Ken comes past Hana, of whom nothing is told for a while; his feet look nearer to hers.
    truth = [
        looks_at(0.0, hana=(HERE, 1.0)),
        looks_at(0.5, hana=(HERE, 1.0), ken=((2.0, 1.0), 1.0)),
        looks_at(1.0, hana=(HERE, 1.0), ken=((1.5, 1.0), 1.0)),
        looks_at(2.0, hana=(HERE, 1.0), ken=((1.5, 1.0), 1.0)),
    ]
    early = Spotted(AISLE, 0.5, TrackId("b"), (2.0, 1.0), None)
    told = tells({"a": HERE}, {"b": (1.2, 1.0)}, {"a": HERE})
    assert compare(truth, [*told, early]).switches == 0
    # Told of the full seconds alone it would be hers, and hers twice another.
    assert compare(truth, told).switches == 2


def test_two_tracks_that_change_people_are_two_switches_and_both_exchanges() -> None:
    truth = walks(*[{"hana": HERE, "ken": THERE}] * 3)
    told = tells(
        {"a": HERE, "b": THERE}, {"a": THERE, "b": HERE}, {"a": THERE, "b": HERE}, a="hana", b="ken"
    )
    found = compare(truth, told)
    assert (found.switches, found.exchanges, found.renames) == (2, 2, 2)
    assert (found.known, found.right) == (6, 2)


def test_two_who_stand_together_keep_their_tracks_while_those_are_near_enough() -> None:
    """Feet lie off by as much as people stand apart: nearest alone would switch and switch back."""
    truth = walks(*[{"hana": (1.0, 1.0), "ken": (1.4, 1.0)}] * 3)
    told = tells(
        {"a": (1.0, 1.0), "b": (1.4, 1.0)},
        {"a": (1.3, 1.0), "b": (1.1, 1.0)},
        {"a": (1.0, 1.0), "b": (1.4, 1.0)},
    )
    assert compare(truth, told).switches == 0


def test_a_new_track_for_somebody_in_view_is_a_switch_and_after_being_away_none() -> None:
    stays = walks(*[{"hana": HERE}] * 3)
    told = tells({"a": HERE}, {}, {"b": HERE})
    broken = compare(stays, told)
    assert (broken.switches, broken.exchanges, broken.followed) == (1, 0, 2)
    leaves = walks({"hana": HERE}, {}, {"hana": HERE})
    assert compare(leaves, told).switches == 0


def test_whom_a_camera_hardly_sees_it_need_not_tell() -> None:
    truth = walks({"hana": HERE}, seen=0.2)
    assert compare(truth, []).sights == 0
    assert compare(truth, tells({"a": HERE})).nobodies == 0


def test_a_track_is_nobody_only_where_no_camera_has_anybody() -> None:
    truth = walks({"hana": HERE}) + walks({"ken": AWAY}, camera=DOOR)
    told = tells({"a": HERE, "b": (3.2, 2.6), "c": THERE})
    assert compare(truth, told).nobodies == 1


def test_reaches_of_reflections_are_told_apart() -> None:
    truth = walks(*[{"hana": HERE}] * 4)
    told = tells(*[{"a": HERE, "c": AWAY}] * 4)
    reaches = tuple(ToldReach(AISLE, TrackId(t), ShelfId("g1/s1"), 1.2, 2.4) for t in ("a", "c"))
    found = compare(truth, told, reaches)
    assert (found.reaches, found.reaches_of_nobody) == (2, 1)


@pytest.mark.parametrize(
    ("track", "shelf", "time_s", "expected"),
    [
        pytest.param("a", "g1/s1", 2.0, 1, id="hers"),
        pytest.param("b", "g1/s1", 2.0, 0, id="anothers"),
        pytest.param("a", "g1/s2", 2.0, 0, id="another-shelf"),
        pytest.param("a", "g1/s1", 4.5, 0, id="another-time"),
    ],
)
def test_an_event_is_reached_by_its_own_persons_track_there_and_then(
    track: str, shelf: str, time_s: float, expected: int
) -> None:
    truth = walks(*[{"hana": HERE, "ken": THERE}] * 6)
    told = tells(*[{"a": HERE, "b": THERE}] * 6)
    event = TrueEvent(
        kind=OutcomeKind.PICK,
        time_s=time_s,
        gondola="g1",
        shelf="s1",
        sku="tea",
        quantity=1,
        shopper="hana",
    )
    reach = ToldReach(AISLE, TrackId(track), ShelfId(shelf), 1.2, 2.4)
    found = compare(truth, told, (reach,), (event,))
    assert (found.events, found.reached) == (1, expected)


def test_counts_of_several_cases_add_up_and_cases_without_films_say_nothing() -> None:
    one = compare(walks({"hana": HERE}), tells({"a": HERE}))
    summed = add_following([one, None, one])
    assert summed is not None
    assert (summed.sights, summed.followed) == (2, 2)
    assert add_following([None]) is None


def test_films_say_where_people_are_by_the_account_that_pays(
    repository: Path, require_file: Callable[[Path], Path], tmp_path: Path
) -> None:
    demo, out = repository / DEMO, tmp_path / "visit.mcap"
    require_file(demo / "footage" / "two-in-turn" / "aisle.mp4")
    record_scenario(
        demo / "scenarios" / "two-in-turn.toml",
        demo / "layout.toml",
        out,
        demo / "footage" / "two-in-turn",
        has_people=True,
    )
    with RecordingReader(out) as reader:
        found, truth = whereabouts_of(reader), truth_of(reader)
    assert found is not None
    assert truth is not None
    people = [person for look in found.looks for person in look.people]
    assert {person.account for person in people} == {one.shopper for one in truth.receipts}
    frames = [look.at_s for look in found.looks if look.camera == found.looks[0].camera]
    assert frames == [n / 10 for n in range(len(frames))]
