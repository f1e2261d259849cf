"""Names inside containers, asked with real resolvers."""

from machine import Engine

IMAGE = "busybox:latest"


def test_neighbours_are_found_by_every_name_they_have(engine: Engine) -> None:
    engine.docker("network", "create", "--subnet", "10.81.0.0/24", "one")
    ran = engine.docker(
        "run", "-d", "--name", "web", "--hostname", "wonder", "--network", "one", "--network-alias", "www",
        "--ip", "10.81.0.9", IMAGE, "sleep", "1000",
    )  # fmt: skip
    names = ["web", "WEB", "www", "wonder", ran.stdout[:12], "web.one", "www.one."]
    script = ";".join(f"nslookup -type=a {name} 127.0.0.11 | grep -c 'Address: 10.81.0.9'" for name in names)

    done = engine.docker("run", "--rm", "--network", "one", IMAGE, "sh", "-c", script)
    pinged = engine.docker("run", "--rm", "--network", "one", IMAGE, "ping", "-c1", "-W2", "web")

    assert done.stdout.split() == ["1"] * len(names)
    assert "1 packets received" in pinged.stdout
