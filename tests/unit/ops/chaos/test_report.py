"""The report: right numbers, one file that needs nothing else, the same bytes for the same run."""

from __future__ import annotations

import gzip
import html.parser
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from natya.errors import ConfigurationError
from natya_ops.chaos.checks import Evidence
from natya_ops.chaos.kept import MARK, PLATFORM, renew
from natya_ops.chaos.options import Options, read_faults, read_seconds
from natya_ops.chaos.report import check_can_draw, show, write
from natya_ops.chaos.report.figures import Figures, at, figures_of
from natya_ops.chaos.report.page import page
from natya_ops.chaos.report.pictures import recovery_svg, timeline_svg
from natya_ops.chaos.report.style import VARIABLES, duration
from natya_ops.chaos.report.words import longest_recovery, tell, untold
from natya_ops.chaos.run import Result

VOID = {"meta", "br", "path", "use", "rect"}


class Reader(html.parser.HTMLParser):
    """Checks that what is opened is closed, and collects what a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        found = dict(attrs)
        self.fetched += [
            value for name in ("src", "href", "data") if (value := found.get(name)) and not value.startswith("#")
        ]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(result: Result) -> tuple[str, Reader]:
    figures = figures_of(result)
    text = page(result, figures, tell(result, figures))
    reader = Reader()
    reader.feed(text)
    reader.close()
    return text, reader


def recovery(figures: Figures, fault: str) -> tuple[int, int]:
    """How many strikes of a fault were alone, and how many mixed."""
    (row,) = [row for row in figures.recoveries if row.fault == fault]
    return len(row.times), len(row.mixed)


def test_every_operation_of_the_load_is_counted_once(held: Result) -> None:
    figures = figures_of(held)
    total = len(held.recorder.operations)
    assert figures.operations == total == sum(way.ok + way.refused for way in figures.ways)
    assert round(sum((m.ok + m.refused + m.unanswered) * m.width for m in figures.moments)) == total
    assert figures.unanswered == 0


def test_what_the_run_itself_asks_is_not_the_load(held: Result) -> None:
    before = figures_of(held)
    held.recorder.operations += [replace(each, client=0) for each in held.recorder.operations[:50]]
    assert figures_of(held) == before


def test_every_strike_is_alone_or_mixed_or_never_recovered(held: Result, violated: Result) -> None:
    for result in (held, violated):
        for row in figures_of(result).recoveries:
            assert row.strikes == len(row.times) + len(row.mixed) + row.never
            assert list(row.times) == sorted(row.times)


def test_a_strike_during_another_says_little_of_its_own_fault(held: Result) -> None:
    first, second = held.seen[0], held.seen[1]
    held.seen[:] = [first, second]
    first.strike.begun, first.strike.healed, first.strike.recovered, first.called = 10.0, 12.0, 11.0, 10.0
    second.strike.begun = second.called = 11.5
    second.strike.healed = second.strike.recovered = 13.0
    assert recovery(figures_of(held), first.strike.fault) == (1, 0)
    assert recovery(figures_of(held), second.strike.fault) == (0, 1)
    second.strike.begun = second.called = 12.5
    assert recovery(figures_of(held), second.strike.fault) == (1, 0)


def test_what_never_recovered_is_the_worst_recovery(violated: Result) -> None:
    assert longest_recovery(figures_of(violated), alone=True).seconds == math.inf
    assert longest_recovery(figures_of(violated), alone=False).seconds == math.inf


def test_the_longest_recovery_is_shown_with_its_sample_and_that_of_all_beside_it(held: Result) -> None:
    first, second, third = held.seen[:3]
    held.seen[:] = [first, second, third]
    for seen, begun, recovered in ((first, 10.0, 10.147), (second, 20.0, 25.0), (third, 21.0, 21.5)):
        seen.strike.fault, seen.strike.begun, seen.called = "kill", begun, begun
        seen.strike.healed, seen.strike.recovered = begun + 0.1, recovered
    figures = figures_of(held)
    alone, every = longest_recovery(figures, alone=True), longest_recovery(figures, alone=False)
    assert (round(alone.seconds or 0, 3), alone.strikes, alone.late) == (0.147, 1, 0)
    assert (every.seconds, every.strikes, every.late) == (5.0, 3, 2)
    text, _ = read(held)
    assert "<b>147 ms</b><span>longest recovery of a single fault, 1 of 3 strikes alone</span>" in text
    assert '<b><span class="late">5.00 s</span></b><span>longest recovery of all, 2 strikes over the aim</span>' in text


def test_where_no_lease_could_end_the_page_says_that_nothing_was_shown_of_it(held: Result) -> None:
    for seen in held.seen:
        if seen.strike.fault in ("stop", "partition"):
            seen.strike.healed = seen.strike.begun + 2.9
    said = "No stop or cut lasted longer than the lease of 3 s: nothing was shown"
    assert said in read(held)[1].text
    stop = next(seen.strike for seen in held.seen if seen.strike.fault == "stop")
    stop.healed = stop.begun + 3.1
    assert untold(held) is None
    assert said not in read(held)[1].text


def test_percentiles_are_values_that_were_measured() -> None:
    assert at([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert at([1.0, 2.0, 3.0, 4.0], 0.99) == 4.0
    assert at([], 0.5) is None


def test_durations_read_as_people_say_them() -> None:
    shown = [duration(seconds) for seconds in (0.0021, 0.0381, 0.9996, 1.2, 23.44, math.inf, None)]
    assert shown == ["2.1 ms", "38 ms", "1.00 s", "1.20 s", "23.4 s", "never", "–"]


def test_the_page_is_whole_and_fetches_nothing(held: Result, violated: Result) -> None:
    for result in (held, violated):
        text, reader = read(result)
        assert reader.open == []
        assert reader.fetched == []
        assert "url(" not in text.replace("url(#", "")
        assert "@import" not in text


def test_the_page_says_the_verdict_and_how_to_repeat_the_run(held: Result) -> None:
    _, reader = read(held)
    for part in (
        "Held",
        "seed 7",
        "natya chaos run --for 60s --faults disk,drain",
        "--seed 7",
        "nats-server 2.15.1",
        "11,203",
    ):
        assert part in reader.text
    assert "Violated" not in reader.text


def test_a_violation_is_said_first_and_its_evidence_shown_as_it_is(violated: Result) -> None:
    text, reader = read(violated)
    assert reader.text.index("Violated") < reader.text.index("A promise was broken: effects")
    assert "id-7 stands in <b>two</b> records: 12, 19" in reader.text
    assert "<details open>" in text
    assert "no small file system can be mounted here" in reader.text
    assert "undecided" in reader.text


def test_undecided_is_not_held(violated: Result) -> None:
    violated.verdicts = violated.verdicts[1:]
    story = tell(violated, figures_of(violated))
    assert (story.held, story.verdict) == (None, "Not proven")
    violated.verdicts = []
    assert tell(violated, figures_of(violated)).held is None


def test_charts_are_the_same_for_the_same_run_and_follow_the_style_of_the_page(held: Result) -> None:
    figures = figures_of(held)
    for draw in (timeline_svg, recovery_svg):
        svg = draw(held, figures)
        assert svg == draw(held, figures)
        assert set(re.findall(r"var\(--(\w+)\)", svg)) <= set(VARIABLES)
        assert not [color for color in VARIABLES.values() if color in svg]
        assert 'role="img"' in svg


def test_a_run_without_strikes_or_operations_has_a_page_too(held: Result) -> None:
    held.seen.clear()
    held.recorder.operations.clear()
    _, reader = read(held)
    assert "0 strikes" not in reader.text
    assert "Recovery" not in reader.text


def test_what_held_leaves_three_files_and_what_is_not_its_own(held: Result, tmp_path: Path) -> None:
    held.options = replace(held.options, report=tmp_path)
    (tmp_path / "platform").mkdir()  # somebody else's
    (renew(tmp_path) / "logs").mkdir()
    report = write(held)
    assert {file.name for file in tmp_path.iterdir()} == {"platform", "index.html", "report.png", "run.json"}
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads((tmp_path / "run.json").read_text())
    assert (document["held"], document["seed"], len(document["strikes"])) == (True, 7, len(held.seen))
    assert document["plan"] == held.plan.document()
    assert report.document()["report"] == str(tmp_path / "index.html")


def test_what_did_not_hold_leaves_what_it_was_judged_by(violated: Result, tmp_path: Path) -> None:
    violated.options = replace(violated.options, report=tmp_path)
    violated.evidence = Evidence(violated.recorder.operations)
    renew(tmp_path)
    write(violated)
    with gzip.open(tmp_path / "operations.jsonl.gz", "rt") as lines:
        found = [json.loads(line) for line in lines]
    assert len(found) == len(violated.recorder.operations)
    assert {each["outcome"] for each in found} == {"ok", "refused", "failed", "unknown"}
    assert (tmp_path / PLATFORM).is_dir()
    document = json.loads((tmp_path / "run.json").read_text())
    assert document["held"] is False
    assert None in [strike["recovery"] for strike in document["strikes"]]


def test_the_summary_fits_on_a_screen(violated: Result, tmp_path: Path) -> None:
    violated.options = replace(violated.options, report=tmp_path)
    screen = io.StringIO()
    show(write(violated), Console(file=screen, width=140))
    lines = screen.getvalue().splitlines()
    assert lines[0].startswith("Violated A promise was broken: effects")
    assert len(lines) < 30
    assert any(line.startswith("Repeat: natya chaos run --for 20s --faults kill,nats --seed 7") for line in lines)


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_is_broken(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="choose another folder with --report"):
        check_can_draw(tmp_path / "file" / "report")


def test_a_report_replaces_an_earlier_one_and_nothing_else(held: Result, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    check_can_draw(folder)
    assert list(tmp_path.iterdir()) == []
    held.options = replace(held.options, report=folder)
    write(held)
    check_can_draw(folder)
    assert {file.name for file in folder.iterdir()} == {"index.html", "report.png"}
    (folder / "index.html").write_text("<title>Mine</title>")
    with pytest.raises(ConfigurationError, match=r"no report of natya chaos: index.html, report.png; choose another"):
        check_can_draw(folder)


def test_only_a_data_folder_with_the_mark_is_made_anew(tmp_path: Path) -> None:
    data = renew(tmp_path)
    (data / "logs").mkdir()
    (data / "logs" / "nats.log").touch()
    assert [file.name for file in renew(tmp_path).iterdir()] == [MARK]
    (data / MARK).rename(data / "mine")
    with pytest.raises(ConfigurationError, match="was not made by natya chaos"):
        renew(tmp_path)
    assert (data / "mine").is_file()


def test_a_data_folder_that_is_a_link_is_nobodys_to_delete(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    other = renew(tmp_path / "a")
    (tmp_path / PLATFORM).symlink_to(other)
    with pytest.raises(ConfigurationError, match="was not made by natya chaos"):
        renew(tmp_path)
    assert (other / MARK).is_file()


def test_durations_and_faults_are_read_as_they_are_written() -> None:
    assert [read_seconds(text) for text in ("90", "60s", "1.5m", "1h")] == [90, 60, 90, 3600]
    assert read_faults("kill, nats,kill") == ("kill", "nats")
    assert read_faults(None) is None
    for text, complaint in (("soon", "no duration"), ("1s", "too short")):
        with pytest.raises(ConfigurationError, match=complaint):
            read_seconds(text)
    with pytest.raises(ConfigurationError, match="'flood' is no fault: choose from kill, "):
        read_faults("kill,flood")
    for text in ("", " ", "kill,,", ",nats"):
        with pytest.raises(ConfigurationError, match="has an empty name"):
            read_faults(text)


def test_the_command_to_repeat_a_run_names_the_faults_that_were_done() -> None:
    options = Options(60.0, 7, Path("report"), None, 2)
    assert options.command(("kill", "nats")) == "natya chaos run --for 60s --faults kill,nats --seed 7 --workers 2"
    joined = replace(options, data=Path("my data"))
    assert joined.command(("kill",)).endswith("--data 'my data'")
    assert "--faults" not in joined.command(())
