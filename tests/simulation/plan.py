"""What one seed will do: the cluster, its settings, which faults strike when, and what clients do.

A seed has only some kinds of faults, and does some calls more often than others or not at all: what always meets everything at
once never gets far into any one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from natya.settings import Settings

FAULTS = {
    "kill": 5,
    "stop": 2,
    "freeze": 4,
    "cut": 3,
    "break": 3,
    "client": 2,
    "appends": 4,
    "registry": 3,
    "lease": 5,
    "calls": 2,
    "reads": 1,
    "letters": 3,
    "server restarted": 1,
    "server frozen": 1,
    "store away": 2,
    "store slow": 2,
    "no room": 2,
}
"""Fault → weight. What each does is in `strikes`."""

CALLS = {
    "write": 24,
    "write slowly": 7,
    "refuse": 5,
    "fail": 3,
    "stumble": 3,
    "forward": 9,
    "pass on": 10,
    "tell": 10,
    "tell slowly": 3,
    "tell stumbling": 4,
    "tell failing": 1,
    "tell refused": 1,
    "read": 16,
    "read slowly": 3,
    "plain": 6,
    "repeat": 8,
    "pay": 8,
    "save": 12,
}
"""Call → weight. What each does is in `workload`."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault: ``at`` this time, ``for`` so many seconds, to the machine of this number where it is one's. ``roll`` in
    [0, 1) decides what is left open."""

    at: float
    fault: str
    seconds: float
    target: int
    roll: float

    def __str__(self) -> str:
        return f"{self.fault} (machine {self.target + 1}, {self.seconds:.2f} s)"


@dataclass(frozen=True, slots=True)
class Plan:
    """``begins`` and ``ends`` are the times between which faults strike; clients work until then, in so many ``lanes`` each, with
    ``pause`` seconds between two calls on the average; ``calls`` is what they do, with weights. ``skews`` are how much the
    machines' wall clocks are ahead; ``latency`` is what a message takes at most each way, in good weather. Times are seconds."""

    seed: int
    names: list[str]
    skews: list[float]
    settings: Settings
    latency: float
    begins: float
    ends: float
    clients: int
    lanes: int
    pause: float
    strikes: list[Strike]
    calls: dict[str, int]

    @classmethod
    def of(cls, seed: int) -> Plan:
        random = Random(f"{seed}/plan")
        names = [f"n{number + 1}" for number in range(random.choice((2, 2, 3)))]
        ttl = random.choice((1, 1, 2, 3))
        settings = Settings.model_construct(
            lease_ttl=float(ttl),
            lease_margin=ttl / 6,
            renew_every=ttl / 3,
            append_timeout=random.choice((0.2, 0.5, 1.0, 2.0)),
            appends_in_flight=random.choice((1, 2, 4)),
            batch_turns=random.choice((1, 3, 1_000)),
            mailbox_limit=random.choice((2, 256, 256)),
            mail_ahead=random.choice((3, 1_000)),
            behind_limit=random.choice((2, 1_000)),
            tell_backoff=0.1,
            idle_after=random.choice((0.5, 600.0)),
            snapshot_interval=random.choice((0.1, 0.1, 1.0)),
            drain_timeout=random.choice((1.0, 4.0)),
        )
        begins = 1.2
        ends = begins + random.uniform(3.0, 6.0)
        kinds = random.choices(list(FAULTS), list(FAULTS.values()), k=random.randint(1, 4))
        faults = random.choices(kinds, k=random.randint(1, 6))
        strikes = sorted(
            (
                Strike(
                    random.uniform(begins, ends), fault, random.choice((0.3, 1.0, ttl + 1.5)) * random.uniform(0.3, 1.0),
                    random.randrange(len(names)), random.random(),
                )
                for fault in faults
            ),
            key=lambda strike: strike.at,
        )  # fmt: skip
        return cls(
            seed, names, [random.choice((0.0, random.uniform(-2.0, 2.0))) for _ in names], settings,
            latency=random.choice((0.001, 0.004, 0.02)), begins=begins, ends=ends,
            clients=2, lanes=random.choice((2, 3)), pause=random.choice((0.03, 0.1, 0.1, 0.2)), strikes=strikes,
            calls={call: weight * random.choice((0, 1, 1, 1, 3)) for call, weight in CALLS.items()} | {"write": 24},
        )  # fmt: skip

    def lines(self) -> list[str]:
        """For people."""
        chosen = {name: getattr(self.settings, name) for name in sorted(self.settings.model_fields_set)}
        return [
            f"seed {self.seed}: {len(self.names)} nodes, {self.clients} clients with {self.lanes} lanes, latency "
            f"{self.latency * 1000:g} ms, clocks ahead {[round(skew, 2) for skew in self.skews]}",
            "settings: " + " ".join(f"{name}={value:g}" for name, value in chosen.items()),
            "calls: " + ", ".join(f"{call} {weight}" for call, weight in self.calls.items() if weight),
            *(f"fault at {strike.at:.3f}: {strike}" for strike in self.strikes),
        ]
