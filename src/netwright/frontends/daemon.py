"""`netwright daemon`: from the command line to a running engine, and back.

The parts: `daemon_claim` keeps a second engine off, `daemon_sockets` opens the doors, `daemon_run` is the life of the
engine between start and signal.
"""

import gc
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from netwright import __version__
from netwright.config import Config, invocation, parse
from netwright.config.render import render_help
from netwright.drivers.bridge_options import BRIDGE_OPTIONS
from netwright.drivers.option_names import OptionNames
from netwright.errors import InvalidInput, NetwrightError, SystemFailure
from netwright.frontends.daemon_claim import abandon, claim
from netwright.telemetry.log import configure

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""What tells OpenSSL where the certificates of authorities are (SSL_CTX_set_default_verify_paths(3))."""

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the engine, or do what the flags ask for instead; return the exit code.

    0: it was stopped by a signal, or there was nothing to run. 1: options or machine did not let it start.
    """
    words = sys.argv[1:] if argv is None else argv
    program = "netwright daemon" if argv is not None else Path(sys.argv[0]).name
    try:
        return _main(words, program)
    except NetwrightError as error:
        sys.stderr.write(f"{program}: {error}\n")
        return 1


def _main(words: Sequence[str], program: str) -> int:
    look = invocation(words)
    if look.help:
        sys.stdout.write(render_help(program, min(shutil.get_terminal_size().columns, 120)))
        return 0
    if look.version:
        sys.stdout.write(f"netwright version {__version__}\n")
        return 0
    config = load(words)
    if config.validate:
        sys.stdout.write("configuration OK\n")
        return 0
    if os.geteuid() != 0:
        raise SystemFailure("the engine makes network namespaces, links and firewall rules: start it as root")
    configure(config.log_level, config.log_format)
    for sentence in config.ignored:
        log.info("%s", sentence)
    return _run(words, config)


def load(words: Sequence[str]) -> Config:
    """Return what command line and daemon.json ask for, with absolute paths.

    Raises InvalidInput, also where a file is named that cannot be read, and where an option of networks is misspelt.
    That the usual file is missing is no fault.
    """
    look = invocation(words)
    try:
        text = look.config_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if look.file_named:
            raise InvalidInput(f"there is no configuration file {look.config_file}") from None
        text = None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the configuration file {look.config_file} cannot be read: {error}") from None
    config = parse(words, text)
    names = OptionNames(lenient=config.lenient_network_options)
    if faults := names.faults(config.network_options("bridge"), BRIDGE_OPTIONS, "driver bridge"):
        raise InvalidInput(f"default-network-opts: {'; '.join(faults)}")
    return replace(
        config,
        data_root=config.data_root.absolute(),
        exec_root=config.exec_root.absolute(),
        pidfile=config.pidfile.absolute(),
        hosts=tuple(
            replace(host, address=str(Path(host.address).absolute())) if host.scheme == "unix" else host
            for host in config.hosts
        ),
    )


@contextmanager
def _nothing_is_garbage() -> Iterator[None]:
    """Make the block's objects stay for ever without looking at any of them again.

    What imports make is never garbage. To look through it over and over takes an eighth of the engine's start, and
    would be part of every full collection later.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _no_certificates() -> Iterator[None]:
    """Keep OpenSSL from reading the machine's certificates while the block imports.

    aiohttp prepares for being a client as soon as it is imported, which would take a sixth of the engine's start. We
    are a server, and read the certificates that we are told to.
    """
    former = {name: os.environ.get(name) for name in _CERTIFICATES}
    os.environ.update(dict.fromkeys(_CERTIFICATES, os.devnull))
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _run(words: Sequence[str], config: Config) -> int:
    # Imported this late so that --help, --validate and refusals do not wait for HTTP server and engine.
    with _nothing_is_garbage(), _no_certificates():
        import uvloop  # noqa: PLC0415

        from netwright.app import build  # noqa: PLC0415
        from netwright.frontends.daemon_run import Life, uninstall  # noqa: PLC0415

    os.umask(0o022)
    try:
        with claim(config):
            if config.uninstall:
                uvloop.run(uninstall(build, config))
                for sentence in abandon(config):
                    log.warning("%s", sentence)
            else:
                uvloop.run(Life(build, config, lambda: load(words)).run())
    except NetwrightError as error:
        log.critical("%s", error)
        return 1
    except OSError as error:
        # The disk is full, say: its words are enough, and where it was is for those who look for faults of ours.
        log.critical("%s", SystemFailure.of(error))
        log.debug("it came from here", exc_info=True)
        return 1
    return 0
