"""Why packets arrive or do not, in words, beside what they really do."""

import json
from pathlib import Path

import pytest
from machine import HOST4, OUTSIDE4, Engine, Machine
from test_publish import fetch, serve

IMAGE = "busybox:latest"


def explain(engine: Engine, *words: str) -> dict[str, object]:
    """Return an explanation as a document."""
    return dict(json.loads(engine.netwright("firewall", "explain", "--json", *words).stdout))


def address(engine: Engine) -> str:
    """Return the web server's address."""
    return engine.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web").stdout.strip()


def test_an_explanation_says_what_happens_and_why(engine: Engine) -> None:
    serve(engine, "--name", "web", "-p", "8080:80", "--label", f"netwright.publish.from={OUTSIDE4}")
    engine.docker("network", "create", "back")
    serve(engine, "--name", "db", "--network", "back")

    allowed = explain(engine, OUTSIDE4, ":8080")
    refused = explain(engine, "192.0.2.99", "to", ":8080")
    apart = explain(engine, "web -> db:80")
    out = explain(engine, "web", "192.0.2.7:443")

    assert (allowed["Verdict"], allowed["Interface"]) == ("container", "wan0")
    assert allowed["To"] == f"{HOST4}:8080/tcp"
    assert fetch(engine.machine.outside, HOST4, 8080) == "hello\n"
    assert refused["Verdict"] == "dropped"
    assert refused["Steps"] == [f"only {OUTSIDE4} may connect, and not 192.0.2.99"]
    assert (apart["Verdict"], out["Verdict"]) == ("dropped", "out")


def test_it_reads_as_a_sentence_and_names_who_else_decides(engine: Engine) -> None:
    serve(engine, "--name", "web", "-p", "8080:80")
    host = engine.machine.host
    host.run("iptables", "-P", "FORWARD", "DROP")
    host.run("iptables", "-A", "DOCKER-USER", "-s", "203.0.113.9", "-j", "DROP")
    try:
        said = engine.netwright("firewall", "explain", f"{OUTSIDE4} -> :8080").stdout
    finally:
        host.run("iptables", "-D", "DOCKER-USER", "-s", "203.0.113.9", "-j", "DROP")
        host.run("iptables", "-P", "FORWARD", "ACCEPT")

    first, step, decision, end, *notes = said.splitlines()
    assert first == f"from {OUTSIDE4} by wan0 to {HOST4}:8080/tcp"
    assert step == f"  published: leads to {address(engine)} port 80"
    assert decision == "  the port is published"
    assert end == f"yes, if nobody noted here drops it: the container gets it at {address(engine)}:80"
    assert any("iptables drops what no rule of FORWARD accepts" in note for note in notes)
    assert any("a rule of the administrator in DOCKER-USER" in note for note in notes)


def test_what_cannot_be_explained_is_said(engine: Engine) -> None:
    for words, text in {
        ("nobody", ":80"): "No such container: nobody",
        ("host", "8080"): "names no port",
        ("192.0.2.7", "[2001:db8::1]:80"): "different families",
        ("host",): "name who sends and where to",
    }.items():
        done = engine.netwright("firewall", "explain", *words, check=False)

        assert done.returncode == 1
        assert text in done.stderr


def test_the_rules_that_should_stand_can_be_loaded(engine: Engine) -> None:
    serve(engine, "--name", "web", "-p", "8080:80")
    script = engine.netwright("firewall", "show").stdout
    nft, *restores = script.split("# iptables-restore --noflush\n")

    engine.machine.host.run("nft", "--check", "-f", "-", stdin=nft.partition("# ip6tables")[0])

    own = address(engine)
    assert f"{own} . 80" in nft or any(f"--to-destination {own}:80" in text for text in restores)


@pytest.mark.parametrize(
    ("backend", "rule"),
    [("nftables", "tcp . 8080 : 172.17.0.2 . 80"), ("iptables", "--to-destination 172.17.0.2:80")],
)
def test_without_a_firewall_of_ours_the_rules_are_told_for_the_administrator(
    machine: Machine, tmp_path: Path, image_tar: Path, backend: str, rule: str
) -> None:
    engine = Engine(machine, tmp_path, f"--firewall-backend={backend}", "--iptables=false", "--ip6tables=false")
    try:
        engine.start()
        engine.docker("import", str(image_tar), IMAGE)
        serve(engine, "--name", "web", "-p", "8080:80")

        shown = engine.netwright("firewall", "show").stdout

        assert rule in shown
        assert machine.host.run("nft", "list", "ruleset").stdout == ""
        assert fetch(machine.outside, HOST4, 8080) == "hello\n"
        # The neighbour has a route back, so nothing needs translating.
        engine.docker("exec", "web", "ping", "-c", "1", "-w", "5", OUTSIDE4)
    finally:
        engine.close()
