"""The figures of all benchmarks as pictures: SVG, one file each. What was not measured is not drawn."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pygal
from figures import Figure, Target
from pygal.style import Style

Found = Mapping[str, Sequence[Figure]]
"""Figures by the name of their benchmark (`bench/all.py`)."""

STYLE = Style(
    background="white",
    plot_background="white",
    foreground="#333",
    foreground_strong="#111",
    foreground_subtle="#999",
    colors=("#1b6ca8", "#e07a1f", "#3a9d5d", "#8a4fa3"),
    font_family="sans-serif",
    label_font_size=13,
    major_label_font_size=13,
    value_font_size=12,
    value_label_font_size=12,
    legend_font_size=14,
    title_font_size=18,
    guide_stroke_color="#ddd",
    major_guide_stroke_color="#bbb",
    opacity=".9",
)
_UNIT = re.compile(r", (ms|us|s|MB)$")
_BESIDE = ("beside Docker", "beside one-shot programs", "command line", "names", "proxy", "ports")
"""The benchmarks in which somebody else's program stands beside ours."""
_OWN = re.compile(r"^(publish a port|unpublish it|new TCP connections)")
"""What stands beside something else of ours in one of them."""


def peers(found: Found) -> pygal.graph.graph.Graph | None:
    """Draw how many times as good as its peer's each of our figures is."""
    rows = [
        (_label(name, figure.what), _times(figure))
        for name in _BESIDE
        for figure in found.get(name, ())
        if figure.theirs and figure.ours and not _OWN.match(figure.what)
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: row[1])
    chart = pygal.HorizontalBar(
        **_frame("Times as good as the peer (1: equal; logarithmic)", height=120 + 30 * len(rows)),
        show_legend=False,
        logarithmic=True,
        zero=1,
        range=(0.1, 1000),
        value_formatter=lambda value: f"{value:g} x",
        truncate_label=-1,
    )
    chart.x_labels = [f"{what}: {times:.3g} x" for what, times in rows]
    chart.y_labels = [0.1, 1, 10, 100, 1000]
    chart.add(
        "netwright",
        [{"value": times, "color": STYLE.colors[0] if times >= 1 else STYLE.colors[1]} for _, times in rows],
    )
    return chart


def _label(benchmark: str, what: str) -> str:
    """Return what is said of a figure: without its unit, and with its benchmark where it needs that."""
    said = _UNIT.sub("", what.strip())
    return said if benchmark.startswith("beside") else f"{benchmark}: {said}"


def _times(figure: Figure) -> float:
    assert figure.ratio is not None
    target: Target | None = figure.target
    more = target.word == "at least" if target is not None else "/s" in figure.what or "a second" in figure.what
    return figure.ratio if more else 1 / figure.ratio


def growth(found: Found) -> pygal.graph.graph.Graph | None:
    """Draw what one more takes, by how many there are."""
    return _curves(
        found.get("growth", ()),
        "One more, by how many there are",
        ("endpoints on one network, or networks", "milliseconds"),
        lambda what: what.split(",")[0] if what.startswith("making") else what.removesuffix(", ms"),
    )


def ports(found: Found) -> pygal.graph.graph.Graph | None:
    """Draw what publishing one more port takes, by how many are published."""
    names = iter(("netwright's rules (nftables)", "Docker's rules (iptables)"))
    return _curves(
        found.get("ports", ()), "Publishing one more port", ("published ports", "milliseconds"), lambda _: next(names)
    )


def restart(found: Found) -> pygal.graph.graph.Graph | None:
    """Draw how soon an engine is ready again, by how many containers run."""
    return _curves(
        found.get("restart", ()),
        "Ready again after a restart",
        ("running containers", "milliseconds"),
        lambda what: what.removesuffix(", ms"),
    )


def _curves(
    figures: Sequence[Figure], title: str, axes: tuple[str, str], name: Callable[[str], str]
) -> pygal.graph.graph.Graph | None:
    lines = [(name(figure.what.strip()), figure.curve) for figure in figures if figure.curve]
    if not lines:
        return None
    highest = max(value for _, line in lines for _, value in line)
    chart = pygal.XY(
        **_frame(title, height=480),
        legend_at_bottom=True,
        legend_at_bottom_columns=1,
        truncate_legend=-1,
        x_title=axes[0],
        y_title=axes[1],
        dots_size=3,
        stroke_style={"width": 2.5},
        range=(0, highest * 1.1),
        x_value_formatter=lambda value: f"{value:,.0f}",
        value_formatter=lambda value: f"{value:,.0f}" if value >= 100 else f"{value:.3g}",
    )
    for what, line in lines:
        chart.add(what, list(line))
    return chart


def split(found: Found) -> pygal.graph.graph.Graph | None:
    """Draw where the processor's time of an attach and of a detach goes."""
    pattern = re.compile(r"^(\w+): work of the processor in (\w+), (\w+), ms$")
    parts: dict[str, dict[str, float]] = {}
    for figure in found.get("attach", ()):
        if (seen := pattern.match(figure.what.strip())) is not None:
            parts.setdefault(seen[2], {})[f"{seen[1]}, {seen[3]}"] = figure.ours
    if not parts:
        return None
    labels = list(dict.fromkeys(label for part in parts.values() for label in part))
    chart = pygal.StackedBar(
        **_frame("Work of the processor for one endpoint", height=460),
        legend_at_bottom=True,
        y_title="milliseconds",
        print_values=True,
        value_formatter=lambda value: f"{value:.1f}" if value >= 0.1 else "",
    )
    chart.x_labels = labels
    names = {"Python": "Python", "kernel": "the kernel, for the engine", "programs": "programs that it starts"}
    for part, values in parts.items():
        chart.add(names[part], [values[label] for label in labels])
    return chart


ALL: Mapping[str, Callable[[Found], pygal.graph.graph.Graph | None]] = {
    "peers": peers,
    "growth": growth,
    "ports": ports,
    "restart": restart,
    "split": split,
}


def write(found: Found, folder: Path) -> list[Path]:
    """Write the pictures of what was measured, and return where they are."""
    written = []
    for name, draw in ALL.items():
        chart = draw(found)
        if chart is not None:
            path = folder / f"{name}.svg"
            path.write_bytes(chart.render())
            written.append(path)
    return written


def _frame(title: str, *, height: int) -> dict[str, object]:
    """Return what all pictures have in common: no script, nothing loaded from elsewhere."""
    return {"title": title, "style": STYLE, "width": 900, "height": height, "explicit_size": True, "js": ()}
