"""Every command by name: where it lies, and its one line of help. The command's own module is imported when it runs.

A native command (`publish`, `firewall`, `dns`, ...) is one row here and one module under `verbs`.
"""

from importlib import import_module
from typing import NamedTuple

from netwright.frontends.cli.command import Command

COMMON = "Common commands"
MANAGEMENT = "Management commands"
CONTAINERS = "Containers"
IMAGES = "Images"
ENGINE = "Engine and shell"


class Entry(NamedTuple):
    """A command: its words, its place (`module.NAME` under `verbs`), its heading in help, its line, its other words."""

    words: str
    place: str
    heading: str
    summary: str
    also: tuple[str, ...] = ()

    def load(self) -> Command:
        """Import the command."""
        module, _, name = self.place.partition(".")
        found = getattr(import_module(f"netwright.frontends.cli.verbs.{module}"), name)
        if not isinstance(found, Command):
            raise TypeError(f"{self.place} is no command")
        return found


TABLE = (
    Entry("run", "run.RUN", COMMON, "Create and run a new container from an image", ("container run",)),
    Entry("exec", "execute.EXEC", COMMON, "Execute a command in a running container", ("container exec",)),
    Entry("ps", "listing.PS", COMMON, "List containers", ("container ls", "container list", "container ps")),
    Entry("logs", "logs.LOGS", COMMON, "Fetch the logs of a container", ("container logs",)),
    Entry("pull", "pull.PULL", COMMON, "Download an image from a registry", ("image pull",)),
    Entry("images", "images.LS", COMMON, "List images", ("image ls", "image list")),
    Entry("inspect", "inspect.ANY", COMMON, "Show everything about containers, images, networks, volumes"),
    Entry("version", "version.VERSION", COMMON, "Show the version of the command line and of the engine"),
    Entry("info", "info.INFO", COMMON, "Display system-wide information", ("system info",)),
    Entry("attach", "attach.ATTACH", CONTAINERS, "Attach to a running container", ("container attach",)),
    Entry("cp", "copy.CP", CONTAINERS, "Copy files between a container and the local filesystem", ("container cp",)),
    Entry("create", "run.CREATE", CONTAINERS, "Create a new container", ("container create",)),
    Entry("kill", "states.KILL", CONTAINERS, "Kill one or more running containers", ("container kill",)),
    Entry("port", "port.PORT", CONTAINERS, "List port mappings of a container", ("container port",)),
    Entry(
        "publish", "publish.PUBLISH", CONTAINERS, "Publish ports of a container while it runs, or limit who may connect"
    ),
    Entry("rename", "states.RENAME", CONTAINERS, "Rename a container", ("container rename",)),
    Entry("restart", "states.RESTART", CONTAINERS, "Restart one or more containers", ("container restart",)),
    Entry("rm", "states.RM", CONTAINERS, "Remove one or more containers", ("container rm", "container remove")),
    Entry("start", "start.START", CONTAINERS, "Start one or more stopped containers", ("container start",)),
    Entry("stop", "states.STOP", CONTAINERS, "Stop one or more running containers", ("container stop",)),
    Entry("unpublish", "publish.UNPUBLISH", CONTAINERS, "Publish ports of a container no more"),
    Entry("wait", "states.WAIT", CONTAINERS, "Wait until containers stop, print their exit codes", ("container wait",)),
    Entry("container inspect", "inspect.CONTAINER", CONTAINERS, "Show everything about containers"),
    Entry("container prune", "prune.CONTAINERS", CONTAINERS, "Remove all stopped containers"),
    Entry("import", "archive.IMPORT", IMAGES, "Make an image from a tarball of a filesystem", ("image import",)),
    Entry("load", "archive.LOAD", IMAGES, "Load images from a tar archive or stdin", ("image load",)),
    Entry("rmi", "images.RM", IMAGES, "Remove one or more images", ("image rm", "image remove")),
    Entry("tag", "images.TAG", IMAGES, "Give an image another name", ("image tag",)),
    Entry("dns query", "dns.QUERY", MANAGEMENT, "Tell what a container, or the host, is answered for a name, and why"),
    Entry("dns stats", "dns.STATS", MANAGEMENT, "Count the queries of each container"),
    Entry("image inspect", "inspect.IMAGE", IMAGES, "Show everything about images"),
    Entry("image prune", "prune.IMAGES", IMAGES, "Remove unused images"),
    Entry("network connect", "networks.CONNECT", MANAGEMENT, "Connect a container to a network"),
    Entry("network create", "create_network.CREATE", MANAGEMENT, "Create a network"),
    Entry("network disconnect", "networks.DISCONNECT", MANAGEMENT, "Disconnect a container from a network"),
    Entry("network inspect", "inspect.NETWORK", MANAGEMENT, "Show everything about networks"),
    Entry("network ls", "networks.LS", MANAGEMENT, "List networks", ("network list",)),
    Entry("network prune", "prune.NETWORKS", MANAGEMENT, "Remove all unused networks"),
    Entry("network rm", "networks.RM", MANAGEMENT, "Remove one or more networks", ("network remove",)),
    Entry("volume create", "volumes.CREATE", MANAGEMENT, "Create a volume"),
    Entry("volume inspect", "inspect.VOLUME", MANAGEMENT, "Show everything about volumes"),
    Entry("volume ls", "volumes.LS", MANAGEMENT, "List volumes", ("volume list",)),
    Entry("volume prune", "prune.VOLUMES", MANAGEMENT, "Remove unused volumes"),
    Entry("volume rm", "volumes.RM", MANAGEMENT, "Remove one or more volumes", ("volume remove",)),
    Entry("events", "events.EVENTS", ENGINE, "Follow what happens in the engine", ("system events",)),
    Entry("firewall check", "firewall.CHECK", MANAGEMENT, "Compare what should stand with what stands"),
    Entry("firewall explain", "firewall.EXPLAIN", MANAGEMENT, "Say whether a packet arrives, and why"),
    Entry("firewall show", "firewall.SHOW", MANAGEMENT, "Show the rules that should stand"),
    Entry("sources add", "sources.ADD", MANAGEMENT, "Let more be in a set of sources"),
    Entry("sources drop", "sources.DROP", MANAGEMENT, "Take some out of a set of sources"),
    Entry("sources ls", "sources.LS", MANAGEMENT, "List sets of sources", ("sources list",)),
    Entry("sources rm", "sources.RM", MANAGEMENT, "Remove sets of sources", ("sources remove",)),
    Entry("sources set", "sources.SET", MANAGEMENT, "Name those who may connect to published ports"),
    Entry("check", "upkeep.CHECK", ENGINE, "Tell every difference between what should be and what is, with its cure"),
    Entry("repair", "upkeep.REPAIR", ENGINE, "Put right what is not as it should be"),
    Entry("system prune", "prune.SYSTEM", ENGINE, "Remove everything that is unused"),
    Entry("completion", "completion.COMPLETION", ENGINE, "Print the completion script of a shell"),
)

GROUPS = {
    "container": "Manage containers",
    "dns": "See what names mean to containers",
    "firewall": "See what is open to whom, and why",
    "image": "Manage images",
    "network": "Manage networks",
    "sources": "Name those who may connect to published ports",
    "system": "Look after the engine",
    "volume": "Manage volumes",
}
"""The first words of commands that have two."""

DAEMON = ("daemon", "Run the engine itself; `netwright daemon --help` has its own options")
"""The one command that is not a client: `entry` hands it over before anything here is imported."""


def find(words: str) -> Entry | None:
    """Return the command that is written so, by its own words or its other ones."""
    return next((entry for entry in TABLE if words == entry.words or words in entry.also), None)


def members(group: str) -> dict[str, Entry]:
    """Return the commands of a group by their second word, alphabetically; other spellings of one are left out."""
    found: dict[str, Entry] = {}
    for entry in TABLE:
        second = next((words.split()[1] for words in (entry.words, *entry.also) if words.startswith(f"{group} ")), "")
        if second:
            found[second] = entry
    return dict(sorted(found.items()))
