"""The API over TCP: only for clients with a certificate."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import Engine, Machine


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Make an authority, and certificates for the engine and a client."""
    folder = tmp_path / "certificates"
    folder.mkdir()

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=ca"
    )
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}-key.pem", "-out", "x.csr", "-subj", "/CN=x")
        signed = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", "names")
        openssl("x509", "-req", "-in", "x.csr", *signed, "-out", f"{name}.pem")
    return folder


@pytest.fixture
def guarded(machine: Machine, tmp_path: Path, certificates: Path) -> Iterator[Engine]:
    """Start an engine that also listens on TCP."""
    files = [
        f"--tls{flag}={certificates}/{name}.pem"
        for flag, name in (("cacert", "ca"), ("cert", "server"), ("key", "server-key"))
    ]
    engine = Engine(machine, tmp_path, "-H", "tcp://127.0.0.1:2376", "--tlsverify", *files)
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


def test_only_a_client_with_a_certificate_is_answered(guarded: Engine, certificates: Path) -> None:
    files = [
        f"--tls{flag}={certificates}/{name}.pem"
        for flag, name in (("cacert", "ca"), ("cert", "client"), ("key", "client-key"))
    ]
    host = guarded.machine.host

    known = host.run("docker", "-H", "tcp://127.0.0.1:2376", "--tlsverify", *files, "version")
    stranger = host.run("curl", "-sk", "https://127.0.0.1:2376/_ping", check=False)

    assert "Netwright" in known.stdout
    assert stranger.returncode != 0
