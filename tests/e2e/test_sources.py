"""Sets of sources under names: ports that name one follow every change of it."""

import json

from machine import HOST4, HOST6, OUTSIDE4, OUTSIDE6, Engine
from test_publish import IMAGE, fetch, serve


def test_ports_follow_the_set_that_they_name(engine: Engine) -> None:
    engine.netwright("sources", "set", "office", "203.0.113.0/24")
    serve(engine, "--name", "web", "-p", "8080:80", "--label", "netwright.publish.from=office")
    serve(engine, "--name", "api", "-p", "8081:80")
    engine.netwright("publish", "api", "8081:80", "--from", "office,host")
    outside = engine.machine.outside
    ways = [(HOST4, 8080), (f"[{HOST6}]", 8080), (HOST4, 8081), (f"[{HOST6}]", 8081)]

    before = [fetch(outside, *way) for way in ways]
    engine.netwright("sources", "add", "office", OUTSIDE4, OUTSIDE6)
    during = [fetch(outside, *way) for way in ways]
    listed = engine.netwright("sources", "ls", "--json").stdout
    engine.netwright("sources", "drop", "office", "192.0.2.0/28", OUTSIDE6)
    after = [fetch(outside, *way) for way in ways]

    assert before == after == [None] * 4
    assert during == ["hello\n"] * 4
    assert json.loads(listed) == [
        {"Name": "office", "Sources": [OUTSIDE4, "203.0.113.0/24", OUTSIDE6], "UsedBy": ["api", "web"]}
    ]
    assert fetch(engine.machine.host, HOST4, 8081) == "hello\n"
    assert "from host, office" in engine.netwright("port", "--from", "api").stdout
    assert engine.netwright("firewall", "check").returncode == 0


def test_a_set_outlives_the_engine_and_stays_while_it_is_used(engine: Engine) -> None:
    engine.netwright("sources", "set", "office", OUTSIDE4)
    serve(engine, "--name", "web", "-p", "8080:80", "--label", "netwright.publish.from=office")

    used = engine.netwright("sources", "rm", "office", check=False)
    engine.stop()
    engine.start()
    restarted = fetch(engine.machine.outside, HOST4, 8080)
    engine.netwright("sources", "set", "office")
    nobody = fetch(engine.machine.outside, HOST4, 8080)
    engine.docker("rm", "-f", "web")
    engine.netwright("sources", "rm", "office")

    assert "the set of sources office is in use by web" in used.stderr
    assert (restarted, nobody) == ("hello\n", None)
    assert engine.netwright("sources", "ls", "-q").stdout == ""


REFUSALS = {
    ("publish", "web", "8081:80", "--from", "ofice"): "no set of sources is called ofice (did you mean office?)",
    ("publish", "web", "8081:80", "--from", "hots"): "no set of sources is called hots (did you mean host?)",
    ("sources", "add", "of-fice", "::1"): "no set of sources is called of-fice (did you mean office?)",
    ("sources", "rm", "home"): "no set of sources is called home",
    ("sources", "set", "lan", "::1"): "'lan' is no name for a set of sources",
    ("sources", "set", "office", "192.0.2.7/24"): "192.0.2.7/24 has host bits set",
}


def test_what_makes_no_sense_is_said_and_changes_nothing(engine: Engine) -> None:
    engine.netwright("sources", "set", "office", "192.0.2.0/24")
    serve(engine, "--name", "web", "-p", "8080:80")
    before = engine.netwright("sources", "ls").stdout, engine.docker("port", "web").stdout

    for words, text in REFUSALS.items():
        done = engine.netwright(*words, check=False)
        assert (done.returncode, text in done.stderr) == (1, True), done.stderr
    label = ("--label", "netwright.publish.from=ofice")
    created = engine.docker("create", "-p", "8082:80", *label, IMAGE, "true", check=False)

    assert "did you mean office?" in created.stderr
    assert (engine.netwright("sources", "ls").stdout, engine.docker("port", "web").stdout) == before
