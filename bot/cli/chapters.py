"""Every command there is, in the order of the help."""

from __future__ import annotations

from bot.cli.agents import CHAPTER as AGENTS
from bot.cli.audit import CHAPTER as AUDIT
from bot.cli.people import CHAPTER as PEOPLE
from bot.cli.policy import CHAPTER as POLICY
from bot.cli.requests import CHAPTER as REQUESTS
from bot.cli.running import RUNNING, TRYING
from bot.cli.slack import CHAPTER as SLACK
from bot.cli.teams import CHAPTER as TEAMS

CHAPTERS = (TRYING, RUNNING, POLICY, AGENTS, PEOPLE, SLACK, TEAMS, REQUESTS, AUDIT)
