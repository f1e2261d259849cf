"""The documentation says what is so."""

import json
import re
from pathlib import Path

import pytest

from netwright.config import Config, parse
from netwright.config.render import render_page
from netwright.firewall import reachable
from netwright.telemetry.metrics import Metrics

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page_id(page)} links to {target}"


def test_the_page_of_options_is_the_table_of_options() -> None:
    page = (ROOT / "docs" / "daemon-options.md").read_text()
    assert page == render_page(), "write it anew with: make docs"


def test_what_is_reachable_from_where_is_what_the_policy_says() -> None:
    page = (ROOT / "docs" / "firewall.md").read_text()
    assert reachable.table() in page
    assert page == reachable.into(page), "write it anew with: make docs"


@pytest.mark.parametrize(
    ("language", "listings"), [("nft", "nftables/inet.nft"), ("iptables", "iptables/published.txt")]
)
def test_the_rules_on_the_page_are_those_of_the_backends(language: str, listings: str) -> None:
    rules = iter((ROOT / "tests" / "golden" / listings).read_text().splitlines())
    shown = [text for kind, text in _BLOCK.findall((ROOT / "docs" / "firewall.md").read_text()) if kind == language]
    assert shown
    for line in "".join(shown).splitlines():
        assert line in rules, f"{listings} has no such rule there: {line}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_daemon_json_in_the_pages_is_valid(page: Path) -> None:
    for language, block in _BLOCK.findall(page.read_text()):
        if language == "json":
            assert isinstance(parse([], block), Config), f"{page_id(page)}: {json.loads(block)}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake (\w[\w-]*)`", page.read_text()))
    named |= set(re.findall(r"^(?:sudo )?make (\w[\w-]*)", page.read_text(), re.MULTILINE))
    assert named <= targets


def test_every_metric_is_documented_and_no_other() -> None:
    families = set(re.findall(r"^# TYPE (netwright_\w+) ", Metrics().exposition().decode(), re.MULTILINE))
    documented = set(re.findall(r"^\| `(netwright_\w+)`", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    # A histogram's moment of creation is a family of its own in the text format; it says nothing.
    assert documented == {family for family in families if not family.endswith("_created")}


def test_the_paths_of_the_pages_are_the_defaults() -> None:
    running = (ROOT / "docs" / "running.md").read_text()
    config = parse([])
    for path in (config.config_file, config.data_root, config.exec_root, config.pidfile, config.hosts[0].address):
        assert f"`{path}`" in running
