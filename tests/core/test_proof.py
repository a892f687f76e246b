"""Bundles written by the bot, read by the stand-alone verifier that shares no code with it."""

import ast
import hmac
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from assent import proof as proof_module
from assent.proof import NotProven, Proof, check, main, parse_key, words
from bot.core.log import (
    LogBroken,
    Prover,
    checkpoint_body,
    commit,
    leaf_hash,
    parse_verifier,
    proof_bundle,
    seal,
    sign_note,
    verifier_of,
)
from tests.fixtures.log import root_of

ORIGIN = "assent.example/log"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
VERIFIER = verifier_of(ORIGIN, KEY.public_key())
WITNESS = verifier_of("witness.example/w", OTHER_KEY.public_key())
SALT = bytes(range(16))
REASON = "looks right to me \N{WHITE SMILING FACE}"
Spoil = Callable[[dict[str, Any]], object]


@dataclass(frozen=True)
class Shown:
    """A private field to open."""

    sequence: int
    field: str
    salt: bytes
    value: str


def an_entry(sequence: int) -> bytes:
    return seal(
        {
            "sequence": sequence,
            "kind": "review.given",
            "request_id": f"req_{sequence % 3}",
            "agent": "déployeur\x1b[2J\u202e",
            "private": {"reason": commit(SALT, REASON)},
            "stages": [],
        }
    )


ENTRIES = [an_entry(sequence) for sequence in range(11)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
MINE = [(sequence, ENTRIES[sequence]) for sequence in (1, 4, 7)]
OPENED = Shown(4, "private.reason", SALT, REASON)


def a_note(size: int = 10) -> str:
    return sign_note(checkpoint_body(ORIGIN, size, root_of(LEAVES[:size])), ORIGIN, KEY)


def proofs(entries: list[tuple[int, bytes]], leaves: list[bytes], size: int = 10) -> dict[int, list[bytes]]:
    prover = Prover([sequence for sequence, _ in entries], size)
    prover.take(leaves)
    return prover.proofs()


def a_bundle() -> dict[str, Any]:
    return proof_bundle("req_1", MINE, proofs(MINE, LEAVES), a_note(), [VERIFIER], [OPENED])


def checked(bundle: object) -> Proof:
    return check(json.dumps(bundle).encode(), [parse_key(str(VERIFIER))])


@pytest.fixture
def bundle_file(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(a_bundle()))
    return path


# ── writing ──────────────────────────────────────────────────────────────────────────────────────


def test_a_bundle_is_a_json_document_of_the_promised_shape() -> None:
    bundle = a_bundle()
    assert json.loads(json.dumps(bundle)) == bundle
    assert [*bundle] == ["format", "request_id", "checkpoint", "entries", "opened"]
    assert bundle["format"] == "assent-proof/1"
    assert [entry["sequence"] for entry in bundle["entries"]] == [1, 4, 7]
    assert bundle["entries"][0]["entry"].encode() == ENTRIES[1]
    assert bundle["opened"] == [
        {"sequence": 4, "field": "private.reason", "salt": SALT.hex(), "value": REASON}
    ]


@pytest.mark.parametrize("size", range(8, 12))
def test_a_bundle_verifies_against_any_checkpoint_that_covers_it(size: int) -> None:
    bundle = proof_bundle("req_1", reversed(MINE), proofs(MINE, LEAVES, size), a_note(size), [VERIFIER])
    assert [entry.sequence for entry in checked(bundle).entries] == [1, 4, 7]


def test_an_entry_the_checkpoint_does_not_cover_yet_is_not_put_into_a_bundle() -> None:
    with pytest.raises(LogBroken) as refused:
        proofs(MINE, LEAVES, 7)
    assert refused.value.sequence == 7
    with pytest.raises(LogBroken) as refused:
        proof_bundle("req_1", MINE, proofs(MINE[:2], LEAVES, 7), a_note(7), [VERIFIER])
    assert refused.value.sequence == 7


def test_a_bundle_that_would_not_verify_is_not_written() -> None:
    other_leaves = [*LEAVES[:2], LEAVES[0], *LEAVES[3:]]
    for request_id, entries, leaves, verifier, opened in [
        ("req_2", MINE, LEAVES, VERIFIER, []),
        ("req_1", [], LEAVES, VERIFIER, []),
        ("req_1", [(1, ENTRIES[4])], LEAVES, VERIFIER, []),
        ("req_1", MINE, other_leaves, VERIFIER, []),
        ("req_1", MINE, LEAVES[:7], VERIFIER, []),
        ("req_1", MINE, LEAVES, WITNESS, []),
        ("req_1", MINE, LEAVES, VERIFIER, [Shown(4, "private.reason", SALT, "no")]),
        ("req_1", MINE, LEAVES, VERIFIER, [Shown(5, "private.reason", SALT, REASON)]),
        ("req_1", MINE, LEAVES, VERIFIER, [Shown(4, "private", SALT, REASON)]),
        ("req_1", MINE, LEAVES, VERIFIER, [Shown(4, "agent.x", SALT, REASON)]),
    ]:
        with pytest.raises(LogBroken):
            proof_bundle(request_id, entries, proofs(entries, leaves), a_note(), [verifier], opened)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


def test_a_bundle_proves_its_entries_and_opened_fields() -> None:
    proof = checked(a_bundle())
    assert (proof.request_id, proof.origin, proof.size) == ("req_1", ORIGIN, 10)
    assert proof.root == root_of(LEAVES[:10])
    assert [entry.sequence for entry in proof.entries] == [1, 4, 7]
    assert proof.entries[1].opened == {("private", "reason"): REASON}
    assert proof.entries[0].opened == {}


def test_it_says_in_clear_words_what_is_proven_and_steers_no_terminal() -> None:
    said = "\n".join(words(checked(a_bundle())))
    assert "PROVEN for request req_1" in said
    assert f"by the log {ORIGIN}, which signed a checkpoint over 10 entries" in said
    assert "Entry 4: review.given" in said
    assert f"private.reason [opened: it matches its commitment]: {REASON}" in said
    assert f"private.reason: {commit(SALT, REASON)}" in said  # still closed in entries 1 and 7
    assert "agent: déployeur\\x1b[2J\\u202e" in said
    assert "NOT proven by this bundle" in said
    assert all(line.isprintable() for line in said.split("\n"))


def test_a_rotated_key_and_a_witness_do_not_disturb() -> None:
    body = checkpoint_body(ORIGIN, 10, root_of(LEAVES[:10]))
    lines = [sign_note(body, name, OTHER_KEY).rpartition("\n\n")[2] for name in (ORIGIN, WITNESS.name)]
    bundle = a_bundle() | {"checkpoint": a_note() + "".join(lines)}
    raw = json.dumps(bundle).encode()
    assert check(raw, [parse_key(str(VERIFIER))]).size == 10
    assert check(raw, [parse_key(str(key)) for key in (WITNESS, VERIFIER)]).size == 10
    with pytest.raises(NotProven, match="whose key was not given"):
        check(raw, [parse_key(str(WITNESS))])


def test_a_checkpoint_of_another_key_proves_nothing() -> None:
    with pytest.raises(NotProven, match="none of the given keys"):
        check(json.dumps(a_bundle()).encode(), [parse_key(str(WITNESS))])


SPOILT: dict[str, Spoil] = {
    "another format": lambda b: b.update(format="assent-proof/2"),
    "another request": lambda b: b.update(request_id="req_2"),
    "no request": lambda b: b.pop("request_id"),
    "no entries": lambda b: b.update(entries=[]),
    "entries no list": lambda b: b.update(entries={}),
    "an entry twice": lambda b: b["entries"].append(b["entries"][0]),
    "an entry no object": lambda b: b["entries"].append(1),
    "an entry cut": lambda b: b["entries"][0].update(entry="{"),
    "an entry a list": lambda b: b["entries"][0].update(entry="[]"),
    "an entry nested": lambda b: b["entries"][0].update(entry="[" * 100_000),
    "an entry deep": lambda b: b["entries"][0].update(entry='{"x":' + "[" * 40 + "]" * 40 + "}"),
    "a name twice": lambda b: b["entries"][0].update(entry='{"sequence":1,"sequence":1}'),
    "a lone surrogate": lambda b: b["entries"][0].update(entry="\ud800"),
    "entries swapped": lambda b: b["entries"][0].update(entry=b["entries"][1]["entry"]),
    "another place": lambda b: b["entries"][0].update(sequence=4),
    "place beyond": lambda b: b["entries"][0].update(sequence=10),
    "place negative": lambda b: b["entries"][0].update(sequence=-1),
    "place no number": lambda b: b["entries"][0].update(sequence=True),
    "a huge place": lambda b: b["entries"][0].update(sequence=10**400),
    "another word": lambda b: b["entries"][0].update(
        entry=b["entries"][0]["entry"].replace("given", "taken")
    ),
    "no proof": lambda b: b["entries"][0].update(proof=[]),
    "proof cut": lambda b: b["entries"][0]["proof"].pop(),
    "proof longer": lambda b: b["entries"][0]["proof"].append("00" * 32),
    "proof endless": lambda b: b["entries"][0].update(proof=["00" * 32] * 1000),
    "proof of text": lambda b: b["entries"][0].update(proof=["zz"]),
    "proof of short": lambda b: b["entries"][0].update(proof=["00"]),
    "proof of numbers": lambda b: b["entries"][0].update(proof=[1]),
    "proof in capitals": lambda b: b["entries"][0].update(
        proof=[node.upper() for node in b["entries"][0]["proof"]]
    ),
    "another value": lambda b: b["opened"][0].update(value="no"),
    "another salt": lambda b: b["opened"][0].update(salt="00" * 16),
    "a short salt": lambda b: b["opened"][0].update(salt="00" * 15),
    "a salt of text": lambda b: b["opened"][0].update(salt="zz"),
    "a field not there": lambda b: b["opened"][0].update(field="private.name"),
    "a field too deep": lambda b: b["opened"][0].update(field="private.reason.x"),
    "a field of an object": lambda b: b["opened"][0].update(field="private"),
    "a field of no entry": lambda b: b["opened"][0].update(sequence=5),
    "a value no text": lambda b: b["opened"][0].update(value="\ud800"),
    "opened missing": lambda b: b.pop("opened"),
    "no checkpoint": lambda b: b.update(checkpoint=""),
    "checkpoint no text": lambda b: b.update(checkpoint=1),
    "another size": lambda b: b.update(checkpoint=b["checkpoint"].replace("\n10\n", "\n11\n")),
    "unsigned": lambda b: b.update(checkpoint=b["checkpoint"].partition("— ")[0]),
    "another dash": lambda b: b.update(checkpoint=b["checkpoint"].replace("—", "-")),
    "a control character": lambda b: b.update(checkpoint="\x00" + b["checkpoint"]),
    "a surrogate in it": lambda b: b.update(checkpoint="\ud800" + b["checkpoint"]),
    "many signatures": lambda b: b.update(
        checkpoint=b["checkpoint"] + b["checkpoint"].rpartition("\n\n")[2] * 100
    ),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_bundle_proves_nothing(spoil: Spoil) -> None:
    bundle = a_bundle()
    spoil(bundle)
    with pytest.raises(NotProven):
        checked(bundle)


@pytest.mark.parametrize(
    "body",
    [
        f"{ORIGIN}\n8\n",
        f"{ORIGIN}\n08\n{'A' * 43}=\n",
        f"{ORIGIN}\n٨\n{'A' * 43}=\n",
        f"{ORIGIN}\n²\n{'A' * 43}=\n",
        f"{ORIGIN}\n\n{'A' * 43}=\n",
        f"{ORIGIN}\n{2**63}\n{'A' * 43}=\n",
        f"{ORIGIN}\n{'9' * 5000}\n{'A' * 43}=\n",
        f"{ORIGIN}\n8\n{'A' * 42}B=\n",
        f"{ORIGIN}\n8\nAAAA\n",
        f"{ORIGIN}\n0\n{'A' * 43}=\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_proves_nothing(body: str) -> None:
    with pytest.raises(NotProven):
        checked(a_bundle() | {"checkpoint": sign_note(body, ORIGIN, KEY)})


def a_lie(
    text: str, *, place: int = 0, size: int = 1, opened: list[dict[str, object]] | None = None
) -> dict[str, Any]:
    """A bundle of one entry that the log itself forged: signed, and with no proof needed."""
    note = sign_note(checkpoint_body(ORIGIN, size, leaf_hash(text.encode())), ORIGIN, KEY)
    entry = {"sequence": place, "entry": text, "proof": []}
    return {
        "format": "assent-proof/1",
        "request_id": "req_1",
        "checkpoint": note,
        "entries": [entry],
        "opened": opened or [],
    }


def test_even_the_log_cannot_sign_an_entry_that_is_not_plain() -> None:
    plain = '{"request_id":"req_1","sequence":0}'
    assert checked(a_lie(plain)).size == 1
    for lie in (
        a_lie(plain, size=2),  # the root of two, itself shown as a leaf
        a_lie('{"request_id":"req_1","sequence":1}', place=1),  # beyond the end
        a_lie('{"request_id":"req_1","sequence":1}'),  # another place inside
        a_lie('{"request_id":"req_2","sequence":0}'),
        a_lie('{"request_id":"req_1","sequence":0,"sequence":0}'),
        a_lie('{"request_id":"req_2","request_id":"req_1","sequence":0}'),
        a_lie('{"request_id":"req_1","sequence":0,"x":0.5}'),
        a_lie('{"request_id":"req_1","sequence":0,"x":NaN}'),
        a_lie('{"request_id":"req_1","sequence":0,"x":' + "[" * 40 + "]" * 40 + "}"),
    ):
        with pytest.raises(NotProven):
            checked(lie)


@pytest.mark.parametrize(("salt", "opens"), [(SALT, True), (SALT[:15], False)])
def test_a_commitment_with_a_short_salt_opens_nothing(salt: bytes, opens: bool) -> None:
    commitment = hmac.digest(salt, b"yes", "sha256").hex()
    text = f'{{"reason":"{commitment}","request_id":"req_1","sequence":0}}'
    lie = a_lie(text, opened=[{"sequence": 0, "field": "reason", "salt": salt.hex(), "value": "yes"}])
    if opens:
        assert checked(lie).entries[0].opened == {("reason",): "yes"}
    else:
        with pytest.raises(NotProven):
            checked(lie)


def test_a_signature_has_one_spelling() -> None:
    note = a_note()
    assert note.endswith("=\n")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    same_bytes = note[:-3] + alphabet[alphabet.index(note[-3]) + 1] + "=\n"
    with pytest.raises(NotProven, match="malformed"):
        checked(a_bundle() | {"checkpoint": same_bytes})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda held: st.lists(held) | st.dictionaries(st.text(), held),
)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_not_proven(raw: bytes) -> None:
    with pytest.raises(NotProven):
        check(raw, [parse_key(str(VERIFIER))])


@given(st.data(), json_values)
def test_a_bundle_with_any_member_replaced_is_proven_or_not_but_never_fails(
    data: st.DataObject, value: object
) -> None:
    bundle = a_bundle()
    places = [bundle, *bundle["entries"], *bundle["opened"], *(entry["proof"] for entry in bundle["entries"])]
    place = data.draw(st.sampled_from(places))
    place[data.draw(st.sampled_from([*place] if isinstance(place, dict) else range(len(place))))] = value
    with suppress(NotProven):
        list(words(checked(bundle)))


@given(st.data())
def test_one_flipped_byte_of_an_entry_a_proof_or_the_note_is_seen(data: st.DataObject) -> None:
    bundle = a_bundle()
    entry = data.draw(st.sampled_from(bundle["entries"]))
    where, key = data.draw(
        st.sampled_from([(entry, "entry"), (entry["proof"], 0), (bundle, "checkpoint"), (bundle, "format")])
    )
    text = where[key]
    at = data.draw(st.integers(0, len(text) - 1))
    where[key] = text[:at] + chr(ord(text[at]) ^ data.draw(st.integers(1, 127))) + text[at + 1 :]
    with pytest.raises(NotProven):
        checked(bundle)


def test_a_bundle_too_long_is_not_read() -> None:
    longest = json.dumps(a_bundle()).encode().ljust(proof_module.BUNDLE_MAX)
    assert check(longest, [parse_key(str(VERIFIER))]).size == 10
    with pytest.raises(NotProven, match="longer"):
        check(longest + b" ", [parse_key(str(VERIFIER))])


@given(st.text() | st.text(alphabet="+aA0=\ud800 "))
def test_any_text_is_a_key_or_a_value_error(text: str) -> None:
    for candidate in (text, str(VERIFIER) + text, text + str(VERIFIER)):
        try:
            assert parse_key(candidate).key_id == parse_verifier(candidate).key_id
        except ValueError:
            with pytest.raises(LogBroken):  # both readers agree
                parse_verifier(candidate)


# ── the command ──────────────────────────────────────────────────────────────────────────────────


def test_the_command_says_proven(bundle_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(bundle_file), "--key", str(WITNESS), "--key", str(VERIFIER)]) == 0
    assert capsys.readouterr().out.startswith("PROVEN for request req_1\n")


def test_the_command_says_not_proven_and_why(bundle_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(bundle_file), "--key", str(WITNESS)]) == 1
    assert capsys.readouterr().out == "NOT PROVEN: the checkpoint is signed by none of the given keys\n"
    bundle_file.write_bytes(b"\xff")
    assert main([str(bundle_file), "--key", str(VERIFIER)]) == 1


def test_a_wrong_command_exits_with_two(bundle_file: Path, tmp_path: Path) -> None:
    key = str(VERIFIER)
    for arguments in (
        [],
        [str(bundle_file)],
        [str(bundle_file), "--key", "nonsense"],
        [str(bundle_file), "--key", key.replace(ORIGIN, "other")],
        [str(tmp_path / "missing.json"), "--key", key],
        [str(tmp_path), "--key", key],
        ["nul\0.json", "--key", key],
        [str(bundle_file), "--key", key, "--more"],
    ):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 2


def test_the_verifier_stands_alone(bundle_file: Path) -> None:
    source = Path(proof_module.__file__)
    imported: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            imported.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            imported.add(node.module)
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names | {"cryptography"}

    command = [sys.executable, "-m", "assent.proof", str(bundle_file), "--key", str(VERIFIER)]
    ran = subprocess.run(
        command, cwd=source.parent.parent, env={"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert b"d\\xe9ployeur" in ran.stdout
