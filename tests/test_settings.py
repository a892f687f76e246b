"""Settings: each is documented, a wrong one stops the start by name, and secrets are not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli.options import markdown, rows_of
from bot.settings import SettingsWrong, read

ROOT = Path(__file__).parent.parent


def test_the_settings_page_is_current() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert page == markdown(), "run: python -m bot settings --markdown > docs/settings.md"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_unknown_setting_is_refused_with_what_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSENT_DATABSE_URL", "sqlite:///x.db")
    with pytest.raises(SettingsWrong, match="Did you mean ASSENT_DATABASE_URL"):
        read()


def test_an_unknown_setting_in_the_file_is_refused_too(elsewhere: Path) -> None:
    (elsewhere / ".env").write_text("export ASSENT_HSOT=0.0.0.0\nOTHER=1\n")
    with pytest.raises(SettingsWrong, match="ASSENT_HSOT"):
        read()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASSENT_PORT", "70000"),
        ("ASSENT_PORT", "http"),
        ("ASSENT_DATABASE_URL", "mysql://db/assent"),
        ("ASSENT_PUBLIC_URL", "assent.example.com"),
        ("ASSENT_PUBLIC_URL", "https://example.com/assent"),
        ("ASSENT_PUBLIC_URL", "ftp://example.com"),
        ("ASSENT_PUBLIC_URL", "https://ana:secret@example.com"),
        ("ASSENT_PUBLIC_URL", "https://example.com#inbox"),
        ("ASSENT_PUBLIC_URL", "https://example.com?a=b"),
        ("ASSENT_EGRESS_ALLOW_PRIVATE", "perhaps"),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsWrong, match=name):
        read()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ASSENT_PORT", "http", "ASSENT_PORT: it must be a whole number."),
        ("ASSENT_PORT", "70000", "ASSENT_PORT: it must be from 0 to 65535."),
        ("ASSENT_PORT", "-1", "ASSENT_PORT: it must be from 0 to 65535."),
        ("ASSENT_EGRESS_ALLOW_PRIVATE", "perhaps", "ASSENT_EGRESS_ALLOW_PRIVATE: it must be true or false."),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsWrong) as wrong:
        read()
    assert str(wrong.value) == words


def test_half_of_slack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSENT_SLACK_BOT_TOKEN", "xoxb-1")
    with pytest.raises(SettingsWrong, match="ASSENT_SLACK_SIGNING_SECRET"):
        read()


def test_the_file_is_read_and_the_environment_wins(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / ".env").write_text("ASSENT_PORT=9001\nASSENT_HOST=::1\n")
    monkeypatch.setenv("ASSENT_PORT", "9002")
    settings = read()
    assert (settings.host, settings.port) == ("::1", 9002)


def test_secrets_and_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSENT_SLACK_BOT_TOKEN", "xoxb-sesame")
    monkeypatch.setenv("ASSENT_SLACK_SIGNING_SECRET", "open")
    monkeypatch.setenv("ASSENT_DATABASE_URL", "postgresql://assent:p@ss@db/assent?sslmode=require")
    shown = repr(rows_of(read()))
    assert "sesame" not in shown
    assert "'open'" not in shown
    assert "p@ss" not in shown
    assert "postgresql://assent:…@db/assent" in shown
