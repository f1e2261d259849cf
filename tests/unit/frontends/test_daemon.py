"""The daemon's command line, up to the point where an engine would be built."""

import gc
import json
import os
import ssl
from pathlib import Path

import pytest

from netwright import __version__
from netwright.errors import InvalidInput
from netwright.frontends.daemon import _no_certificates, _nothing_is_garbage, load, main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "daemon.json"
    path.write_text(json.dumps({"mtu": 1400}))
    return path


def test_validate_says_so(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--validate", "--config-file", str(file)]) == 0
    assert capsys.readouterr().out == "configuration OK\n"


def test_a_refusal_is_one_line_on_standard_error_and_exit_code_1(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--validate", "--config-file", str(file), "--mtu", "1300"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "netwright daemon: the following directives are specified both as a flag and in the configuration file: "
        "mtu: (from flag: 1300, from file: 1400)\n"
    )


def test_help_and_version_need_no_readable_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config-file", str(tmp_path / "none"), "--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage:  netwright daemon [OPTIONS]")
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"netwright version {__version__}\n"


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no configuration file"):
        load(["--config-file", str(tmp_path / "none")])


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(["--config-file", str(tmp_path)])
    (tmp_path / "latin").write_bytes(b'{"labels": ["a=\xe4"]}')
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(["--config-file", str(tmp_path / "latin")])


def test_misspelt_options_of_networks_are_refused_at_the_start_unless_it_is_to_be_lenient(file: Path) -> None:
    words = ["--config-file", str(file), "--default-network-opt", "bridge=com.docker.network.bridge.enable_ic=false"]
    with pytest.raises(InvalidInput, match=r"default-network-opts: unknown option .*did you mean .*enable_icc\?"):
        load(words)
    assert load([*words, "--lenient-network-options"]).lenient_network_options
    assert load(["--config-file", str(file), "--default-network-opt", "mine=any.key=1"]).network_options("mine")


def test_relative_paths_become_absolute(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(["--config-file", str(file), "--data-root", "data", "--exec-root", "exec"])
    assert (config.data_root, config.exec_root) == (tmp_path / "data", tmp_path / "exec")
    assert config.pidfile == tmp_path / "exec" / "netwright.pid"
    assert str(config.hosts[0]) == f"unix://{tmp_path}/exec/docker.sock"


def test_garbage_is_collected_again_once_the_engine_is_imported() -> None:
    frozen = gc.get_freeze_count()
    with _nothing_is_garbage():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > frozen
    gc.unfreeze()


def test_the_machines_certificates_are_not_read_while_importing_and_found_again_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ours.pem")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with _no_certificates():
        meanwhile = ssl.create_default_context().get_ca_certs()
    assert meanwhile == []
    assert os.environ["SSL_CERT_FILE"] == "/etc/ours.pem"
    assert "SSL_CERT_DIR" not in os.environ
