"""What both backends do where the table that engines share was damaged (`firewall.forward_guard`).

Every engine of the machine hears of every change of that table, its own mending included. So what is there is only
added to, which the kernel does not count as a change; only the chain that is this engine's alone is written anew.
"""

from collections.abc import Callable, Collection, Sequence

from netwright.firewall import forward_guard
from netwright.firewall.api import Damage, FirewallSettings
from netwright.firewall.element import Element
from netwright.firewall.elements import changes
from netwright.host.elements import Verb
from netwright.host.ops import NftTransaction


def shared_table(
    settings: FirewallSettings, damage: Damage, wanted: Callable[[], Collection[Element]]
) -> Sequence[NftTransaction]:
    """Return what puts back this engine's part of the shared table; nothing where it was not touched."""
    table = f"inet {forward_guard.TABLE}"
    chains = [forward_guard.chain(version) for version in forward_guard.guarded(settings)]
    guard = bool(chains) and damage.touches(table, *chains)
    if not (guard or damage.loses(table)):
        return ()
    lines = [
        *(forward_guard.commands(settings) if guard else forward_guard.opened()),
        *map(str, changes(Verb.ADD, "", (element for element in wanted() if element.family == "guard"))),
    ]
    return [NftTransaction(commands="\n".join(lines))]
