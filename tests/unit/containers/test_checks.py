import pytest

from netwright.containers.checks import check
from netwright.containers.signals import parse_signal
from netwright.errors import InvalidInput, NotBuilt
from netwright.model.container import (
    ContainerConfig,
    ContainerRequest,
    HostSettings,
    Limits,
    RestartPolicy,
    RestartWhen,
)
from netwright.model.ports import Port, PortRequest

PORTS = (PortRequest(Port.parse("80")),)
CPUS = (0, 1)


def request(host: HostSettings, config: ContainerConfig | None = None) -> ContainerRequest:
    return ContainerRequest(name="", config=config or ContainerConfig(image="x"), host=host)


JOINING = "container:other"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (HostSettings(network_mode="container:"), "invalid container format container:<name|id>"),
        (HostSettings(network_mode=JOINING, links=("a",)), "can't be used with links"),
        (HostSettings(network_mode=JOINING, dns=("1.1.1.1",)), "dns and the network mode"),
        (HostSettings(network_mode=JOINING, ports=PORTS), "port publishing and the container type network mode"),
        (HostSettings(network_mode="host", links=("a",)), "host type networking can't be used with links"),
        (HostSettings(restart=RestartPolicy(RestartWhen.ALWAYS, 3)), "maximum retry count can only be used"),
        (HostSettings(restart=RestartPolicy(RestartWhen.ALWAYS), auto_remove=True), "with restart policy"),
        (HostSettings(pid_mode="odd"), "invalid PID mode: odd"),
        (HostSettings(links=("a:b:c",)), "bad format for links: a:b:c"),
        (HostSettings(links=("a:",)), "bad format for links: a:"),
        (HostSettings(extra_hosts=("a:b:c",)), 'invalid IP address in add-host: "b:c"'),
        (HostSettings(dns_search=("a\nnameserver 192.0.2.6",)), "invalid domain to search in"),
        (HostSettings(dns_options=("",)), "invalid option for the resolver"),
        (HostSettings(limits=Limits(nano_cpus=2_000_000_001)), "range of CPUs is from 0.01 to 2.00"),
        (HostSettings(limits=Limits(nano_cpus=-1)), "range of CPUs is from 0.01 to 2.00"),
        (HostSettings(limits=Limits(cpuset_cpus="0-2")), "requested 0-2, available: 0,1"),
        (HostSettings(limits=Limits(cpuset_cpus="1-0")), "Invalid value 1-0 for cpuset cpus"),
        (HostSettings(limits=Limits(cpuset_mems="x")), "Invalid value x for cpuset mems"),
    ],
)
def test_what_cannot_go_together_is_refused(host: HostSettings, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check(request(host), CPUS)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (ContainerConfig(image="x", command=("a\0b",)), "NUL byte"),
        (ContainerConfig(image="x", environment=("A=\0",)), "NUL byte"),
        (ContainerConfig(image="x", environment=("=x",)), "invalid environment variable: =x"),
        (ContainerConfig(image="x", stop_signal="NOPE"), "invalid signal: NOPE"),
        (ContainerConfig(image="x", domainname="a b"), "invalid domainname format: a b"),
    ],
)
def test_what_no_program_or_file_can_hold_is_refused_before_the_start(config: ContainerConfig, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check(request(HostSettings(), config), CPUS)


def test_all_processors_may_be_asked_for() -> None:
    assert check(request(HostSettings(limits=Limits(nano_cpus=2_000_000_000, cpuset_cpus="0,1"))), CPUS) == ()


def test_a_hostname_belongs_to_ones_own_stack_and_is_a_name() -> None:
    named = ContainerConfig(image="x", hostname="h")
    for host in (HostSettings(network_mode=JOINING), HostSettings(uts_mode="host")):
        with pytest.raises(InvalidInput, match="conflicting options: hostname"):
            check(request(host, named), CPUS)
    with pytest.raises(InvalidInput, match="invalid hostname format: -h"):
        check(request(HostSettings(), ContainerConfig(image="x", hostname="-h")), CPUS)


def test_ports_on_the_hosts_stack_are_discarded_with_a_warning() -> None:
    warnings = check(request(HostSettings(network_mode="host", ports=PORTS)), CPUS)
    assert warnings == ("Published ports are discarded when using host network mode",)
    assert check(request(HostSettings(ports=PORTS)), CPUS) == ()


def test_joining_another_containers_processes_is_not_built() -> None:
    with pytest.raises(NotBuilt):
        check(request(HostSettings(pid_mode="container:x")), CPUS)


@pytest.mark.parametrize(("text", "number"), [("", 15), ("9", 9), ("hup", 1), ("SIGUSR1", 10), ("RTMIN+1", 35)])
def test_signals_have_names_and_numbers(text: str, number: int) -> None:
    assert parse_signal(text, 15) == number


@pytest.mark.parametrize("text", ["0", "99", "SIGNOSUCH", "RTMIN+99"])
def test_other_signals_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=f"invalid signal: {text}".replace("+", r"\+")):
        parse_signal(text, 15)
