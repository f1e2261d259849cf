import pytest

from netwright.containers.checks import check
from netwright.containers.signals import parse_signal
from netwright.errors import InvalidInput, NotBuilt
from netwright.model.container import ContainerConfig, ContainerRequest, HostSettings, RestartPolicy, RestartWhen
from netwright.model.ports import Port, PortRequest

PORTS = (PortRequest(Port.parse("80")),)


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
    ],
)
def test_what_cannot_go_together_is_refused(host: HostSettings, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check(request(host))


def test_a_hostname_belongs_to_ones_own_stack_and_is_a_name() -> None:
    named = ContainerConfig(image="x", hostname="h")
    for host in (HostSettings(network_mode=JOINING), HostSettings(uts_mode="host")):
        with pytest.raises(InvalidInput, match="conflicting options: hostname"):
            check(request(host, named))
    with pytest.raises(InvalidInput, match="invalid hostname format: -h"):
        check(request(HostSettings(), ContainerConfig(image="x", hostname="-h")))


def test_ports_on_the_hosts_stack_are_discarded_with_a_warning() -> None:
    warnings = check(request(HostSettings(network_mode="host", ports=PORTS)))
    assert warnings == ("Published ports are discarded when using host network mode",)
    assert check(request(HostSettings(ports=PORTS))) == ()


def test_joining_another_containers_processes_is_not_built() -> None:
    with pytest.raises(NotBuilt):
        check(request(HostSettings(pid_mode="container:x")))


@pytest.mark.parametrize(("text", "number"), [("", 15), ("9", 9), ("hup", 1), ("SIGUSR1", 10), ("RTMIN+1", 35)])
def test_signals_have_names_and_numbers(text: str, number: int) -> None:
    assert parse_signal(text, 15) == number


@pytest.mark.parametrize("text", ["0", "99", "SIGNOSUCH", "RTMIN+99"])
def test_other_signals_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=f"invalid signal: {text}".replace("+", r"\+")):
        parse_signal(text, 15)
