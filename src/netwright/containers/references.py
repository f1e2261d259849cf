"""Names of images: `busybox` is docker.io/library/busybox:latest, by the rules of the distribution project. Pure."""

import re
from dataclasses import dataclass

from netwright.errors import InvalidInput

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
_OFFICIAL = "library/"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DOMAIN = re.compile(r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Reference:
    """A name of an image in full. `tag` and `digest` may be empty."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def repository(self) -> str:
        """The name without tag and digest, as Docker shows it: short for Docker's own registry."""
        if self.domain == DEFAULT_DOMAIN:
            return self.path.removeprefix(_OFFICIAL)
        return f"{self.domain}/{self.path}"

    @property
    def familiar(self) -> str:
        """The name as Docker shows it."""
        if self.digest:
            return f"{self.repository}@{self.digest}"
        return f"{self.repository}:{self.tag}" if self.tag else self.repository

    @property
    def full(self) -> str:
        """The whole name, for programs that know no default registry."""
        suffix = f"@{self.digest}" if self.digest else f":{self.tag or DEFAULT_TAG}"
        return f"{self.domain}/{self.path}{suffix}"

    @property
    def is_local(self) -> bool:
        """Whether the registry is on this host, where Docker asks for no TLS."""
        host = self.domain if self.domain.startswith("[") else self.domain.partition(":")[0]
        return host == "localhost" or host.startswith("127.") or self.domain.startswith("[::1]")


def parse(text: str, *, tagged: bool = True) -> Reference:
    """Read a name; without tag and digest the tag is `latest`, if `tagged`. Raises InvalidInput."""
    name, at, digest = text.partition("@")
    name, tag = _split_tag(name)
    domain, path = _split_domain(name)
    if path.lower() != path:
        raise InvalidInput(f"invalid reference format: repository name ({path}) must be lowercase")
    if re.fullmatch(r"[0-9a-f]{64}", name) is not None:
        raise InvalidInput(f"invalid repository name ({name}), cannot specify 64-byte hexadecimal strings")
    correct = (
        _DOMAIN.fullmatch(domain) is not None
        and _PATH.fullmatch(path) is not None
        and (not tag or _TAG.fullmatch(tag) is not None)
        and (not at or _DIGEST.fullmatch(digest) is not None)
    )
    if not correct or text.endswith(":"):
        raise InvalidInput("invalid reference format")
    if tagged and not tag and not digest:
        tag = DEFAULT_TAG
    return Reference(domain, path, tag, digest)


def _split_tag(name: str) -> tuple[str, str]:
    head, colon, tag = name.rpartition(":")
    # A colon before a slash belongs to the registry's port.
    return (head, tag) if colon and "/" not in tag else (name, "")


def _split_domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and (any(mark in first for mark in ".:[") or first == "localhost" or first.lower() != first):
        domain, path = first, rest
    else:
        domain, path = DEFAULT_DOMAIN, name
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = _OFFICIAL + path
    return domain, path
