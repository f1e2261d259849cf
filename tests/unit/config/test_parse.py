"""From flags and daemon.json to a Config."""

import json
from dataclasses import fields
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.config import OPTIONS, AddressPool, Config, Listen, NetworkOption, invocation, parse, reloaded
from netwright.config.table import FOREIGN
from netwright.errors import InvalidInput
from netwright.model.listener import Listener

LISTENERS = (Listener.parse("127.0.0.153"), Listener.parse("[::1]:5353"))


def refusal(*argv: str, file: str | None = None) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse(argv, file)
    message = caught.value.message
    assert "\n" not in message
    return message


def test_nothing_given_means_the_documented_defaults() -> None:
    config = parse([])
    assert config.hosts == (Listen("unix", "/run/netwright/docker.sock"),)
    assert config.pidfile == Path("/run/netwright/netwright.pid")
    assert config.data_root == Path("/var/lib/netwright")
    assert (config.firewall_backend, config.default_runtime, config.mtu) == ("nftables", "auto", 1500)
    assert config.live_restore
    assert config.icc
    assert not config.ipv6
    assert config.ignored == ()


def test_socket_and_pidfile_follow_the_exec_root() -> None:
    config = parse(["--exec-root", "/run/second"])
    assert str(config.hosts[0]) == "unix:///run/second/docker.sock"
    assert config.pidfile == Path("/run/second/netwright.pid")


def test_a_unix_host_without_a_path_is_the_usual_socket() -> None:
    hosts = parse(["-H", "unix://", "--host=unix:///other.sock"]).hosts
    assert [str(host) for host in hosts] == ["unix:///run/netwright/docker.sock", "unix:///other.sock"]


@pytest.mark.parametrize(
    ("argv", "attribute", "value"),
    [
        (["--bip", "192.168.5.1/24"], "bip", IPv4Interface("192.168.5.1/24")),
        (["--bip6=fd00:5::1/64"], "bip6", IPv6Interface("fd00:5::1/64")),
        (["--fixed-cidr", "10.1.2.3/24"], "fixed_cidr", IPv4Network("10.1.2.0/24")),
        (["--default-gateway=10.1.2.254"], "default_gateway", IPv4Address("10.1.2.254")),
        (["--ip", "::1"], "ip", ip_address("::1")),
        (["--icc=false"], "icc", False),
        (["--icc=F"], "icc", False),
        (["--ipv6"], "ipv6", True),
        (["--userland-proxy=0"], "userland_proxy", False),
        (["-D"], "log_level", "debug"),
        (["-l", "warn"], "log_level", "warn"),
        (["-lwarn"], "log_level", "warn"),
        (["-l=warn"], "log_level", "warn"),
        (["-Dl", "info"], "log_level", "debug"),
        (["-b", "br0"], "bridge", "br0"),
        (["-G", "docker"], "group", "docker"),
        (["--mtu", "1400", "--mtu", "1300"], "mtu", 1300),
        (["--dns", "192.0.2.1", "--dns=2001:db8::1"], "dns", (ip_address("192.0.2.1"), ip_address("2001:db8::1"))),
        (["--dns-search", "."], "dns_search", (".",)),
        (["--host-names", "127.0.0.153", "--host-names=[::1]:5353"], "host_names", LISTENERS),
        (["--label", "a=b", "--label", "c="], "labels", (("a", "b"), ("c", ""))),
        (
            ["--default-address-pool", "base=10.0.0.0/8,size=24"],
            "default_address_pools",
            (AddressPool(ip_network("10.0.0.0/8"), 24),),
        ),
        (
            ["--default-network-opt", "bridge=com.docker.network.driver.mtu=1400"],
            "default_network_opts",
            (NetworkOption("bridge", "com.docker.network.driver.mtu", "1400"),),
        ),
    ],
)
def test_a_flag_is_read_as_dockers_programs_read_it(argv: list[str], attribute: str, value: object) -> None:
    assert getattr(parse(argv), attribute) == value


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ('{"bip": "192.168.5.1/24"}', "bip", IPv4Interface("192.168.5.1/24")),
        ('{"icc": false}', "icc", False),
        ('{"mtu": 1400}', "mtu", 1400),
        ('{"dns": ["192.0.2.1"]}', "dns", (ip_address("192.0.2.1"),)),
        ('{"hosts": ["unix:///a", "unix:///b"]}', "hosts", (Listen("unix", "/a"), Listen("unix", "/b"))),
        ('{"labels": ["a=b"]}', "labels", (("a", "b"),)),
        ('{"resolv-conf": "/etc/other"}', "resolv_conf", Path("/etc/other")),
        ('{"host-names": ["127.0.0.153", "[::1]:5353"]}', "host_names", LISTENERS),
        ('{"host-names": "127.0.0.153"}', "host_names", LISTENERS[:1]),
        ('{"host-names": []}', "host_names", ()),
        ('{"host-gateway-ip": "192.0.2.1"}', "host_gateway_ips", (ip_address("192.0.2.1"),)),
        ('{"host-gateway-ips": ["192.0.2.1"]}', "host_gateway_ips", (ip_address("192.0.2.1"),)),
        (
            '{"default-address-pools": [{"base": "fd00::/48", "size": 64}]}',
            "default_address_pools",
            (AddressPool(ip_network("fd00::/48"), 64),),
        ),
        (
            '{"default-network-opts": {"bridge": {"a": "1", "b": "2"}}}',
            "default_network_opts",
            (NetworkOption("bridge", "a", "1"), NetworkOption("bridge", "b", "2")),
        ),
        ("", "mtu", 1500),
        ("{}", "mtu", 1500),
    ],
)
def test_a_key_of_the_file_is_read(text: str, attribute: str, value: object) -> None:
    assert getattr(parse([], text), attribute) == value


def test_the_options_of_a_drivers_networks_are_found_by_driver() -> None:
    config = parse(["--default-network-opt", "bridge=a=1", "--default-network-opt", "macvlan=a=2"])
    assert config.network_options("bridge") == {"a": "1"}
    assert config.network_options("overlay") == {}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--iptabels"], "unknown flag: --iptabels (did you mean --iptables?)"),
        (["--wholly-else"], "unknown flag: --wholly-else"),
        (["-Dx"], "unknown shorthand flag: 'x' in -Dx"),
        (["--mtu"], "flag needs an argument: --mtu"),
        (["-H"], "flag needs an argument: -H"),
        (["start"], "unexpected argument: start"),
        (["--icc", "false"], "unexpected argument: false (a switch takes its value with =: --icc=false)"),
        (["--icc=no"], 'invalid argument "no" for "--icc" flag: must be true or false'),
        (["--mtu=big"], 'invalid argument "big" for "--mtu" flag: must be a whole number'),
        (["-l", "loud"], 'invalid argument "loud" for "-l" flag: invalid logging level, it must be one of debug, '),
        (
            ["--bip", "192.168.5.1"],
            'invalid argument "192.168.5.1" for "--bip" flag: invalid CIDR address: 192.168.5.1',
        ),
        (["--bip", "fd00::1/64"], "fd00::1/64 is not an IPv4 address with its prefix length"),
        (["--dns", "dns.test"], "IP address is not correctly formatted: dns.test"),
        (["--label", "alone"], "bad attribute format: alone"),
        (["--dns-search", "-bad-"], "invalid domain: -bad-"),
        (["-H", "/run/x.sock"], "invalid bind address format: /run/x.sock"),
        (["-H", "http://x"], "invalid bind address format: http://x"),
        (["-H", "tcp://h:70000"], "invalid bind address format: tcp://h:70000"),
        (["-H", "tcp://[::1"], "invalid bind address format: tcp://[::1"),
        (["--default-address-pool", "base=10.0.0.0/8"], "it must be base=CIDR,size=NUMBER"),
        (["--default-address-pool", "base=10.0.0.0/16,size=8"], "invalid size 8"),
        (["--default-network-opt", "bridge"], "must be like DRIVER=KEY=VALUE"),
        (["--data-root="], "must be a path"),
        (
            ["--host-names", "[::1]:"],
            'invalid argument "[::1]:" for "--host-names" flag: invalid address for names: [::1]: (it must be like',
        ),
    ],
)
def test_a_bad_command_line_is_refused_in_one_line(argv: list[str], message: str) -> None:
    assert message in refusal(*argv)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"iptable": true}', "the following directives don't match any configuration option: iptable (did you mean"),
        ('{"qqq": 1, "zzz": 2}', "the following directives don't match any configuration option: qqq, zzz"),
        ('{"icc": "false"}', "icc: must be true or false, without quotes"),
        ('{"mtu": "1400"}', "mtu: must be a whole number, without quotes"),
        ('{"mtu": true}', "mtu: must be a whole number, without quotes"),
        ('{"bip": 1}', "bip: must be a string, in quotes"),
        ('{"dns": "192.0.2.1"}', "dns: must be a list"),
        ('{"host-names": ["::1", "fe80::1"]}', "host-names: invalid address for names: fe80::1: it means something on"),
        ('{"host-names": 53}', "host-names: must be a string, in quotes"),
        ('{"default-address-pools": ["10.0.0.0/8"]}', "default-address-pools: must be like"),
        ('{"default-network-opts": []}', "default-network-opts: must be like"),
        ('{"mtu": 1400, "mtu": 1500}', "mtu is given twice"),
        ('{"mtu": 1400,}', "line 1, column"),
        ("[]", "it must be one JSON object"),
        ("[" * 100_000, "it is nested too deeply"),
        ('{"validate": true}', "don't match any configuration option: validate"),
    ],
)
def test_a_bad_file_is_refused_in_one_line_that_names_it(text: str, message: str) -> None:
    said = refusal("--config-file", "/etc/some.json", file=text)
    assert said.startswith("unable to configure the engine with file /etc/some.json: ")
    assert message in said


def test_what_stands_in_flags_and_file_is_refused_even_where_both_agree() -> None:
    assert refusal("--icc=false", "--label", "a=b", file='{"icc": false, "labels": ["c=d"], "mtu": 1400}') == (
        "the following directives are specified both as a flag and in the configuration file: "
        "icc: (from flag: false, from file: false), labels: (from flag: [a=b], from file: [c=d])"
    )


def test_runtimes_may_stand_in_both() -> None:
    config = parse(["--add-runtime", "x=/bin/x"], '{"runtimes": {"y": {"path": "/bin/y"}}}')
    assert len(config.ignored) == 1


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["-b", "br0", "--bip", "10.0.0.1/24"],
            "You specified -b & --bip, mutually exclusive options. Please specify only one",
        ),
        (
            ["-b", "br0", "--bip6", "fd00::1/64"],
            "You specified -b & --bip6, mutually exclusive options. Please specify only one",
        ),
        (
            ["--iptables=false", "--icc=false"],
            (
                "You specified --iptables=false with --icc=false. ICC=false uses iptables to function. "
                "Please set --icc or --iptables to true"
            ),
        ),
        (
            ["--ip6tables=false", "--icc=false", "--ipv6"],
            (
                "You specified --ip6tables=false with --icc=false. ICC=false uses ip6tables to function. "
                "Please set --icc or --ip6tables to true"
            ),
        ),
        (["--label", "a=b", "--label", "a=c"], "conflict labels for a=c and a=b"),
        (
            ["--host-gateway-ip", "192.0.2.1", "--host-gateway-ip", "192.0.2.2"],
            "only one IPv4 host gateway IP address can be specified",
        ),
        (["-H", "tcp://0.0.0.0:2376", "--tlsverify"], "--tlsverify needs --tlscacert and --tlscert and --tlskey too"),
    ],
)
def test_options_that_exclude_each_other_are_refused_in_dockers_words(argv: list[str], message: str) -> None:
    assert refusal(*argv) == message


def test_tcp_without_client_certificates_is_refused_with_the_reason_and_the_cure() -> None:
    said = refusal("-H", "tcp://127.0.0.1:2375")
    assert said.startswith("tcp://127.0.0.1:2375 is refused: who reaches the API is root here")
    assert "--tlsverify" in said


def test_tcp_with_certificates_is_taken_with_its_registered_port() -> None:
    files = ["--tlsverify", "--tlscacert=/ca", "--tlscert=/cert", "--tlskey=/key"]
    hosts = parse([*files, "-H", "tcp://", "-H", "tcp://[2001:db8::1]:99", "-H", "tcp://h/"]).hosts
    assert [str(host) for host in hosts] == ["tcp://:2376", "tcp://[2001:db8::1]:99", "tcp://h:2376"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--bip=10.0.0.0/24"], "take another one of 10.0.0.0/24, such as 10.0.0.1/24"),
        (["--bip=10.0.0.255/24"], "--bip=10.0.0.255/24 is the address of the network itself or its broadcast address"),
        (["--bip=10.0.0.1/32"], "--bip=10.0.0.1/32 leaves no address for containers: give a shorter prefix"),
        (["--bip=224.0.0.1/24"], "--bip=224.0.0.1/24 is no address that a host has on a network"),
        (["--bip6=fd00::/64"], "take another one of fd00::/64, such as fd00::1/64"),
        (
            ["--bip=10.0.0.1/24", "--fixed-cidr=10.0.1.0/25"],
            "--fixed-cidr=10.0.1.0/25 is no part of 10.0.0.0/24, the subnet of --bip",
        ),
        (
            ["--bip=10.0.0.1/24", "--fixed-cidr=10.0.0.0/16"],
            "--fixed-cidr=10.0.0.0/16 is no part of 10.0.0.0/24, the subnet of --bip",
        ),
        (
            ["--bip=10.0.0.1/24", "--default-gateway=10.0.1.1"],
            "default gateway ip must be part of the network: 10.0.1.1 is not in 10.0.0.0/24",
        ),
    ],
)
def test_addresses_that_the_default_bridge_cannot_have_are_refused(argv: list[str], words: str) -> None:
    assert words in refusal(*argv)


@pytest.mark.parametrize(
    "flag", ["--bip=10.0.0.1/31", "--bip=10.0.0.0/31", "--bip6=fd00::/127", "--bip=169.254.5.1/24"]
)
def test_every_address_that_a_host_may_have_can_be_the_bridges(flag: str) -> None:
    parse([flag])


def test_an_exclusion_may_lie_between_flag_and_file() -> None:
    assert "mutually exclusive" in refusal("-b", "br0", file='{"bip": "10.0.0.1/24"}')


def test_what_is_dockers_and_not_ours_is_accepted_with_one_sentence_each() -> None:
    flags = ["-s", "overlay2", "--exec-opt", "a=b", "--exec-opt", "c=d", "--experimental"]
    config = parse(flags, '{"builder": {"gc": {}}, "log-driver": "journald"}')
    assert len(config.ignored) == 5
    assert (
        "-s, --storage-driver is accepted and has no effect: containers' files are kept on overlayfs" in config.ignored
    )


def test_every_flag_of_docker_can_be_given() -> None:
    for option in FOREIGN:
        if option.flag:
            value = "" if option.shape.value == "switch" else "=x"
            assert len(parse([f"--{option.flag}{value}"]).ignored) == 1


def test_no_flag_letter_or_key_is_used_twice() -> None:
    everything = (*OPTIONS.values(), *FOREIGN)
    for names in (
        [option.flag for option in everything if option.flag],
        [option.short for option in everything if option.short],
        [option.key for option in everything if option.key],
    ):
        assert len(names) == len(set(names))


def test_every_attribute_bears_the_name_of_its_option() -> None:
    attributes = {field.name for field in fields(Config)} - {"ignored"}
    assert attributes == OPTIONS.keys()
    for attribute, option in OPTIONS.items():
        assert attribute.replace("_", "-") == option.name


def test_the_first_look_finds_the_file_and_whether_it_was_named() -> None:
    assert invocation(["-D"]).config_file == Path("/etc/netwright/daemon.json")
    assert not invocation(["-D"]).file_named
    assert invocation(["--config-file=/x"]).file_named
    assert invocation(["--tlsverify", "-H", "tcp://", "--help"]).help


FLAGS = sorted(f"--{option.flag}" for option in OPTIONS.values() if option.flag)
KEYS = sorted(option.key for option in OPTIONS.values() if option.key)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(st.builds("{}={}".format, st.sampled_from(FLAGS), st.text(max_size=20)) | st.text(max_size=9), max_size=3),
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3).map(json.dumps) | st.none() | st.text(max_size=40),
)
def test_whatever_is_written_gives_a_config_or_a_refusal_in_a_sentence(argv: list[str], text: str | None) -> None:
    try:
        config = parse(argv, text)
    except InvalidInput as error:
        sentence = error.message
    else:
        sentence = str(config.hosts[0])
    assert sentence


def test_a_reload_takes_over_what_it_can_and_names_the_rest() -> None:
    running = parse([], '{"mtu": 1400}')
    config, now, later = reloaded(running, parse([], '{"mtu": 1300, "labels": ["a=b"], "debug": true}'))
    assert (config.labels, config.log_level, config.mtu) == ((("a", "b"),), "debug", 1400)
    assert now == ("labels", "log-level", "debug")
    assert later == ("mtu",)
