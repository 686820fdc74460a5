"""The figures as tables."""

import math

from scenarios import SCENARIOS


NEVER = "never"  # as JSON has no infinity


def without_infinities(results):
    """`results` as JSON can hold them."""
    if isinstance(results, dict):
        return {key: without_infinities(value) for key, value in results.items()}
    if isinstance(results, (list, tuple)):
        return [without_infinities(value) for value in results]
    return NEVER if results == math.inf else results


def number(value):
    return math.inf if value == NEVER else value


def formatted(value, unit):
    if value is None:
        return "-"
    if math.isinf(value):
        return NEVER
    if unit in ("RTT", "share"):
        return f"{value:.2f}"
    return f"{value:.1f}" if unit else f"{value:.0f}"


def bound(figure, rtt_ms):
    if figure.at and rtt_ms not in figure.at:
        return ""
    if figure.most is not None:
        return f"<= {figure.most:g}"
    return "" if figure.least is None else f">= {figure.least:g}"


def cell_text(figure, kind, value, rtt_ms):
    text = formatted(value, figure.unit)
    is_met = figure.is_met(value, rtt_ms) if value is not None else None
    mark = {True: " ✓", False: " ✗", None: ""}[is_met] if kind.startswith("nikawa") else ""
    return text + mark


def table(written, rtt_ms):
    kinds = written["proxies"]
    rows = [["", "unit", "bound", *kinds], ["---", "---", "---:", *["---:"] * len(kinds)]]
    for name, results in written["results"].items():
        of_trip = results.get(str(rtt_ms), {})
        for figure in SCENARIOS[name].figures:
            values = [number(of_trip.get(kind, {}).get(figure.key)) for kind in kinds]
            if any(value is not None for value in values):
                rows.append([figure.title, figure.unit, bound(figure, rtt_ms),
                             *(cell_text(figure, kind, value, rtt_ms)
                               for kind, value in zip(kinds, values))])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("| " + " | ".join(text.ljust(width) for text, width in zip(row, widths)) + " |"
                     for row in rows)


def report(written):
    parts = [f"Round trip {rtt_ms} ms\n\n{table(written, rtt_ms)}" for rtt_ms in written["rtt"]]
    return "\n\n".join([*parts, "; ".join([*written["versions"], written["machine"]])])
