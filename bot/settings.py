"""Every option of `serve`, with its unit, default and reason. An unknown `ASSENT_*` stops the start."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "ASSENT_"
WORDS = {  # for what pydantic calls by the names of Python's types
    "int_parsing": "it must be a whole number",
    "bool_parsing": "it must be true or false",
    "greater_than_equal": "it must be from 0 to 65535",  # ports are our only numbers
    "less_than_equal": "it must be from 0 to 65535",
}


class SettingsWrong(Exception):
    """A setting that stops the start; the message names it and says what to do."""


class Settings(BaseSettings):
    """What two installations need differently, and nothing else."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    database_url: str = Field(
        default="sqlite:///data/assent.db",
        description="`sqlite:///PATH` for one process, `postgresql://…` for several replicas.",
    )
    policy: Path = Field(
        default=Path("policy"), description="Folder of the policy bundle and directory.yaml, kept in git."
    )
    keys: Path = Field(
        default=Path("data/keys"), description="Folder of signing and encryption keys, mode 0700."
    )
    checkpoints: Path = Field(
        default=Path("data/checkpoints"),
        description="Folder for signed checkpoints of the audit log; put it on another disk or a bucket.",
    )
    host: str = Field(
        default="127.0.0.1", description="Address to listen on; behind a proxy loopback is right."
    )
    port: int = Field(default=8400, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str = Field(
        default="",
        description="How people and agents reach it, for links and sign-in; default http://HOST:PORT.",
    )
    egress_allow_private: bool = Field(
        default=False,
        description="Lets callbacks reach loopback and private addresses, never link-local ones or a cloud's "
        "metadata; only where executors live inside.",
    )
    heartbeat_url: SecretStr | None = Field(
        default=None,
        description="Fetched each minute while all is well: a watchdog elsewhere that alarms when it is not.",
    )
    slack_bot_token: SecretStr | None = Field(default=None, description="`xoxb-…`; turns Slack on.")
    slack_signing_secret: SecretStr | None = Field(default=None, description="Proves that a call is Slack's.")
    slack_app_token: SecretStr | None = Field(default=None, description="`xapp-…`; Socket Mode, no HTTP.")
    slack_client_id: str | None = Field(
        default=None,
        description="Instead of the bot token: many workspaces, each by `python -m bot slack install`.",
    )
    slack_client_secret: SecretStr | None = Field(default=None, description="Goes with the client id.")
    slack_api_url: str = Field(
        default="https://slack.com/api/",
        description="Slack's Web API; another one only for tests and GovSlack.",
    )
    teams_app_id: str | None = Field(default=None, description="The bot's app id; turns Teams on.")
    teams_app_secret: SecretStr | None = Field(default=None, description="The app's client secret.")
    teams_tenant_id: str | None = Field(
        default=None, description="The one tenant whose people may review, and where the app is registered."
    )
    teams_openid_metadata_url: str = Field(
        default="https://login.botframework.com/v1/.well-known/openidconfiguration",
        description="Names the keys that sign Teams' calls; another one only for tests.",
    )
    teams_login_url: str = Field(
        default="https://login.microsoftonline.com",
        description="Where Entra gives the app its token; another one only for tests.",
    )

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        scheme = url.partition("://")[0].partition("+")[0]
        if scheme not in ("sqlite", "postgresql"):
            raise ValueError("it must start with sqlite:/// or postgresql://")
        return url

    @field_validator("public_url")
    @classmethod
    def _whole_url(cls, url: str) -> str:
        parts = urlsplit(url)
        more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or more):
            raise ValueError("it must be like https://assent.example.com, with no path and no password")
        return url.rstrip("/")

    @field_validator("heartbeat_url")
    @classmethod
    def _heard(cls, url: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(url.get_secret_value() if url else "https://a")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("it must be an http or https address")
        return url

    @model_validator(mode="after")
    def _whole_surfaces(self) -> Self:
        takes_calls = self.slack_signing_secret or self.slack_app_token
        if self.slack_bot_token and self.slack_client_id:
            raise ValueError(
                "ASSENT_SLACK_BOT_TOKEN is for one workspace, ASSENT_SLACK_CLIENT_ID for many; set one"
            )
        if bool(self.slack_client_id) != bool(self.slack_client_secret):
            raise ValueError(
                "ASSENT_SLACK_CLIENT_ID and ASSENT_SLACK_CLIENT_SECRET go together; see Basic Information"
            )
        if (self.slack_bot_token or self.slack_client_id) and not takes_calls:
            raise ValueError("ASSENT_SLACK_SIGNING_SECRET is missing; see Basic Information of the Slack app")
        if takes_calls and not (self.slack_bot_token or self.slack_client_id):
            raise ValueError("ASSENT_SLACK_BOT_TOKEN is missing; see Install App of the Slack app")
        return self

    @model_validator(mode="after")
    def _whole_teams(self) -> Self:
        needed = {
            "ASSENT_TEAMS_APP_ID": self.teams_app_id,
            "ASSENT_TEAMS_APP_SECRET": self.teams_app_secret,
            "ASSENT_TEAMS_TENANT_ID": self.teams_tenant_id,
        }
        missing = [name for name, value in needed.items() if not value]
        if missing and len(missing) < len(needed):
            are, they = ("are", "they stand") if len(missing) > 1 else ("is", "it stands")
            raise ValueError(f"{' and '.join(missing)} {are} missing; docs/teams.md says where {they}")
        return self

    def address(self) -> str:
        """Return the URL that links begin with."""
        return self.public_url or f"http://{self.host}:{self.port}"


def read(environment_file: Path | None = Path(".env")) -> Settings:
    """Read the environment and `.env`; raises `SettingsWrong` naming the option and what to do."""
    _refuse_unknown(environment_file)
    try:
        return Settings(_env_file=environment_file)  # type: ignore[call-arg]  # pydantic-settings' own argument
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else "The settings"
        words = WORDS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
        raise SettingsWrong(f"{name}: {words}.") from None


def _refuse_unknown(environment_file: Path | None) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    names = [name for name in os.environ if name.upper().startswith(PREFIX)]
    if environment_file is not None and environment_file.is_file():
        lines = environment_file.read_text("utf-8").splitlines()
        names += [line.partition("=")[0].removeprefix("export ").strip() for line in lines if "=" in line]
    for name in sorted(n for n in names if n.upper().startswith(PREFIX) and n.upper() not in known):
        close = difflib.get_close_matches(name.upper(), known, n=1)
        hint = f" Did you mean {close[0]}?" if close else " `python -m bot settings` lists them all."
        raise SettingsWrong(f"{name} is not a setting of Assent.{hint}")


@contextmanager
def kept_environment() -> Iterator[None]:
    """Undo what is done to the environment meanwhile: a library reads `.env` into it when it is imported."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def no_egress_proxy() -> dict[str, str]:
    """Return the environment for child processes of the demo, without our own settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


# How often things that nobody asks for happen; the same everywhere, so not settings.
ONCALL_EVERY = timedelta(minutes=1)  # look whether calendars are to be read again
CLOCK_EVERY = timedelta(minutes=1)  # follow the database's clock
CHECKPOINT_EVERY = timedelta(minutes=1)
HEARTBEAT_EVERY = timedelta(minutes=1)
REFUSALS_EVERY = timedelta(seconds=20)  # tell of those that were only counted
POLICY_EVERY = timedelta(seconds=1)  # look at the policy folder
STALLED_EVERY = timedelta(seconds=20)  # look for deadlines that no sweep passes
SWEEP_EVERY = timedelta(seconds=5)  # the safety net beside the date job
