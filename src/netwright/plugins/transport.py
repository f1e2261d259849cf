"""One call to a plugin: a POST over its socket, tried again while nobody listens, and never waited for without end."""

import asyncio
import logging
import ssl
from collections.abc import Iterable
from typing import Any, TypeVar

import aiohttp
import msgspec

from netwright.errors import SystemFailure
from netwright.plugins.api import PluginRefused, PluginSilent, PluginUnreachable, Wire
from netwright.plugins.discovery import Address, Tls

T = TypeVar("T", bound=Wire)

VERSION = "application/vnd.docker.plugins.v1.2+json"
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds between the tries to reach a plugin that does not listen: time for one that is being restarted."""
PATIENCE = 30.0
"""Seconds within which a plugin that was reached must have answered."""
_CONNECTING = 3.0
"""Seconds within which a host on the network must have taken a connection."""
_LARGEST = 1 << 20
"""Bytes of an answer that are read; none of the protocol has nearly as many."""

log = logging.getLogger(__name__)


class _ErrorSaid(Wire):
    """What the body of an answer that is not 200 may say."""

    err: str = ""
    error: str = ""


async def call(
    address: Address,
    method: str,
    request: Wire | None,
    answer: type[T],
    *,
    pauses: Iterable[float] = PAUSES,
    patience: float = PATIENCE,
) -> T:
    """Call a method and return its answer.

    Only where no connection could be made is a call tried again: nothing can have been carried out then. Raises
    PluginUnreachable, PluginSilent or PluginRefused.
    """
    body = b"" if request is None else msgspec.json.encode(request)
    for pause in pauses:
        try:
            return await _once(address, method, body, answer, patience)
        except PluginUnreachable as failure:
            log.warning("%s: trying again in %.1f s", failure, pause)
        await asyncio.sleep(pause)
    return await _once(address, method, body, answer, patience)


async def _once(address: Address, method: str, body: bytes, answer: type[T], patience: float) -> T:
    url = f"{'https' if address.tls else 'http'}://{address.host or 'plugin'}/{method}"
    headers = {"Accept": VERSION, "Content-Type": VERSION}
    timeout = aiohttp.ClientTimeout(total=patience, sock_connect=min(_CONNECTING, patience))
    try:
        async with (
            aiohttp.ClientSession(connector=_connector(address), timeout=timeout) as session,
            session.post(url, data=body, headers=headers) as response,
        ):
            raw = await _body(response)
            status = response.status
    except aiohttp.ClientConnectorCertificateError as error:
        raise PluginUnreachable(f"the plugin at {address} is not trusted: {error.certificate_error}") from error
    except aiohttp.ConnectionTimeoutError as error:
        raise PluginUnreachable(f"the plugin at {address} cannot be reached: it takes no connection") from error
    except aiohttp.ClientConnectorError as error:
        why = error.os_error.strerror or str(error.os_error)
        raise PluginUnreachable(f"the plugin at {address} cannot be reached: {why.lower()}") from error
    except (aiohttp.ClientError, OSError) as error:
        # A time that is over is an OSError too, with nothing to say for itself.
        why = str(error) or f"no answer within {patience:.0f} s"
        raise PluginSilent(f"{method}: the plugin at {address} did not answer: {why}") from error
    if status != 200:
        raise PluginRefused(f"{method}: {_reason(raw)}", status)
    return _read(address, method, raw, answer)


def _connector(address: Address) -> aiohttp.BaseConnector:
    if address.path:
        return aiohttp.UnixConnector(path=address.path)
    return aiohttp.TCPConnector(ssl=_context(address.tls) if address.tls else True)


def _context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.authority or None)
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key or None)
    except OSError as error:
        raise SystemFailure(f"a plugin's certificates cannot be read: {error}") from error
    return context


async def _body(response: aiohttp.ClientResponse) -> bytes:
    read = bytearray()
    async for chunk in response.content.iter_any():
        read += chunk
        if len(read) > _LARGEST:
            raise aiohttp.ClientPayloadError(f"more than {_LARGEST} bytes")
    return bytes(read)


def _reason(raw: bytes) -> str:
    """Return what an answer says went wrong: its field for that, or all of it."""
    try:
        said = msgspec.json.decode(raw, type=_ErrorSaid)
    except msgspec.DecodeError:
        return raw.decode(errors="replace").strip()
    return said.err or said.error or raw.decode(errors="replace").strip()


def _read(address: Address, method: str, raw: bytes, answer: type[T]) -> T:
    try:
        said = msgspec.json.decode(raw.strip() or b"{}", type=dict[str, Any])
        return msgspec.convert(_as_go_reads(said, answer), answer)
    except msgspec.DecodeError as error:
        raise PluginSilent(f"{method}: the plugin at {address} gave an answer that makes no sense: {error}") from error


def _as_go_reads(said: dict[str, Any], answer: type) -> dict[str, Any]:
    """Return an object with the keys as they are written in the protocol, and nothing for null.

    Docker, in Go, matches keys without regard to case and takes null for what is not there; plugins rely on both.
    """
    names = {field.encode_name.lower(): field.encode_name for field in msgspec.structs.fields(answer)}
    return {names.get(key.lower(), key): value for key, value in said.items() if value is not None}
