"""The recipes of Docker's documentation for the chain DOCKER-USER, as they are written there, in both backends."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from machine import HOST4, HOST4_SECOND, HOST6, OUTSIDE4, OUTSIDE6, Engine
from traffic import fetch, pinged, reached, serve, sleeper

ESTABLISHED = "-I DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
RECIPES = {
    "one address only": ("-I DOCKER-USER -i wan0 ! -s {} -j DROP", OUTSIDE4, "192.0.2.99"),
    "a subnet only": ("-I DOCKER-USER -i wan0 ! -s {} -j DROP", "192.0.2.0/24", "198.51.100.0/24"),
    "a range only": (
        "-I DOCKER-USER -m iprange -i wan0 ! --src-range {} -j DROP",
        "192.0.2.1-192.0.2.9",
        "192.0.2.50-192.0.2.60",
    ),
}
RECIPES6 = {
    "one address only": ("-I DOCKER-USER -i wan0 ! -s {} -j DROP", OUTSIDE6, "2001:db8::99"),
    "a subnet only": ("-I DOCKER-USER -i wan0 ! -s {} -j DROP", "2001:db8::/64", "2001:db8:f::/64"),
}
ALL = [
    *(pytest.param("iptables", HOST4, *recipe, id=name) for name, recipe in RECIPES.items()),
    *(pytest.param("ip6tables", HOST6, *recipe, id=f"{name}, IPv6") for name, recipe in RECIPES6.items()),
]


@pytest.fixture
def web(engine: Engine) -> Engine:
    """Publish a web server in both families."""
    engine.docker("network", "create", "--ipv6", "--subnet", "fd60::/64", "shop")
    serve(engine, "--name", "web", "--network", "shop", "-p", "8080:80", "-p", "8081:80")
    assert fetch(engine.machine.outside, HOST4, 8080) == "hello\n"
    return engine


@contextmanager
def rules(engine: Engine, program: str, *lines: str) -> Iterator[None]:
    """Have the administrator's rules for the time of the block."""
    try:
        for line in lines:
            engine.machine.host.run(program, *line.split())
        yield
    finally:
        engine.machine.host.run(program, "-F", "DOCKER-USER")


@pytest.mark.parametrize(("program", "address", "recipe", "who", "others"), ALL)
def test_only_those_who_are_named_connect(
    web: Engine, program: str, address: str, recipe: str, who: str, others: str
) -> None:
    outside, host = web.machine.outside, web.machine.host
    with rules(web, program, recipe.format(who)):
        allowed = fetch(outside, address, 8080)
    with rules(web, program, recipe.format(others)):
        refused = reached(outside, address, 8080)
        own = fetch(host, address, 8080)
    assert (allowed, refused, own) == ("hello\n", False, "hello\n")


def test_nothing_from_an_interface_but_answers(web: Engine) -> None:
    outside = web.machine.outside
    client = sleeper(web, "--network", "shop")
    with rules(web, "iptables", "-I DOCKER-USER -i wan0 -j DROP", ESTABLISHED):
        assert not reached(outside, HOST4, 8080)
        assert pinged(client, OUTSIDE4)


def test_a_port_is_closed_by_the_number_and_address_that_were_asked_for(web: Engine) -> None:
    outside = web.machine.outside
    origin = f"--ctorigdst {HOST4} --ctorigdstport 8080"
    rule = f"-I DOCKER-USER -p tcp -m conntrack {origin} --ctdir ORIGINAL -j DROP"
    with rules(web, "iptables", rule):
        assert not reached(outside, HOST4, 8080)
        assert fetch(outside, HOST4, 8081) == "hello\n"
        assert fetch(outside, HOST4_SECOND, 8080) == "hello\n"
    assert fetch(outside, HOST4, 8080) == "hello\n"
