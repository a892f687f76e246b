"""Callbacks are signed so that any Standard Webhooks library verifies them, and nothing else verifies."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from assent import BadCallback, Misused
from bot.core.signing import content, public_text, sign
from tests.fixtures.clock import NOON
from tests.fixtures.received import received

OLD = "whsec_" + b64encode(b"o" * 32).decode()
NEW = "whsec_" + b64encode(b"n" * 32).decode()
OTHER = "whsec_" + b64encode(b"x" * 32).decode()
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = public_text(KEY.public_key())
BODY = b'{"type":"request.approved","data":{}}'


def signed(at: datetime = NOON, body: bytes = BODY) -> dict[str, str]:
    return sign("msg_1", at, body, [NEW, OLD], [KEY.sign(content("msg_1", at, body))])


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_the_standards_own_library_verifies_ours_with_either_secret_of_a_rotation(secret: str) -> None:
    headers = sign("msg_1", datetime.now(UTC), BODY, [NEW, OLD])
    assert Webhook(secret).verify(BODY, headers) == {"type": "request.approved", "data": {}}


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 2**33))
def test_we_sign_as_the_standards_own_library_does(text: str, seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    theirs = Webhook(OLD).sign("msg_1", at.replace(tzinfo=None), text)
    assert sign("msg_1", at, text.encode(), [OLD])["webhook-signature"] == theirs


def test_theirs_is_verified_by_ours() -> None:
    at = NOON.replace(tzinfo=None)
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(NOON.timestamp())),
        "Webhook-Signature": "v0,AAAA v1,AAAA " + Webhook(OLD).sign("msg_1", at, BODY.decode()),
    }
    assert received(headers, BODY, NOON, [NEW, OLD]) == "msg_1"


def test_a_public_key_alone_verifies() -> None:
    assert received(signed(), BODY, NOON, public_keys=[PUBLIC]) == "msg_1"


def test_no_key_verifies_nothing() -> None:
    with pytest.raises(Misused):
        received(signed(), BODY, NOON)


def test_another_key_verifies_nothing() -> None:
    other = public_text(Ed25519PrivateKey.from_private_bytes(b"y" * 32).public_key())
    with pytest.raises(BadCallback):
        received(signed(), BODY, NOON, [OTHER], [other])


@pytest.mark.parametrize("away", [-30, 0, 30])
def test_a_clock_30_s_away_is_tolerated(away: int) -> None:
    assert received(signed(), BODY, NOON + timedelta(seconds=away), [OLD])


@pytest.mark.parametrize("away", [-31, 31, 10**9])
def test_a_clock_31_s_away_is_not(away: int) -> None:
    with pytest.raises(BadCallback):
        received(signed(), BODY, NOON + timedelta(seconds=away), [OLD])


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": str(int(NOON.timestamp()) + 1)},
        {"webhook-timestamp": f"{int(NOON.timestamp())}.0"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "9" * 11},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": "NaN"},
        {"webhook-timestamp": "\u0661"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,!!!!"},
        {"webhook-signature": "v1a,AAAA"},
        {"webhook-signature": "v1,\udcff"},
        {"webhook-signature": "v1,A " * 2000},
        {"Webhook-Id": "msg_1"},  # twice
    ],
)
def test_headers_that_are_not_what_was_signed_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(BadCallback):
        received(signed() | change, BODY, NOON, [OLD], [PUBLIC])


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(name: str) -> None:
    headers = signed()
    del headers[name]
    with pytest.raises(BadCallback):
        received(headers, BODY, NOON, [OLD])


def test_another_body_is_refused() -> None:
    with pytest.raises(BadCallback):
        received(signed(), BODY + b" ", NOON, [OLD], [PUBLIC])


ANY = st.text(st.characters(exclude_categories=[]))
MARKS = st.lists(st.sampled_from(["v1,", "v1a,", "AAAA", " ", ",", "=", "\udc80"])).map("".join)
SECONDS = st.just(str(int(NOON.timestamp())))


@given(
    st.fixed_dictionaries(
        {
            "webhook-id": ANY | st.just("m"),
            "webhook-timestamp": ANY | SECONDS,
            "webhook-signature": ANY | MARKS,
        }
    ),
    st.binary(),
)
def test_any_headers_are_refused_with_the_one_error(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(BadCallback):
        received(headers, body, NOON, [OLD], [PUBLIC])


@pytest.mark.parametrize("secrets", [[], ["whsec_"], ["whsec_AAAA"], ["hunter2"], [NEW, "whsec_*"], [PUBLIC]])
def test_nothing_is_signed_without_a_proper_secret(secrets: list[str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        sign("msg_1", NOON, BODY, secrets)
