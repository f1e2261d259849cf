"""MAC addresses, and what `ipaddress` does not know."""

from ipaddress import ip_address, ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import InvalidInput
from netwright.model.addressing import Mac, interface, parse_address, parse_interface_address


class TestMac:
    @pytest.mark.parametrize("text", ["02:AB:cd:00:01:ff", "02-ab-CD-00-01-ff", "02ab.cd00.01FF"])
    def test_it_is_read_in_any_usual_notation_and_shown_in_one(self, text: str) -> None:
        assert str(Mac.parse(text)) == "02:ab:cd:00:01:ff"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "02:ab:cd:00:01",
            "02:ab:cd:00:01:ff:00",
            "02:ab-cd:00:01:ff",
            "2:ab:cd:0:1:ff",
            "02abcd0001ff",
            "zz:00:00:00:00:00",
        ],
    )
    def test_nothing_else_is_one(self, text: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            Mac.parse(text)
        assert str(refused.value) == f"{text} is not a valid mac address"

    @given(st.binary(min_size=6, max_size=6))
    def test_it_is_read_as_it_is_shown(self, octets: bytes) -> None:
        assert Mac.parse(str(Mac(octets))) == Mac(octets)

    @given(st.text())
    def test_a_derived_one_is_of_one_station_and_of_nobodys_hardware(self, identity: str) -> None:
        first = Mac.derived(identity).octets[0]

        assert first & 0x01 == 0
        assert first & 0x02 == 0x02
        assert Mac.derived(identity) == Mac.derived(identity)

    def test_identities_have_different_ones(self) -> None:
        assert len({Mac.derived(f"endpoint{number}") for number in range(10_000)}) == 10_000


class TestAddresses:
    @pytest.mark.parametrize("text", ["10.0.0.1", "fd00::1", "::1", "fe80::1%eth0"])
    def test_both_families_are_read(self, text: str) -> None:
        assert str(parse_address(text)) == text

    @pytest.mark.parametrize(
        "text", ["", "x", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1/24", "fd00::g", "[::1]", "1"]
    )
    def test_nothing_else_is_an_address(self, text: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            parse_address(text)
        assert str(refused.value) == f"invalid IP address: {text}"

    def test_ipv4_in_ipv6_clothes_is_refused_with_what_to_write(self) -> None:
        with pytest.raises(InvalidInput, match=r"::ffff:10\.0\.0\.1 \(.*: write 10\.0\.0\.1\)"):
            parse_address("::ffff:10.0.0.1")

    def test_an_interfaces_address_names_no_interface(self) -> None:
        assert parse_interface_address("fe80::1") == ip_address("fe80::1")
        with pytest.raises(InvalidInput, match="zone names an interface"):
            parse_interface_address("fe80::1%eth0")

    @given(st.ip_addresses(), st.integers(0, 32))
    def test_an_address_keeps_itself_and_its_length(self, address: object, length: int) -> None:
        whole = interface(ip_address(str(address)), length)

        assert str(whole) == f"{address}/{length}"
        assert whole == ip_interface(f"{address}/{length}")

    def test_low_addresses_of_ipv6_stay_ipv6(self) -> None:
        assert str(interface(ip_address("::1"), 64)) == "::1/64"
