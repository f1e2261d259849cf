"""What is counted of names."""

from netwright.host.queries import NameCounts
from netwright.telemetry.metrics import Metrics


def figure(metrics: Metrics, line: str) -> float:
    text = metrics.exposition().decode()
    return next((float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(line)), 0.0)


def queries(metrics: Metrics) -> float:
    return figure(metrics, 'netwright_dns_total{what="queries"}')


def test_what_has_happened_is_counted_once() -> None:
    metrics = Metrics()
    metrics.names([NameCounts(netns="a", queries=5, forwards=2, seconds=0.5)])
    metrics.names([NameCounts(netns="a", queries=7, forwards=2, seconds=0.5), NameCounts(netns="b", queries=1)])
    assert queries(metrics) == 8
    assert figure(metrics, 'netwright_dns_total{what="forwards"}') == 2
    assert figure(metrics, "netwright_dns_forward_seconds_total") == 0.5


def test_a_figure_never_falls_when_containers_go_or_start_again() -> None:
    metrics = Metrics()
    metrics.names([NameCounts(netns="a", queries=5), NameCounts(netns="b", queries=5)])
    metrics.names([NameCounts(netns="a", queries=1)])
    assert queries(metrics) == 11
