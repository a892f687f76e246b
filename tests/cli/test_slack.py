"""slack: one-time addresses, and where the app is installed."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Typed


@pytest.fixture(autouse=True)
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSENT_SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("ASSENT_SLACK_CLIENT_SECRET", "hush")
    monkeypatch.setenv("ASSENT_SLACK_SIGNING_SECRET", "hush")
    monkeypatch.setenv("ASSENT_PUBLIC_URL", "https://assent.test")


def test_an_address_to_install_at_is_the_last_line_and_never_the_same(typed: Typed) -> None:
    first, second = typed("slack", "install"), typed("slack", "install")
    assert first.last.startswith("https://assent.test/slack/install?leave=")
    assert first.last != second.last


def test_nothing_is_installed_yet(typed: Typed) -> None:
    said = typed("slack", "list")
    assert said.code == 0
    assert "Installed nowhere yet" in said.out + said.err
    assert typed("slack", "forget", "T0123ABCD").code == 1


def test_with_one_workspace_by_its_token_there_is_nothing_to_install(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASSENT_SLACK_CLIENT_ID")
    monkeypatch.delenv("ASSENT_SLACK_CLIENT_SECRET")
    monkeypatch.setenv("ASSENT_SLACK_BOT_TOKEN", "xoxb-1")
    said = typed("slack", "install")
    assert said.code == 1
    assert "ASSENT_SLACK_CLIENT_ID" in said.err


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ASSENT_SLACK_BOT_TOKEN", "xoxb-1", "set one"),
        ("ASSENT_SLACK_CLIENT_SECRET", None, "go together"),
        ("ASSENT_SLACK_CLIENT_ID", None, "go together"),
        ("ASSENT_SLACK_SIGNING_SECRET", None, "ASSENT_SLACK_SIGNING_SECRET is missing"),
    ],
)
def test_half_of_it_is_refused(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, says: str
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    said = typed("slack", "list")
    assert said.code == 1
    assert says in said.err
