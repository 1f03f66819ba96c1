"""The page: everything that a person wants to know of a run, in one file that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final

from natya_ops.chaos.checks import Verdict
from natya_ops.chaos.report.figures import Figures, at
from natya_ops.chaos.report.pictures import recovery_svg, timeline_svg
from natya_ops.chaos.report.style import duration, plural
from natya_ops.chaos.report.words import Longest, Story, longest_recovery, over, untold
from natya_ops.chaos.run import Result

TONES: Final = {True: "held", False: "violated", None: "unproven"}
MARKS: Final = {True: "held", False: "violated", None: "undecided"}
TITLE: Final = "<title>Natya chaos: "
"""How the title begins: by this a page of ours is known."""


def page(result: Result, figures: Figures, story: Story) -> str:
    """The HTML."""
    parts = [
        _header(result, story),
        _tiles(result, figures),
        *_checks(result.verdicts),
        _section(
            "What happened when",
            "Operations of the load that ended in each second, and how long they took. "
            "The dotted line is where the first fault could begin.",
            f"<figure>{timeline_svg(result, figures)}<figcaption>{_LANES_KEY}</figcaption></figure>",
        ),
        *_recovery(result, figures),
        _section(
            "What callers saw",
            "Each line counts intentions, with all their attempts. What is refused got the actor’s own answer, such as "
            "insufficient funds; failed had certainly no effect; unknown may or may not have had one.",
            _ways(figures),
        ),
        *_troubles(result),
        *_strikes(result, figures),
        _section("To repeat it", "The same seed breaks the same things at the same times.", _repeat(result)),
    ]
    css = files("natya_ops.chaos.report").joinpath("page.css").read_text()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{TITLE}{html.escape(story.verdict)}, seed {result.options.seed}</title>\n<style>\n{css}</style>\n</head>\n"
        f"<body>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
    )


_LANES_KEY: Final = (
    '<span class="key" style="background:var(--broken)"></span>broken &emsp; '
    '<span class="key" style="background:var(--healing)"></span>healed, not everybody has answered yet'
)


def _header(result: Result, story: Story) -> str:
    when = datetime.fromtimestamp(result.recorder.began_at, UTC).strftime("%d %B %Y, %H:%M UTC")
    return (
        f'<header class="{TONES[story.held]}"><p class="kicker">Natya chaos run · {when} · seed {result.options.seed}</p>'
        f"<h1>{html.escape(story.verdict)}</h1><p>{html.escape(story.sentence)}</p></header>\n"
    )


def _tiles(result: Result, figures: Figures) -> str:
    alone, every = longest_recovery(figures, alone=True), longest_recovery(figures, alone=False)
    tiles = [
        (f"{figures.operations:,}", "operations under load"),
        (f"{len(result.seen)}", f"strikes in {result.options.seconds:.0f} s"),
        (f"{figures.unanswered:,}", "failed or unknown to their caller"),
        (f"{figures.repeated:,}", "needed more than one attempt"),
        (duration(figures.quiet_p99), "usual p99 latency"),
    ]
    if every.strikes:
        tiles[-1:-1] = [
            (
                _longest(alone),
                f"longest recovery of a single fault, {alone.strikes} of {plural(every.strikes, 'strike')} alone",
            ),
            (_longest(every), f"longest recovery of all{_late(every)}"),
        ]
    made = "".join(f'<div class="tile"><b>{number}</b><span>{name}</span></div>' for number, name in tiles)
    return f'<div class="tiles">{made}</div>\n'


def _longest(found: Longest) -> str:
    return f'<span class="late">{duration(found.seconds)}</span>' if found.late else duration(found.seconds)


def _late(found: Longest) -> str:
    return f", {plural(found.late, 'strike')} over the aim" if found.late else ""


def _section(title: str, explained: str, body: str) -> str:
    return f"<section><h2>{title}</h2><p>{explained}</p>{body}</section>\n"


def _checks(verdicts: Sequence[Verdict]) -> Iterable[str]:
    if not verdicts:
        return
    rows = []
    for verdict in verdicts:
        said = html.escape(verdict.summary)
        if verdict.evidence:
            lines = html.escape("\n".join(verdict.evidence))
            shown = " open" if verdict.ok is False else ""
            said += f"<details{shown}><summary>evidence</summary><pre>{lines}</pre></details>"
        mark = f'<span class="mark {TONES[verdict.ok]}">{MARKS[verdict.ok]}</span>'
        rows.append((mark, f'<span class="w">{html.escape(verdict.name)}</span>', f"{verdict.checked:,}", said))
    explained = "What was promised, and what the journals and the callers say about it."
    yield _section("Checks", explained, table(("", "check", "#looked at", ""), rows))


def _recovery(result: Result, figures: Figures) -> Iterable[str]:
    if not figures.recoveries:
        return
    rows = [
        (
            f'<span class="w">{html.escape(row.fault)}</span>',
            str(row.strikes),
            str(len(row.times)),
            duration(row.aim),
            _measured(at(row.times, 0.5), row.aim),
            _measured(at(row.times, 0.99), row.aim),
            _measured(row.times[-1] if row.times else None, row.aim),
            _measured(row.mixed[-1] if row.mixed else None, row.aim),
            f'<span class="hot">{row.never}</span>' if row.never else "0",
            duration(row.slowest),
            f'<span class="dim">{row.since}</span>',
        )
        for row in figures.recoveries
    ]
    columns = (
        "fault",
        "#strikes",
        "#alone",
        "#aim",
        "#p50",
        "#p99",
        "#max",
        "#max, mixed",
        "#never",
        "#slowest answer",
        "since",
    )
    yield _section(
        "Recovery",
        "After each strike one account in every partition was asked, by the protocol, until all had answered. Percentiles are of strikes "
        "that were alone; mixed ones met another fault, and both that met are mixed. The slowest answer is the longest that any operation of "
        "the load took meanwhile. Aims are no part of the verdict; what is over its aim is marked."
        + (f" <b>{html.escape(missing)}</b>" if (missing := untold(result)) else ""),
        table(columns, rows)
        + f"<figure>{recovery_svg(result, figures)}<figcaption>Filled: alone. Hollow: something else was broken, too. "
        "The dark bar is the median, the green mark what is aimed at.</figcaption></figure>",
    )


def _measured(seconds: float | None, aim: float | None) -> str:
    return f'<span class="late">{duration(seconds)}</span>' if over(seconds, aim) else duration(seconds)


def _ways(figures: Figures) -> str:
    rows = [
        (
            f'<span class="w">{way.verb} through {"the edge" if way.via == "edge" else "NATS"}</span>',
            f"{way.operations:,}", f"{way.ok:,}", f"{way.refused:,}", _alarming(way.failed), _alarming(way.unknown),
            f"{way.repeated:,}", duration(way.p50), duration(way.p99), duration(way.longest),
        )
        for way in figures.ways
    ]  # fmt: skip
    columns = ("", "#operations", "#ok", "#refused", "#failed", "#unknown", "#repeated", "#p50", "#p99", "#longest")
    return table(columns, rows)


def _alarming(count: int) -> str:
    return f'<span class="hot">{count:,}</span>' if count else "0"


def _troubles(result: Result) -> Iterable[str]:
    found = result.recorder.troubles.most_common()
    if not found:
        return
    rows = [(html.escape(reason), f"{count:,}") for reason, count in found]
    body = f"<details><summary>{plural(len(rows), 'reason')}</summary>{table(('reason', '#attempts'), rows)}</details>"
    text = f"{result.recorder.troubles.total():,} attempts came to nothing and were made again, which the protocol allows and hides."
    yield _section("What the retries hid", text, body)


def _strikes(result: Result, figures: Figures) -> Iterable[str]:
    aims = {row.fault: row.aim for row in figures.recoveries}
    rows = [
        (
            str(number), f"{seen.strike.begun:.1f} s", f'<span class="w">{html.escape(seen.strike.fault)}</span>',
            html.escape(seen.strike.target), duration(seen.strike.healed - seen.strike.begun),
            _measured(seen.recovery, aims[seen.strike.fault]),
            duration(slowest),
        )
        for number, (seen, slowest) in enumerate(zip(result.seen, figures.slowest, strict=True), 1)
    ]  # fmt: skip
    if rows:
        columns = ("#", "#at", "fault", "target", "#lasted", "#recovery", "#slowest answer")
        body = f"<details><summary>{plural(len(rows), 'strike')}</summary>{table(columns, rows)}</details>"
        yield _section("Every strike", "In the order in which they began.", body)


def _repeat(result: Result) -> str:
    place = result.place
    entries = [
        ("seed", str(result.options.seed)),
        ("faults", ", ".join(result.plan.faults) or "none"),
        *[(f"no {name}", reason) for name, reason in sorted(result.skipped.items())],
        (
            "load",
            f"{result.options.clients} clients, {result.options.rate:g} operations a second, {result.options.patience:g} s each",
        ),
        ("platform", _platform(result)),
        ("journal", f"replicas {place['replicas']}, sync_interval {place['sync_interval']}, lease {place['lease_ttl']:g} s"),
        ("versions", f"natya {place['natya']}, {place['nats']}, {place['store']}, Python {place['python']}"),
        ("machine", f"{place['processor']}, {place['cores']} cores, {place['memory_gib']:.0f} GiB, {place['system']}"),
        (
            "disk",
            f"{place['file_system']}, {place['fsync_ms']:.2f} ms an fsync; load before the run {place['load_before']:.2f}",
        ),
    ]
    listed = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in entries)
    return f"<pre>{html.escape(result.options.command(result.plan.faults))}</pre><dl>{listed}</dl>"


def _platform(result: Result) -> str:
    partitions = ", ".join(f"{kind} {count}" for kind, count in result.place["partitions"].items())
    own = "started for the run" if result.place["started_here"] else f"joined at {result.options.data}"
    return f"{plural(result.place['workers'], 'worker')}, {own}; partitions: {partitions}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already. Columns that begin with ``#`` hold numbers."""
    classes = [' class="n"' if column.startswith("#") else "" for column in columns]
    heads = "".join(f"<th{each}>{column.lstrip('#') or column}</th>" for each, column in zip(classes, columns, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{each}>{cell}</td>' for each, cell in zip(classes, row, strict=True))}</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
