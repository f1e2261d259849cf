"""What the engine counts."""

import pytest

from netwright.telemetry.metrics import Metrics


def lines(metrics: Metrics) -> list[str]:
    return metrics.exposition().decode().splitlines()


def test_operations_are_counted_by_outcome() -> None:
    metrics = Metrics()
    with metrics.operation("network_create"):
        pass
    with pytest.raises(KeyError), metrics.operation("network_create"):
        raise KeyError
    text = lines(metrics)
    assert 'netwright_operation_seconds_count{operation="network_create",outcome="done"} 1.0' in text
    assert 'netwright_operation_seconds_count{operation="network_create",outcome="failed"} 1.0' in text


def test_requests_are_counted_by_route() -> None:
    metrics = Metrics()
    metrics.request("GET", "/networks/{id}", 404, 0.002)
    wanted = 'netwright_api_request_seconds_bucket{le="0.0025",method="GET",route="/networks/{id}",status="404"} 1.0'
    assert wanted in lines(metrics)


def test_what_a_user_typed_never_becomes_a_label() -> None:
    metrics = Metrics()
    metrics.event("container", "exec_start: sh -c secret")
    text = lines(metrics)
    assert 'netwright_events_total{action="exec_start",type="container"} 1.0' in text
    assert not any("secret" in line for line in text)


def test_a_gauge_is_read_when_it_is_asked_for() -> None:
    metrics = Metrics()
    endpoints: list[str] = []
    metrics.gauge("endpoints", "Open endpoints.", lambda: len(endpoints))
    endpoints.append("one")
    assert "netwright_endpoints 1.0" in lines(metrics)


def test_two_engines_do_not_share_counters() -> None:
    first, second = Metrics(), Metrics()
    first.event("network", "create")
    assert not any(line.startswith("netwright_events_total{") for line in lines(second))
