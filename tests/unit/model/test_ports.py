"""Ports as users write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import InvalidInput
from netwright.model.ports import Port, Protocol, parse_port_number, parse_port_range, parse_protocol


class TestPorts:
    @pytest.mark.parametrize(
        ("text", "port"),
        [
            ("80", Port(80, Protocol.TCP)),
            ("80/", Port(80, Protocol.TCP)),
            ("53/udp", Port(53, Protocol.UDP)),
            ("53/UDP", Port(53, Protocol.UDP)),
            ("0/sctp", Port(0, Protocol.SCTP)),
            ("65535/tcp", Port(65535, Protocol.TCP)),
        ],
    )
    def test_a_number_and_a_protocol_are_read(self, text: str, port: Port) -> None:
        assert Port.parse(text) == port

    @pytest.mark.parametrize("text", ["", "/tcp", "-1", "+1", "65536", "8o", "80 ", "٨٠", "9" * 5000, "80-90"])
    def test_no_other_number_is_a_port(self, text: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            Port.parse(text)
        assert str(refused.value) == f'invalid port specification: "{text}"'

    @pytest.mark.parametrize("text", ["80/icmp", "80/tcp/udp"])
    def test_no_other_protocol_can_be_published(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="invalid proto: "):
            Port.parse(text)

    @given(st.integers(0, 65535), st.sampled_from(Protocol))
    def test_a_port_is_read_as_it_is_shown(self, number: int, protocol: Protocol) -> None:
        assert Port.parse(str(Port(number, protocol))) == Port(number, protocol)

    def test_they_go_by_number_and_then_by_protocol(self) -> None:
        texts = ["443/udp", "80/udp", "443/tcp", "80/tcp"]

        assert [str(port) for port in sorted(map(Port.parse, texts))] == ["80/tcp", "80/udp", "443/tcp", "443/udp"]


class TestRanges:
    @pytest.mark.parametrize(
        ("text", "ends"), [("", (0, 0)), ("80", (80, 80)), ("8000-8010", (8000, 8010)), ("80-80", (80, 80))]
    )
    def test_both_ends_are_returned(self, text: str, ends: tuple[int, int]) -> None:
        assert parse_port_range(text, text) == ends

    @pytest.mark.parametrize("text", ["90-80", "80-", "-80", "80-90-100", "80-65536", "x-y"])
    def test_what_is_no_range_is_refused_as_a_whole(self, text: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            parse_port_range(text, f"1.2.3.4:{text}:80")
        assert str(refused.value) == f'invalid port specification: "1.2.3.4:{text}:80"'

    @given(st.integers(0, 65535), st.integers(0, 65535))
    def test_a_range_goes_upwards(self, low: int, high: int) -> None:
        text = f"{low}-{high}"
        if low <= high:
            assert parse_port_range(text, text) == (low, high)
        else:
            with pytest.raises(InvalidInput):
                parse_port_range(text, text)


def test_zeros_in_front_say_nothing() -> None:
    assert parse_port_number("0000000080", "") == 80


@pytest.mark.parametrize("text", ["tcp", "TCP", "Tcp"])
def test_protocols_are_read_in_any_case(text: str) -> None:
    assert parse_protocol(text) is Protocol.TCP
