"""What a worker tells of itself at ``/metrics``."""

from __future__ import annotations

import urllib.request
from collections import defaultdict
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

COMMITS = "natya_commits_total"
TURNS = "natya_batch_turns_sum"
APPEND_SECONDS = "natya_append_seconds_sum"
RESIDENT = "natya_resident_actors"
UNWRITTEN = "natya_unwritten_actors"


def read(port: int) -> Mapping[str, float]:
    """Every sample of the worker whose metrics are served on ``port``, as of now; gauges are up to a second old.

    A name stands for the sum over all labels, and for 0 if there is none of it. Raises `OSError`.
    """
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return parse(answer.read().decode())


def parse(text: str) -> Mapping[str, float]:
    """The same from Prometheus' text format."""
    found: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] += sample.value
    return found
