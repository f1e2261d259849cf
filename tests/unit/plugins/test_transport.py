"""Calls over a socket: what is sent, what is made of answers, and when a call is tried again."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from netwright.errors import SystemFailure
from netwright.plugins.api import PluginMissing, PluginRefused, PluginSilent, PluginUnreachable, Wire
from netwright.plugins.discovery import Address, Places, Tls
from netwright.plugins.registry import LocalPlugins
from netwright.plugins.transport import VERSION, call


class Question(Wire):
    """A request."""

    pool: str


class Reply(Wire):
    """An answer."""

    size: int = 0


class Server:
    """A plugin that answers everything alike."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.body: bytes | None = b'{"Size": 5}'
        self.status = 200
        self.asked: list[tuple[str, str, str, bytes]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        application = web.Application()
        application.router.add_route("*", "/{method}", self._serve)
        self._runner = web.AppRunner(application)

    async def start(self) -> None:
        """Begin to listen."""
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.path)).start()

    async def listen(self, context: ssl.SSLContext | None) -> str:
        """Listen on TCP too; return host and port."""
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        host, port = self._runner.addresses[-1]
        return f"{host}:{port}"

    async def stop(self) -> None:
        """End."""
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append((request.method, request.path, request.headers["Accept"], body))
        await self.gate.wait()
        if self.body is None:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(body=self.body, status=self.status)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """Run a plugin named acme."""
    server = Server(tmp_path / "acme.sock")
    await server.start()
    yield server
    server.gate.set()
    await server.stop()


def at(server: Server) -> Address:
    return Address(path=str(server.path))


async def test_a_call_is_a_post_of_an_object_with_the_protocols_version(server: Server) -> None:
    server.body = b'{"Size": 7, "Unknown": []}'

    reply = await call(at(server), "IpamDriver.RequestPool", Question(pool="10.1.0.0/16"), Reply)

    assert reply.size == 7
    assert server.asked == [("POST", "/IpamDriver.RequestPool", VERSION, b'{"Pool":"10.1.0.0/16"}')]


@pytest.mark.parametrize(("body", "size"), [(b'{"SIZE": 7}', 7), (b'{"size": 7}', 7), (b'{"Size": null}', 0)])
async def test_an_answer_is_read_as_go_does(server: Server, body: bytes, size: int) -> None:
    server.body = body

    assert (await call(at(server), "M", None, Reply)).size == size


async def test_a_request_and_an_answer_may_be_empty(server: Server) -> None:
    server.body = b""
    assert (await call(at(server), "Plugin.Activate", None, Reply)).size == 0
    assert server.asked[0][3] == b""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"Err": "no room"}', "M: no room"),
        (b'{"Error": "no room"}', "M: no room"),
        (b"no room\n", "M: no room"),
        (b"[]", r"M: \[\]"),
    ],
)
async def test_another_status_is_a_refusal_with_what_it_says(server: Server, body: bytes, said: str) -> None:
    server.body, server.status = body, 500

    with pytest.raises(PluginRefused, match=f"^{said}$") as caught:
        await call(at(server), "M", None, Reply)
    assert caught.value.status == 500


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"Size": "big"}', b" " * (1 << 21)])
async def test_an_answer_that_makes_no_sense_leaves_open_what_was_done(server: Server, body: bytes) -> None:
    server.body = body

    with pytest.raises(PluginSilent, match=r"^M: "):
        await call(at(server), "M", None, Reply)


async def test_a_call_that_may_have_been_carried_out_is_not_made_twice(server: Server) -> None:
    server.body = None

    with pytest.raises(PluginSilent):
        await call(at(server), "M", None, Reply, pauses=[0, 0])
    assert len(server.asked) == 1


async def test_an_answer_is_not_awaited_without_end(server: Server) -> None:
    server.gate.clear()

    with pytest.raises(PluginSilent, match="no answer within"):
        await call(at(server), "M", None, Reply, patience=0.1)


async def test_one_who_does_not_listen_yet_is_tried_again(tmp_path: Path) -> None:
    server = Server(tmp_path / "late.sock")
    starting: list[asyncio.Task[None]] = []

    def pauses() -> Iterator[float]:
        yield 0
        # Asked for only after the first try has failed.
        starting.append(asyncio.ensure_future(server.start()))
        while True:
            yield 0

    await call(at(server), "M", None, Reply, pauses=pauses())

    assert len(server.asked) == 1
    assert starting[0].done()
    await server.stop()


async def test_one_who_never_listens_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(PluginUnreachable, match=r"unix:///.*/gone.sock cannot be reached: no such file or directory"):
        await call(Address(path=str(tmp_path / "gone.sock")), "M", None, Reply, pauses=[0, 0])


async def test_a_plugin_is_greeted_once_and_again_where_it_has_moved(server: Server, tmp_path: Path) -> None:
    server.body = b'{"Implements": ["IpamDriver"]}'
    plugins = LocalPlugins(Places(sockets=tmp_path, specifications=[tmp_path]), pauses=())

    first, second = await asyncio.gather(plugins.get("acme", "IpamDriver"), plugins.get("acme", "IpamDriver"))
    assert first is second
    assert len(server.asked) == 1

    moved = Server(tmp_path / "elsewhere.sock")
    moved.body = server.body
    await moved.start()
    server.path.unlink()
    (tmp_path / "acme.spec").write_text(f"unix://{moved.path}")
    assert await plugins.get("acme", "IpamDriver") is not first
    assert len(moved.asked) == 1
    await moved.stop()


async def test_a_plugin_of_another_kind_is_refused_in_dockers_words(server: Server, tmp_path: Path) -> None:
    server.body = b'{"Implements": null}'
    plugins = LocalPlugins(Places(sockets=tmp_path, specifications=[]), pauses=())

    with pytest.raises(SystemFailure, match=r'^Plugin does not implement the requested driver: plugin="acme"'):
        await plugins.get("acme", "IpamDriver")
    with pytest.raises(PluginMissing, match=r'^plugin "nobody" not found$'):
        await plugins.get("nobody", "IpamDriver")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an authority, and certificates for the plugin and the engine."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=ca")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("plugin", "engine"):
        openssl("req", *key, "-keyout", f"{name}-key.pem", "-out", "x.csr", "-subj", "/CN=x")
        signed = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", "names")
        openssl("x509", "-req", "-in", "x.csr", *signed, "-out", f"{name}.pem")
    return folder


@pytest.fixture
async def distant(server: Server, certificates: Path) -> str:
    """Let the plugin listen on TCP too, for clients with a certificate; give host and port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates / "ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificates / "plugin.pem", certificates / "plugin-key.pem")
    return await server.listen(context)


async def test_a_plugin_on_tcp_is_called_like_one_on_a_socket(server: Server) -> None:
    where = await server.listen(None)

    assert (await call(Address(host=where), "M", None, Reply)).size == 5


async def test_a_plugin_with_tls_is_verified_by_its_authority_and_shown_a_certificate(
    distant: str, certificates: Path
) -> None:
    trusting = Tls(certificate=str(certificates / "engine.pem"), key=str(certificates / "engine-key.pem"))
    known = replace(trusting, verify=True, authority=str(certificates / "ca.pem"))
    wrong = replace(known, authority=str(certificates / "engine.pem"))

    assert (await call(Address(host=distant, tls=known), "M", None, Reply)).size == 5
    assert (await call(Address(host=distant, tls=trusting), "M", None, Reply)).size == 5
    with pytest.raises(PluginUnreachable, match="is not trusted"):
        await call(Address(host=distant, tls=wrong), "M", None, Reply, pauses=())


async def test_certificates_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SystemFailure, match="certificates cannot be read"):
        await call(Address(host="h", tls=Tls(verify=True, authority=str(tmp_path / "none"))), "M", None, Reply)
