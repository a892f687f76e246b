"""The test vectors in docs/vectors: what we, and other people's libraries, make of them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from assent import BadCallback, BadGrant, Verifier, verify_grant
from bot.core import signing
from docs.vectors.__main__ import HERE, documents

NPM = Path(__file__).parent / "npm"
CALLBACKS: dict[str, Any] = json.loads((HERE / "callbacks.json").read_text("utf-8"))
GRANTS: dict[str, Any] = json.loads((HERE / "grants.json").read_text("utf-8"))
VERIFIER = Verifier.of(CALLBACKS["secrets"], CALLBACKS["public_keys"])
NOW = datetime.fromtimestamp(CALLBACKS["now"], UTC)


def _named(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=lambda vector: vector["name"])


@pytest.mark.parametrize("name", ["callbacks.json", "grants.json"])
def test_the_files_are_what_the_module_writes(name: str) -> None:
    assert (HERE / name).read_text("utf-8") == documents()[name], "python -m docs.vectors"


@_named(CALLBACKS["vectors"])
def test_our_receiver_agrees(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    try:
        VERIFIER.callback([tuple(pair) for pair in vector["headers"]], body, CALLBACKS["now"])
        holds = True
    except BadCallback:
        holds = False
    assert holds is vector["holds"]


@_named([one for one in CALLBACKS["vectors"] if one["oracle"]])
def test_standardwebhooks_of_pypi_agrees(vector: dict[str, Any]) -> None:
    with freeze_time(NOW):
        try:
            Webhook(CALLBACKS["secrets"][0]).verify(vector["body"], dict(vector["headers"]))
            holds = True
        except Exception:  # its errors are untyped
            holds = False
    assert holds is vector["holds"]


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """The folder in which npm's `standardwebhooks` is installed; kept between runs."""
    if shutil.which("npm") is None:
        pytest.skip("NO NPM: the vectors are not held against npm's standardwebhooks")
    lock = hashlib.sha256((NPM / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"assent-npm-{os.getuid()}-{lock}"
    folder.mkdir(mode=0o700, exist_ok=True)
    assert folder.stat().st_uid == os.getuid()
    with FileLock(folder / "lock"):
        if not (folder / "done").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(NPM / name, folder)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
            if done.returncode and "network" in done.stderr.lower():
                pytest.skip(f"NPM CANNOT BE REACHED: {done.stderr[:200]}")
            assert done.returncode == 0, done.stderr
            (folder / "done").touch()
    return folder


def test_the_lock_holds_hashes_and_no_address() -> None:
    text = (NPM / "package-lock.json").read_text()
    assert "sha512-" in text
    assert "://" not in text


def test_standardwebhooks_of_npm_agrees(node_modules: Path) -> None:
    command = ["node", str(NPM / "verify.js"), str(node_modules), str(HERE / "callbacks.json")]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    expected = {one["name"]: one["holds"] for one in CALLBACKS["vectors"] if one["oracle"]}
    assert {name: holds for name, holds in json.loads(said).items() if name in expected} == expected


@_named(GRANTS["vectors"])
def test_grants_are_judged_as_the_vectors_say(vector: dict[str, Any]) -> None:
    held = (GRANTS["jwks"], GRANTS["executor"], GRANTS["issuer"])
    if vector["holds"]:
        assert verify_grant(vector["grant"], *held, GRANTS["now"]).executor == GRANTS["executor"]
        return
    with pytest.raises(BadGrant):
        verify_grant(vector["grant"], *held, GRANTS["now"])


PART = st.one_of(st.text(), st.text(alphabet='ab=_-{}":,0', max_size=20))


@given(
    st.lists(st.tuples(st.sampled_from(["webhook-id", "Webhook-Timestamp", "webhook-signature"]), PART)),
    st.binary(),
)
def test_whatever_the_headers_hold_there_is_one_error(headers: list[tuple[str, str]], body: bytes) -> None:
    with pytest.raises(BadCallback):
        VERIFIER.callback(headers, body, CALLBACKS["now"])


@given(st.binary())
def test_whatever_is_signed_there_is_one_error(body: bytes) -> None:
    headers = signing.sign("msg_1", NOW, body, CALLBACKS["secrets"])
    try:
        VERIFIER.callback(headers, body, CALLBACKS["now"])
    except BadCallback:
        return
    assert body.startswith(b"{")


@given(st.one_of(st.text(), st.lists(PART, min_size=3, max_size=3).map(".".join)))
def test_whatever_the_token_there_is_one_error(token: str) -> None:
    with pytest.raises(BadGrant):
        verify_grant(token, GRANTS["jwks"], GRANTS["executor"], GRANTS["issuer"], GRANTS["now"])
