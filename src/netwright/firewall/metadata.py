"""The metadata services of clouds, which give credentials of the machine to whoever asks: not for containers.

AWS, Azure, Google, OpenStack and most others have theirs at 169.254.169.254; AWS those for tasks and pods too
(169.254.170.2, 169.254.170.23, fd00:ec2::254, fd00:ec2::23); Google fd20:ce::254, Alibaba 100.100.100.200, Oracle
192.0.0.192.
"""

from ipaddress import ip_address

from netwright.model.addressing import IPAddress

SERVICES: tuple[IPAddress, ...] = tuple(
    map(
        ip_address,
        (
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
        ),
    )
)


def chain() -> str:
    """Return the chain that keeps them from containers; its table must have the set `bridges`."""
    of4, of6 = (", ".join(str(one) for one in SERVICES if one.version == version) for version in (4, 6))
    refuse = 'reject with icmpx type admin-prohibited comment "cloud metadata is not for containers"'
    return f"""	chain metadata {{
		type filter hook forward priority -10; policy accept;
		iifname @bridges ip daddr {{ {of4} }} {refuse}
		iifname @bridges ip6 daddr {{ {of6} }} {refuse}
	}}

"""
