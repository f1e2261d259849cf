"""Registries, through skopeo: what it is asked, and what its failures mean.

skopeo knows every registry, credential and format that Docker knows. It writes a plain directory (`dir:`), because
that form leaves manifest and configuration as they are: the id of an image is the digest of its configuration, and a
conversion to OCI's form would change it.
"""

import base64
import hashlib
import json
import re
from pathlib import Path

import msgspec

from netwright.containers.api import RegistryAuth
from netwright.containers.archives import Manifest
from netwright.containers.references import DEFAULT_DOMAIN, Reference
from netwright.errors import InvalidInput, NotFound, SystemFailure
from netwright.kernel.commands import run_async

_SECONDS = 1800.0
_ASKING_SECONDS = 60.0
_LOGGED = re.compile(r'\bmsg=("(?:[^"\\]|\\.)*")')


class _Tags(msgspec.Struct):
    """What skopeo lists."""

    tags: list[str] = msgspec.field(name="Tags")


class Registry:
    """A registry, for one pull. `scratch` is a directory of the caller's for credentials."""

    def __init__(self, reference: Reference, auth: RegistryAuth | None, scratch: Path) -> None:
        self._reference = reference
        self._options = ["--src-tls-verify=false"] if reference.is_local else []
        self._inspect_options = ["--tls-verify=false"] if reference.is_local else []
        if auth is not None and (auth.username or auth.identity_token):
            # In a file and not on the command line, which every user of the host may read.
            file = scratch / "auth.json"
            file.touch(mode=0o600)
            file.write_text(_auth_file(reference.domain, auth))
            self._options.append(f"--src-authfile={file}")
            self._inspect_options.append(f"--authfile={file}")

    async def ask(self) -> tuple[str, Manifest]:
        """Return the digest of what the name means now, and the manifest or list. Raises NotFound."""
        argv = ["skopeo", "--insecure-policy", "inspect", "--raw", *self._inspect_options]
        raw = await self._run([*argv, f"docker://{self._reference.full}"], _ASKING_SECONDS)
        try:
            manifest = msgspec.json.decode(raw, type=Manifest)
        except msgspec.DecodeError as error:
            raise InvalidInput(f"the manifest of {self._reference.familiar} cannot be read: {error}") from None
        return f"sha256:{hashlib.sha256(raw.encode()).hexdigest()}", manifest

    async def tags(self) -> list[str]:
        """Return all tags of the repository. Raises NotFound."""
        argv = ["skopeo", "list-tags", *self._inspect_options]
        name = f"{self._reference.domain}/{self._reference.path}"
        said = await self._run([*argv, f"docker://{name}"], _ASKING_SECONDS)
        return msgspec.json.decode(said, type=_Tags).tags

    async def fetch(self, digest: str, into: Path) -> None:
        """Fetch exactly what has a digest into a directory, of a list the image for this machine."""
        name = f"{self._reference.domain}/{self._reference.path}@{digest}"
        argv = ["skopeo", "--insecure-policy", "copy", "--quiet", *self._options, f"docker://{name}", f"dir:{into}"]
        await self._run(argv, _SECONDS)

    async def _run(self, argv: list[str], seconds: float) -> str:
        result = await run_async(argv, timeout=seconds)
        if result.code != 0:
            raise meaning(self._reference, result.errors)
        return result.output


def _auth_file(domain: str, auth: RegistryAuth) -> str:
    entry = (
        {"auth": base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()}
        if auth.username
        else {"identitytoken": auth.identity_token}
    )
    names = [domain, "https://index.docker.io/v1/"] if domain == DEFAULT_DOMAIN else [domain]
    return json.dumps({"auths": dict.fromkeys(names, entry)})


def meaning(reference: Reference, errors: str) -> NotFound | SystemFailure:
    """Return what skopeo's complaint means, in Docker's words."""
    lowered = errors.lower()
    if "manifest unknown" in lowered or "not found" in lowered:
        return NotFound(f"manifest for {reference.familiar} not found: manifest unknown: manifest unknown")
    if "unauthorized" in lowered or "denied" in lowered or "authentication required" in lowered:
        return NotFound(
            f"pull access denied for {reference.repository}, repository does not exist or may require 'docker login': "
            "denied: requested access to the resource is denied"
        )
    return SystemFailure(f"{reference.familiar} cannot be pulled: {_last_message(errors)}")


def _last_message(errors: str) -> str:
    """Return what skopeo said last, taken out of its log line `time="..." level=fatal msg="..."`."""
    lines = errors.strip().splitlines() or ["skopeo said nothing"]
    found = _LOGGED.search(lines[-1])
    try:
        return str(json.loads(found[1])) if found else lines[-1]
    except ValueError:
        return lines[-1]
