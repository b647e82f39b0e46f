"""In a rush: who goes first, who is cut, how long anybody waits, and that no place is lost or given twice."""

import heapq
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.contracts.callers import APPS, CLASSES, DESK, EMERGENCY, PATIENTS
from services.kernel.admission import LEAST_WAITING, Admission, Verdict, Waiter
from services.kernel.concurrency import AdaptiveLimit


def fixed(places: int) -> AdaptiveLimit:
    """Return a limit that does not move."""
    return AdaptiveLimit(places, places, places)


class Crowd:
    """Asks for places and remembers what everybody was told."""

    def __init__(self, places: int = 4, burst: int = LEAST_WAITING) -> None:
        self.admission = Admission(CLASSES, fixed(places), burst=burst)
        self.told: dict[str, Verdict] = {}

    def arrives(
        self, name: str, kind: str = PATIENTS.name, caller: str = "", *, now: float = 0, left: float = 9
    ) -> None:
        answer = self.admission.arrive(
            self.admission.lines[kind], caller or name, now, left, lambda verdict: self.told.update({name: verdict})
        )
        if not isinstance(answer, Waiter):
            self.told[name] = answer

    def leaves(self, kind: str = PATIENTS.name, now: float = 0) -> None:
        self.admission.leave(self.admission.lines[kind], now)


def test_a_place_is_had_at_once_while_there_are_any() -> None:
    crowd = Crowd(2)
    for name in "abc":
        crowd.arrives(name)
    assert crowd.told == {"a": Verdict.ADMITTED, "b": Verdict.ADMITTED}
    crowd.leaves()
    assert crowd.told["c"] is Verdict.ADMITTED


def test_the_desk_goes_before_everybody_at_home_and_an_emergency_before_the_desk() -> None:
    crowd = Crowd(1)
    crowd.arrives("first")
    for name, of in (("app", APPS), ("patient", PATIENTS), ("desk", DESK), ("emergency", EMERGENCY)):
        crowd.arrives(name, of.name)
    served = []
    last = PATIENTS.name
    for kind in ("emergency", "desk", "patients", "apps"):
        before = set(crowd.told)
        crowd.leaves(last)
        served += sorted(set(crowd.told) - before)
        last = kind
    assert served == ["emergency", "desk", "patient", "app"]


def test_one_caller_with_many_gives_way_to_others_of_its_class() -> None:
    crowd = Crowd(1)
    crowd.arrives("somebody")
    for number in range(2 * LEAST_WAITING):
        crowd.arrives(f"greedy-{number}", APPS.name, "greedy")
    assert crowd.told[f"greedy-{2 * LEAST_WAITING - 1}"] is Verdict.SHARE
    waiting = crowd.admission.waiting
    for number in range(4):
        crowd.arrives(f"modest-{number}", APPS.name, f"modest-{number}")
    assert crowd.admission.waiting == waiting
    assert Counter(told for name, told in crowd.told.items() if name.startswith("modest")) == {}, "they wait"
    served: list[str] = []
    last = PATIENTS.name
    for _ in range(8):
        before = set(crowd.told)
        crowd.leaves(last)
        served += sorted(set(crowd.told) - before)
        last = APPS.name
    assert served[0].startswith("greedy")
    assert sum(name.startswith("modest") for name in served[:5]) == 4, "one turn each before anybody's second"


def test_people_who_ask_once_are_told_that_there_are_too_many_of_them_and_not_that_they_ask_too_much() -> None:
    crowd = Crowd(1)
    for number in range(200):
        crowd.arrives(f"p{number}")
    assert crowd.told["p199"] is Verdict.FULL


def test_many_at_one_moment_are_a_burst_and_wait_but_a_queue_that_stands_is_short() -> None:
    crowd = Crowd(1, burst=256)
    for number in range(200):
        crowd.arrives(f"p{number}")
    assert list(crowd.told) == ["p0"], "all the others wait"
    crowd.arrives("later", now=0.6)
    assert crowd.told["later"] is Verdict.FULL


def test_a_queue_that_emptied_a_moment_ago_is_the_same_and_no_new_burst() -> None:
    """A crowd that takes breath once a second must not make everybody wait behind a burst each time."""
    crowd = Crowd(1, burst=256)
    for number in range(3):
        crowd.arrives(f"first{number}")
    for _ in range(3):
        crowd.leaves(now=0.6)
    assert (crowd.admission.in_hand, crowd.admission.waiting) == (0, 0)
    for number in range(2 * LEAST_WAITING):
        crowd.arrives(f"next{number}", now=0.7)
    assert Verdict.FULL in crowd.told.values()
    calm = Crowd(1, burst=256)
    for number in range(3):
        calm.arrives(f"first{number}")
    for _ in range(3):
        calm.leaves(now=0.6)
    for number in range(2 * LEAST_WAITING):
        calm.arrives(f"next{number}", now=1.7)
    assert Verdict.FULL not in calm.told.values()


def test_whoever_cannot_be_served_in_time_is_told_so_and_takes_no_place() -> None:
    crowd = Crowd(1)
    crowd.arrives("a")
    crowd.arrives("none left", left=0)
    crowd.arrives("short", left=0.1)
    crowd.arrives("patient")
    assert crowd.told["none left"] is Verdict.LATE
    crowd.leaves(now=0.2)
    assert (crowd.told["short"], crowd.told["patient"]) == (Verdict.LATE, Verdict.ADMITTED)
    crowd.arrives("another", now=0.2)
    crowd.admission.sweep(now=6.0)
    assert crowd.told["another"] is Verdict.SLOW


def test_a_class_cannot_hold_every_place_with_slow_requests() -> None:
    crowd = Crowd(8)
    for number in range(12):
        crowd.arrives(f"app{number}", APPS.name, f"app{number}")
    assert crowd.admission.lines[APPS.name].in_hand == 4
    crowd.arrives("patient")
    assert crowd.told["patient"] is Verdict.ADMITTED, "places kept from apps are for others, though apps wait"


@dataclass
class Stretch:
    """What became of a rush in the simulation: by class how many came and were served, and how long those took."""

    came: Counter[str]
    served: Counter[str]
    took: list[float]


def rush(load: float, mix: Sequence[tuple[str, float]], seconds: float = 20.0, rate: float = 400.0) -> Stretch:
    """Simulate a process that does ``rate`` requests a second, asked ``load`` times as much; deterministic."""
    dice = random.Random(4)
    admission = Admission(CLASSES, AdaptiveLimit(16, 16, 16))
    found = Stretch(Counter(), Counter(), [])
    # One worker on whatever is in hand, first come first served: in-hand requests queue inside as on one core.
    inside: list[tuple[float, str, float]] = []
    free_at, now = 0.0, 0.0
    names, weights = zip(*mix, strict=True)

    def begins(kind: str, came: float) -> None:
        nonlocal free_at
        free_at = max(free_at, now) + dice.expovariate(rate)
        heapq.heappush(inside, (free_at, kind, came))

    arrives = dice.expovariate(load * rate)
    while now < seconds:
        if inside and inside[0][0] < arrives:
            now, kind, came = heapq.heappop(inside)
            found.served[kind] += 1
            found.took.append(now - came)
            admission.leave(admission.lines[kind], now)
            continue
        now = arrives
        arrives += dice.expovariate(load * rate)
        kind = dice.choices(names, weights)[0]
        found.came[kind] += 1

        def settle(verdict: Verdict, kind: str = kind, came: float = now) -> None:
            if verdict is Verdict.ADMITTED:
                begins(kind, came)

        if admission.arrive(admission.lines[kind], str(dice.random()), now, 10.0, settle) is Verdict.ADMITTED:
            begins(kind, now)
        admission.sweep(now)
    return found


MIX = ((DESK.name, 0.2), (PATIENTS.name, 0.4), (APPS.name, 0.4))


def test_at_three_times_what_can_be_done_as_much_is_done_as_fast_and_the_desk_notices_nothing() -> None:
    once, thrice = rush(1.0, MIX), rush(3.0, MIX)
    assert sum(thrice.served.values()) >= 0.95 * sum(once.served.values())
    assert sorted(thrice.took)[-len(thrice.took) // 20] < 0.25, "but for the burst it began as"
    assert max(thrice.took) < 1.0
    assert thrice.served[DESK.name] >= 0.99 * thrice.came[DESK.name]
    apps, patients = (thrice.served[name] / thrice.came[name] for name in (APPS.name, PATIENTS.name))
    assert 0 < apps < patients / 3, "robots first, and even they not quite"


class Rush(RuleBasedStateMachine):
    """Whatever happens in whatever order, nothing is lost, doubled or kept for nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.admission = Admission(CLASSES, fixed(3))
        self.now = 0.0
        self.holding: list[str] = []
        self.waiting: dict[int, Waiter] = {}
        self.count = 0

    @rule(kind=st.sampled_from([kind.name for kind in CLASSES]), caller=st.sampled_from("abc"), left=st.floats(0, 2))
    def arrive(self, kind: str, caller: str, left: float) -> None:
        self.count += 1
        number = self.count
        told: list[Verdict] = []

        def settle(verdict: Verdict) -> None:
            told.append(verdict)
            assert len(told) == 1, "told twice"
            self.waiting.pop(number, None)
            if verdict is Verdict.ADMITTED:
                self.holding.append(kind)

        answer = self.admission.arrive(self.admission.lines[kind], caller, self.now, left, settle)
        if answer is Verdict.ADMITTED:
            self.holding.append(kind)
        elif isinstance(answer, Waiter) and not told:
            self.waiting[number] = answer

    @rule(which=st.integers(0, 10), later=st.floats(0, 0.5))
    def leave(self, which: int, later: float) -> None:
        self.now += later
        if self.holding:
            kind = self.holding.pop(which % len(self.holding))
            self.admission.leave(self.admission.lines[kind], self.now)

    @rule(which=st.integers(0, 10))
    def give_up(self, which: int) -> None:
        if self.waiting:
            number = list(self.waiting)[which % len(self.waiting)]
            self.admission.give_up(self.waiting.pop(number))

    @rule(later=st.floats(0, 3))
    def sweep(self, later: float) -> None:
        self.now += later
        self.admission.sweep(self.now)
        assert all(waiter.until > self.now for waiter in self.waiting.values())

    @invariant()
    def places_are_counted(self) -> None:
        lines = self.admission.lines
        assert self.admission.in_hand == len(self.holding) <= 3
        assert {name: line.in_hand for name, line in lines.items() if line.in_hand} == Counter(self.holding)
        assert self.admission.waiting == len(self.waiting) == sum(line.waiting for line in lines.values())
        assert all(line.waiting == len(list(line.waiters())) for line in lines.values())

    @invariant()
    def nobody_waits_beside_a_free_place(self) -> None:
        if len(self.holding) < 3:
            for line in self.admission.lines.values():
                assert not line.waiting or line.in_hand >= line.kind.most * 3 > 0


Rush.TestCase.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestRush = Rush.TestCase
