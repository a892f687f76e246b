"""The log's arithmetic, against RFC 6962's reference vectors, C2SP's example and Hypothesis."""

from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from bot.core.log import (
    EMPTY_ROOT,
    Checkpoint,
    LogBroken,
    Prover,
    Tree,
    Verified,
    checkpoint_body,
    commit,
    commitment_matches,
    leaf_hash,
    node_hash,
    open_note,
    parse_note,
    parse_verifier,
    seal,
    sign_note,
    unseal,
    verifier_of,
    verify_inclusion,
)
from tests.fixtures.log import root_of, verify_entries

# The entries and roots of certificate-transparency's own tests of RFC 6962.
REFERENCE = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
LEAVES = [leaf_hash(entry) for entry in REFERENCE]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
INCLUSION = {  # (index, size): proof
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
INCLUSION_OF_FOUR = [bytes.fromhex(INCLUSION[0, 8][2])]  # leads from the root of four to that of eight
MANY = [leaf_hash(b"%d" % number) for number in range(140)]

# C2SP signed-note, "Verifier keys", the example.
C2SP_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

ORIGIN = "assent.example/log"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
VERIFIER = verifier_of(ORIGIN, KEY.public_key())
WITNESS = verifier_of("witness.example/w", OTHER_KEY.public_key())
SALT = bytes(range(16))

leaf_values = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text()
names = st.text(st.characters(max_codepoint=127), max_size=8)
fields_of = st.dictionaries(
    names,
    st.recursive(
        leaf_values, lambda held: st.lists(held, max_size=4) | st.dictionaries(names, held, max_size=4)
    ),
    max_size=6,
)


def an_entry(sequence: int, **more: Any) -> bytes:
    return seal({"sequence": sequence, "kind": "review.given", "request_id": f"req_{sequence % 3}", **more})


def a_log(size: int) -> list[tuple[int, bytes, bytes]]:
    entries = [an_entry(sequence, agent="bot-é") for sequence in range(size)]
    return [(sequence, entry, leaf_hash(entry)) for sequence, entry in enumerate(entries)]


def a_checkpoint(log: list[tuple[int, bytes, bytes]], size: int | None = None) -> str:
    leaves = [leaf for _, _, leaf in log[:size]]
    return sign_note(checkpoint_body(ORIGIN, len(leaves), root_of(leaves)), ORIGIN, KEY)


def inclusion_proof(leaves: list[bytes], index: int, size: int) -> list[bytes]:
    prover = Prover([index], size)
    prover.take(leaves)
    return prover.proofs()[index]


LOG = a_log(11)
NOTES = [a_checkpoint(LOG, size) for size in (11, 4, 7)]


# ── the tree ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", ROOTS)
def test_the_roots_are_those_of_the_reference(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size]
    assert Tree.empty().extend(LEAVES[:size]).root().hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_the_inclusion_proofs_are_those_of_the_reference(index: int, size: int) -> None:
    proof = inclusion_proof(LEAVES, index, size)
    assert [node.hex() for node in proof] == INCLUSION[index, size]
    verify_inclusion(LEAVES[index], index, size, proof, bytes.fromhex(ROOTS[size]))


def test_a_leaf_never_passes_for_a_node() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)


@given(st.integers(0, 140), st.integers(0, 140))
def test_appending_one_by_one_or_in_bulk_gives_the_same_tree(cut: int, size: int) -> None:
    one_by_one = Tree.empty().extend(MANY[:cut][:size])
    for leaf in MANY[one_by_one.size : size]:
        one_by_one = one_by_one.append(leaf)
    assert one_by_one == Tree.empty().extend(MANY[:size])
    assert one_by_one.root() == root_of(MANY[:size])
    assert one_by_one.size == size


def test_appending_leaves_the_old_tree_as_it_was() -> None:
    before = Tree.empty().extend(LEAVES[:3])
    before.append(LEAVES[3])
    assert before.root().hex() == ROOTS[3]


@given(st.integers(0, 140))
def test_a_stored_tree_reads_back(size: int) -> None:
    tree = Tree.empty().extend(MANY[:size])
    assert Tree.from_bytes(tree.to_bytes()) == tree


@given(st.binary(max_size=120))
def test_any_bytes_are_a_tree_or_log_broken(raw: bytes) -> None:
    with suppress(LogBroken):
        assert Tree.from_bytes(raw).to_bytes() == raw


def test_a_leaf_that_is_no_hash_is_refused_and_named() -> None:
    with pytest.raises(LogBroken) as refused:
        Tree.empty().extend([*LEAVES, b"short"])
    assert refused.value.sequence == 8


@given(st.data())
def test_every_leaf_is_proven_and_only_at_its_place(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 140))
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(-1, size))
    proof, root = inclusion_proof(MANY, index, size), root_of(MANY[:size])
    verify_inclusion(MANY[index], index, size, proof, root)
    if other != index:
        with pytest.raises(LogBroken):
            verify_inclusion(MANY[index], other, size, proof, root)


def test_many_proofs_in_one_pass_are_the_single_ones() -> None:
    prover = Prover([7, 0, 139, 64, 7], 140)
    for start in range(0, 140, 9):  # page by page
        prover.take(MANY[start : start + 9])
    assert prover.proofs() == {index: inclusion_proof(MANY, index, 140) for index in (0, 7, 64, 139)}


def test_no_proof_is_made_while_leaves_are_missing() -> None:
    prover = Prover([3], 8)
    prover.take(LEAVES[:7])
    with pytest.raises(LogBroken) as refused:
        prover.proofs()
    assert refused.value.sequence == 7
    with pytest.raises(LogBroken, match="32 bytes"):
        prover.take([b"short"])


@pytest.mark.parametrize(("index", "size"), [(-1, 8), (8, 8), (0, 0), (3, 9)])
def test_what_is_not_in_the_log_gets_no_inclusion_proof(index: int, size: int) -> None:
    with pytest.raises(LogBroken):
        inclusion_proof(LEAVES, index, size)


def test_a_node_or_root_never_passes_for_a_leaf() -> None:
    root = bytes.fromhex(ROOTS[8])
    with pytest.raises(LogBroken):
        verify_inclusion(root, 0, 8, [], root)
    with pytest.raises(LogBroken):
        verify_inclusion(bytes.fromhex(ROOTS[4]), 0, 8, INCLUSION_OF_FOUR, root)


def spoilt(proof: list[bytes]) -> list[list[bytes]]:
    """Every bit-flip of a byte, cut, addition and swap worth trying."""
    junk = leaf_hash(b"junk")
    flipped = [
        [*proof[:at], bytes([node[0] ^ 8]) + node[1:], *proof[at + 1 :]] for at, node in enumerate(proof)
    ]
    cut = [proof[:-1], proof[1:]] if proof else []
    return [
        *flipped,
        *cut,
        [*proof, junk],
        [junk, *proof],
        [*proof, b""],
        [b"", *proof],
        [*proof, *(proof[:1] or [junk])],
    ]


@given(st.data())
def test_a_spoilt_proof_proves_nothing(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 140))
    old = data.draw(st.integers(1, new - 1))
    after = root_of(MANY[:new])
    for proof in spoilt(inclusion_proof(MANY, old, new)):
        with pytest.raises(LogBroken):
            verify_inclusion(MANY[old], old, new, proof, after)


# ── checkpoints ──────────────────────────────────────────────────────────────────────────────────


def test_the_example_of_the_specification_verifies() -> None:
    verifier = parse_verifier(C2SP_KEY)
    assert str(verifier) == C2SP_KEY
    assert parse_note(C2SP_NOTE).body == "This is an example message.\n"
    with pytest.raises(LogBroken, match="lines of origin, size and root"):  # signed, but no checkpoint
        open_note(C2SP_NOTE, [verifier])
    with pytest.raises(LogBroken, match=r"the signature by .* is wrong"):
        open_note(C2SP_NOTE.replace("an example", "no example"), [verifier])


def test_a_signed_checkpoint_opens() -> None:
    note = sign_note(checkpoint_body(ORIGIN, 8, root_of(LEAVES)), ORIGIN, KEY)
    assert note.startswith(f"{ORIGIN}\n8\nXcnaeacGWamtVZy3Ad7Zoqudgjqt")
    assert open_note(note, [VERIFIER]) == Checkpoint(ORIGIN, 8, root_of(LEAVES))
    assert open_note(note.encode(), [parse_verifier(str(VERIFIER))]).size == 8


def test_a_checkpoint_of_the_empty_log_opens() -> None:
    note = sign_note(checkpoint_body(ORIGIN, 0, EMPTY_ROOT), ORIGIN, KEY)
    assert open_note(note, [VERIFIER]).size == 0


def signature_line(note: str) -> str:
    return note.rpartition("\n\n")[2]


def test_signatures_of_unknown_keys_are_passed_over() -> None:
    body = checkpoint_body(ORIGIN, 8, root_of(LEAVES))
    note, witnessed = sign_note(body, ORIGIN, KEY), sign_note(body, WITNESS.name, OTHER_KEY)
    same_name = sign_note(body, ORIGIN, OTHER_KEY)
    longer = f"— post.quantum {b64encode(bytes(3000)).decode()}\n"
    crowded = f"{body}\n" + signature_line(witnessed) + longer * 20 + signature_line(same_name)
    assert open_note(crowded + signature_line(note), [VERIFIER]).size == 8
    assert open_note(crowded + signature_line(note), [VERIFIER, WITNESS]).size == 8
    with pytest.raises(LogBroken, match="no known key"):
        open_note(crowded, [VERIFIER])


def test_a_witness_alone_does_not_make_a_checkpoint() -> None:
    note = sign_note(checkpoint_body(ORIGIN, 8, root_of(LEAVES)), WITNESS.name, OTHER_KEY)
    with pytest.raises(LogBroken, match="not signed by its origin"):
        open_note(note, [VERIFIER, WITNESS])


def test_a_signature_has_one_spelling() -> None:
    assert NOTES[0].endswith("=\n")
    last = NOTES[0][-3]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    same_bytes = NOTES[0][:-3] + alphabet[alphabet.index(last) + 1] + "=\n"
    with pytest.raises(LogBroken, match="base64"):
        open_note(same_bytes, [VERIFIER])


def test_one_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    body, other = (checkpoint_body(ORIGIN, size, root_of(LEAVES)) for size in (8, 9))
    note = sign_note(body, ORIGIN, KEY) + signature_line(sign_note(other, WITNESS.name, OTHER_KEY))
    assert open_note(note, [VERIFIER]).size == 8
    with pytest.raises(LogBroken, match="witness"):
        open_note(note, [VERIFIER, WITNESS])


def test_extension_lines_are_allowed_and_mean_nothing() -> None:
    note = sign_note(checkpoint_body(ORIGIN, 8, root_of(LEAVES)) + "and more\n", ORIGIN, KEY)
    assert open_note(note, [VERIFIER]) == Checkpoint(ORIGIN, 8, root_of(LEAVES))


@pytest.mark.parametrize(
    "body",
    [
        f"{ORIGIN}\n8\n",
        f"\n8\n{'A' * 43}=\n",
        f"{ORIGIN}\n08\n{'A' * 43}=\n",
        f"{ORIGIN}\n+8\n{'A' * 43}=\n",
        f"{ORIGIN}\n٨\n{'A' * 43}=\n",
        f"{ORIGIN}\n-8\n{'A' * 43}=\n",
        f"{ORIGIN}\n{2**63}\n{'A' * 43}=\n",
        f"{ORIGIN}\n8\n{'A' * 43}\n",
        f"{ORIGIN}\n8\n{'A' * 42}B=\n",
        f"{ORIGIN}\n8\nAAAA\n",
        f"{ORIGIN}\n8\n{'A' * 43}=\n\nmore\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(body: str) -> None:
    note = sign_note(body, ORIGIN, KEY)
    with pytest.raises(LogBroken):
        open_note(note, [VERIFIER])


@pytest.mark.parametrize("origin", ["", "two\nlines", "tab\t", "lone\ud800"])
def test_an_origin_is_one_line_of_text(origin: str) -> None:
    with pytest.raises(LogBroken):
        sign_note(checkpoint_body(origin, 8, root_of(LEAVES)), ORIGIN, KEY)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x01b", "a\ud800"])
def test_a_key_name_holds_no_space_and_no_plus(name: str) -> None:
    with pytest.raises(LogBroken):
        verifier_of(name, KEY.public_key())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        str(VERIFIER).replace(ORIGIN, "other"),
        str(VERIFIER).upper(),
        str(VERIFIER)[:-4],
        str(VERIFIER) + "\n",
        f"{ORIGIN}+{VERIFIER.key_id.hex()}+{b64encode(bytes([4]) + VERIFIER.public_key).decode()}",
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(LogBroken):
        parse_verifier(text)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note[:-1],
        lambda note: note + "\n",
        lambda note: note + "\n\n",
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.replace("—", "-"),
        lambda note: note.replace("— ", "—  "),
        lambda note: note.replace("\n", "\r\n"),
        lambda note: note[:-2] + "!\n",
        lambda note: note + signature_line(note) * 100,
        lambda note: "x" * 1_000_001 + note,
        lambda note: note + "— name AAAA\n",
        lambda note: "\ud800" + note,
        lambda note: b"\xff" + note.encode(),
        lambda note: "",
    ],
)
def test_a_malformed_note_is_refused(spoil: Callable[[str], str | bytes]) -> None:
    with pytest.raises(LogBroken):
        parse_note(spoil(NOTES[0]))


@given(st.text() | st.binary() | st.text(alphabet="— \n+aA=8\ud800"))
def test_any_text_is_a_note_or_log_broken(text: str | bytes) -> None:
    for read in (parse_note, lambda note: open_note(note, [VERIFIER])):
        with suppress(LogBroken):
            read(text)
    with suppress(LogBroken):
        parse_verifier(str(text))


@given(st.data())
def test_a_note_with_one_byte_flipped_never_opens(data: st.DataObject) -> None:
    note = bytearray(NOTES[0].encode())
    note[data.draw(st.integers(0, len(note) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(LogBroken):
        open_note(bytes(note), [VERIFIER])


# ── entries ──────────────────────────────────────────────────────────────────────────────────────


@given(fields_of, st.integers(0, 2**53 - 1))
def test_an_entry_is_sealed_as_rfc_8785_says(fields: dict[str, Any], sequence: int) -> None:
    fields["sequence"] = sequence
    try:
        expected = rfc8785.dumps(fields)
    except UnicodeEncodeError:
        with pytest.raises(LogBroken):
            seal(fields)
        return
    assert seal(fields) == expected
    assert unseal(expected, sequence) == fields


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"sequence": -1},
        {"sequence": True},
        {"sequence": "0"},
        {"sequence": 0, "half": 0.5},
        {"sequence": 0, "big": 2**53},
        {"sequence": 0, "é": 1},
        {"sequence": 0, "deep": [{"é": 1}]},
        {"sequence": 0, "bytes": b""},
        {"sequence": 0, "text": "\ud800"},
        {"sequence": 0, 1: 1},
    ],
)
def test_what_has_no_canonical_form_is_not_sealed(fields: dict[str, Any]) -> None:
    with pytest.raises(LogBroken):
        seal(fields)


def test_an_entry_without_end_is_not_sealed() -> None:
    endless: dict[str, Any] = {"sequence": 0}
    endless["again"] = endless
    with pytest.raises(LogBroken):
        seal(endless)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"[]",
        b"0",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"sequence":0',
        b'{"sequence": 0}',
        b'{"sequence":0,"sequence":0}',
        b'{"sequence":1}',
        b'{"sequence":false}',
        b'{"sequence":0.0}',
        b'{"sequence":-0}',
        b'{"sequence":0,"x":NaN}',
        b'{"sequence":0,"x":1e3}',
        b'{"sequence":0,"x":9007199254740992}',
        b'{"sequence":0,"x":' + b"9" * 5000 + b"}",
        b'{"sequence":0,"x":"\\u0041"}',
        b'{"sequence":0,"x":"\\ud800"}',
        b'{"sequence":0,"\xc3\xa9":1}',
        b'{"\\u00e9":1,"sequence":0}',
        b'{"z":0,"sequence":0}',
        b'{"facts":{"x":1.0},"sequence":0}',
        b'{"facts":{"x":[1e2]},"sequence":0}',
        b'{"facts":{"\\u00e9":"x"},"sequence":0}',
        b'{"facts":{"deep":{"x":2.0}},"sequence":0}',
        b'{"sequence":0,"facts":{"b":"x","a":"x"}}',
        b'\xef\xbb\xbf{"sequence":0}',
        '{"sequence":0}'.encode("utf-16"),
        b'{"sequence":0,"x":"\xff"}',
    ],
)
def test_an_entry_that_was_not_sealed_is_refused(entry: bytes) -> None:
    with pytest.raises(LogBroken) as refused:
        unseal(entry, 0)
    assert refused.value.sequence == 0


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_an_entry_or_log_broken(entry: bytes) -> None:
    with suppress(LogBroken):
        assert seal(unseal(entry, 0)) == entry


def test_a_commitment_opens_only_with_its_salt_and_value() -> None:
    commitment = commit(SALT, "because é")
    assert len(commitment) == 64
    assert commitment_matches(commitment, SALT, "because é")
    assert not commitment_matches(commitment, SALT, "because e")
    assert not commitment_matches(commitment, SALT[::-1], "because é")
    assert not commitment_matches("\ud800é", SALT, "because é")


def test_a_commitment_is_hmac_sha256() -> None:
    # RFC 4231, test case 1: a salt of 20 bytes 0x0b.
    expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    assert commit(b"\x0b" * 20, "Hi There") == expected


def test_a_commitment_needs_sixteen_bytes_of_salt_and_plain_text() -> None:
    commit(SALT, "")
    with pytest.raises(LogBroken):
        commit(SALT[:15], "")
    with pytest.raises(LogBroken):
        commit(SALT, "\ud800")


# ── the whole log ────────────────────────────────────────────────────────────────────────────────


def test_a_whole_log_holds_against_its_checkpoints() -> None:
    root = root_of([leaf for _, _, leaf in LOG])
    assert verify_entries(LOG, NOTES, [VERIFIER]) == Verified(11, root, 3)
    assert verify_entries(iter(LOG), [], []) == Verified(11, root, 0)
    assert verify_entries([], [], []) == Verified(0, EMPTY_ROOT, 0)


def test_a_wrong_number_in_the_column_alone_names_its_place() -> None:
    with pytest.raises(LogBroken, match="entry 3: it is missing: entry 4 stands in its place"):
        verify_entries([*LOG[:3], (4, *LOG[3][1:]), *LOG[4:]], NOTES, [VERIFIER])


def test_entries_after_the_last_checkpoint_are_walked_too() -> None:
    assert verify_entries(LOG, NOTES[1:], [VERIFIER]).size == 11
    spoilt_log = [*LOG[:10], (10, LOG[10][1], LOG[9][2])]
    with pytest.raises(LogBroken) as refused:
        verify_entries(spoilt_log, NOTES[1:], [VERIFIER])
    assert refused.value.sequence == 10


def test_a_log_shorter_than_its_checkpoint_names_the_first_missing_entry() -> None:
    with pytest.raises(LogBroken, match="entry 10: it is missing") as refused:
        verify_entries(LOG[:10], NOTES, [VERIFIER])
    assert refused.value.sequence == 10


def test_a_log_rewritten_with_its_hashes_fails_at_its_checkpoint() -> None:
    forged = an_entry(5, decision="approve")
    rewritten = [*LOG[:5], (5, forged, leaf_hash(forged)), *LOG[6:]]
    with pytest.raises(LogBroken, match="checkpoint at 7") as refused:
        verify_entries(rewritten, NOTES, [VERIFIER])
    assert refused.value.sequence == 4  # entries 0 to 3 stand under the checkpoint before


def test_two_checkpoints_of_one_size_and_two_roots_cannot_both_hold() -> None:
    fork = sign_note(checkpoint_body(ORIGIN, 11, EMPTY_ROOT), ORIGIN, KEY)
    with pytest.raises(LogBroken):
        verify_entries(LOG, [*NOTES, fork], [VERIFIER])
    at_zero = sign_note(checkpoint_body(ORIGIN, 0, bytes.fromhex(ROOTS[1])), ORIGIN, KEY)
    with pytest.raises(LogBroken) as refused:
        verify_entries(LOG, [at_zero], [VERIFIER])
    assert refused.value.sequence is None


def test_a_checkpoint_of_an_unknown_key_is_refused() -> None:
    with pytest.raises(LogBroken, match="no known key"):
        verify_entries(LOG, NOTES, [WITNESS])


@given(st.data())
def test_a_flipped_byte_names_its_entry(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, 10))
    entry, leaf = bytearray(LOG[at][1]), bytearray(LOG[at][2])
    spoil = data.draw(st.sampled_from([entry, leaf]))
    spoil[data.draw(st.integers(0, len(spoil) - 1))] ^= data.draw(st.integers(1, 255))
    rehashed = spoil is entry and data.draw(st.booleans())
    record = (at, bytes(entry), leaf_hash(bytes(entry)) if rehashed else bytes(leaf))
    with pytest.raises(LogBroken) as refused:
        verify_entries([*LOG[:at], record, *LOG[at + 1 :]], NOTES, [VERIFIER])
    assert refused.value.sequence is not None
    assert refused.value.sequence <= at
    if not rehashed:
        assert refused.value.sequence == at


@given(st.data())
def test_a_dropped_added_or_swapped_record_names_its_place(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, 10))
    to = data.draw(st.integers(0, 10).filter(lambda other: other != at))
    first = min(at, to)
    swapped = list(LOG)
    swapped[at], swapped[to] = swapped[to], swapped[at]
    bodies = list(LOG)
    bodies[at], bodies[to] = (at, *LOG[to][1:]), (to, *LOG[at][1:])
    doubled = [*LOG[:at], LOG[to], *LOG[at:]]
    dropped = [*LOG[:at], *LOG[at + 1 :]]
    for spoilt_log, place in [(swapped, first), (bodies, first), (doubled, at), (dropped, at)]:
        with pytest.raises(LogBroken) as refused:
            verify_entries(spoilt_log, NOTES, [VERIFIER])
        assert refused.value.sequence == place


@given(st.data())
def test_a_record_dropped_or_added_and_all_renumbered_fails_at_a_checkpoint(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, 10))
    kept = [unseal(entry, sequence) for sequence, entry, _ in LOG]
    extra = {"sequence": 0, "kind": "review.given", "request_id": "req_9"}
    for changed in ([*kept[:at], *kept[at + 1 :]], [*kept[:at], extra, *kept[at:]]):
        entries = [seal({**fields, "sequence": place}) for place, fields in enumerate(changed)]
        rewritten = [(place, entry, leaf_hash(entry)) for place, entry in enumerate(entries)]
        with pytest.raises(LogBroken):
            verify_entries(rewritten, NOTES, [VERIFIER])
