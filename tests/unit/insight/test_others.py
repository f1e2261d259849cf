"""Who else may have a say."""

from netwright.insight.others import notes

PLAIN = ":FORWARD ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A FORWARD -j DOCKER-FORWARD\n"


def test_nobody_else_is_nothing_to_say() -> None:
    assert (
        notes(tables=["ip filter", "ip6 nat"], filters={4: PLAIN, 6: None}, sysctls={"net/ipv4/ip_forward": "1\n"})
        == []
    )


def test_everybody_who_can_drop_is_named_with_the_cure() -> None:
    strict = (
        PLAIN.replace("FORWARD ACCEPT", "FORWARD DROP") + "-A DOCKER-USER -j DROP\n-A FORWARD -i virbr0 -j REJECT\n"
    )

    said = notes(
        tables=["inet firewalld", "inet theirs"],
        filters={4: strict},
        sysctls={"net/ipv4/ip_forward": "0\n", "net/ipv6/conf/all/forwarding": None},
    )

    text = "\n".join(said)
    assert len(said) == 6
    for words in (
        "sysctl -w net.ipv4.ip_forward=1",
        "iptables -I DOCKER-USER -j ACCEPT",
        "a rule of the administrator in DOCKER-USER",
        "a rule of others in FORWARD",
        "firewalld is in force",
        "nft list table inet theirs",
    ):
        assert words in text
