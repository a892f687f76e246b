"""`assent verify callback | grant | proof`: does it hold? Nothing is sent anywhere but for public keys."""

from __future__ import annotations

import os
import re
import sys
import time
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from assent import settings
from assent.grants import verify_grant
from assent.line import Line
from assent.proof import main as check_proof
from assent.refusals import BadCallback, Misused
from assent.shell.codes import GOOD
from assent.shell.screen import literal, result
from assent.strictly import Json, read_object
from assent.webhook import TIMESTAMP, Verifier

INPUT_MAX = 8 * 1024 * 1024  # bytes
SECRET = "ASSENT_WEBHOOK_SECRET"  # noqa: S105  # the name of a variable


def arguments(parser: ArgumentParser) -> None:
    """Describe the three things that can be verified."""
    kinds = parser.add_subparsers(metavar="WHAT", required=True)
    _callback_arguments(kinds)
    _grant_arguments(kinds)
    proof = kinds.add_parser("proof", help="a bundle that `python -m bot audit prove` wrote")
    proof.add_argument("bundle", metavar="FILE")
    proof.add_argument("--key", dest="keys", metavar="KEY", action="append", required=True)
    proof.set_defaults(run=_proof)


def _callback_arguments(kinds: _SubParsersAction[Any]) -> None:
    callback = kinds.add_parser("callback", help="a callback, as it came")
    callback.add_argument("file", metavar="FILE", help="its body; - is standard input")
    callback.add_argument(
        "--header",
        dest="headers",
        metavar="NAME:VALUE",
        action="append",
        default=[],
        help="one of its headers; without any, they stand above the body and an empty line",
    )
    callback.add_argument(
        "--secret",
        dest="secrets",
        metavar="whsec_…",
        action="append",
        default=[],
        help=f"the webhook secret; repeat while one rotates (better: {SECRET})",
    )
    callback.add_argument(
        "--public-key", dest="public_keys", metavar="whpk_…", action="append", default=[], help="for v1a"
    )
    callback.add_argument("--any-time", action="store_true", help="hold it against the time it says itself")
    callback.set_defaults(run=_callback)


def _grant_arguments(kinds: _SubParsersAction[Any]) -> None:
    grant = kinds.add_parser("grant", help="the `grant` of a callback")
    grant.add_argument("grant", metavar="GRANT", help="the token; - is standard input")
    grant.add_argument("--executor", metavar="NAME", required=True, help="for whom it must be")
    grant.add_argument("--url", help="where Assent is, and what must have issued it (default: ASSENT_URL)")
    grant.add_argument("--jwks", metavar="FILE", help="its public keys (default: asked for at --url)")
    grant.set_defaults(run=_grant)


def _callback(args: Namespace) -> int:
    """Verify a callback: a body with `--header`s, or one file with the headers above an empty line."""
    secrets = args.secrets or [one for one in [os.environ.get(SECRET, "")] if one]
    verifier = Verifier.of(secrets, args.public_keys)
    headers, body = _parts(_read(args.file), args.headers)
    now = _said_at(headers) if args.any_time else time.time()
    callback = verifier.callback(headers, body, now)
    result(f"GOOD: {literal(callback.type)} of {literal(str(callback.data.get('id')))}")
    result(f"  message {literal(callback.message_id)}, sent {_instant(_said_at(headers))}")
    return GOOD


def _grant(args: Namespace) -> int:
    url = (args.url or settings.url()).rstrip("/")
    jwks = _keys(args.jwks) if args.jwks else Line(url, "").call("GET", "/.well-known/jwks.json")
    written = _read("-").decode("latin-1") if args.grant == "-" else args.grant
    grant = verify_grant(written.strip(), jwks, args.executor, url, time.time())
    whose, what = literal(grant.executor), literal(grant.request_id)
    result(f"GOOD: leave for {whose} to run {what} of {literal(grant.agent)}")
    result(f"  action {literal(grant.digest)}, until {_instant(grant.expires)}, grant {literal(grant.jti)}")
    return GOOD


def _proof(args: Namespace) -> int:
    keys = [word for key in args.keys for word in ("--key", key)]
    return check_proof([args.bundle, *keys])


def _parts(raw: bytes, given: Sequence[str]) -> tuple[list[tuple[str, str]], bytes]:
    """Split a callback into headers and body."""
    if given:
        split = [line.partition(":") for line in given]
        return [(name.strip(), value.strip()) for name, _, value in split], raw
    parts = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)
    if len(parts) < 2:
        raise BadCallback("it has no headers: give --header, or put them above an empty line")
    lines = [line.partition(":") for line in parts[0].decode("latin-1").splitlines()]
    return [(name.strip(), value.strip()) for name, colon, value in lines if colon], parts[1]


def _said_at(headers: Sequence[tuple[str, str]]) -> float:
    found = [value for name, value in headers if name.lower() == TIMESTAMP and value.isdigit()]
    return float(found[0]) if found and len(found[0]) < 12 else 0.0


def _keys(file: str) -> Json:
    try:
        return read_object(_read(file))
    except ValueError as error:
        raise Misused(f"{file}: {error}") from None


def _read(file: str) -> bytes:
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(INPUT_MAX + 1)
        else:
            with Path(file).open("rb") as held:
                raw = held.read(INPUT_MAX + 1)
    except OSError as error:
        raise Misused(f"{file} cannot be read: {error.strerror}") from None
    if len(raw) > INPUT_MAX:
        raise Misused(f"{file} is longer than {INPUT_MAX} bytes.")
    return raw


def _instant(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S}Z"
