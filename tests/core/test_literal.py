"""Nothing from outside is invisible, and nothing passes for something else unnoticed."""

import re
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.errors import Malformed
from bot.core.literal import identifier, visible

ANY = st.text(st.characters(exclude_categories=[]))  # surrogates too
SPECIAL = st.text(
    st.sampled_from("a\u0431 \n\t\r\0\x1b\u00a0\u00ad\u202e\u2066\u200b\u2060\ufeff\u3164\u2800\u115f\ufe0f")
    | st.sampled_from("\U000e0041\U000e0100\ue000\ud800\u2028\u27e8U+\u27e9")
)
IGNORABLE = (  # Default_Ignorable_Code_Point of Unicode 16, written out as a second opinion
    "00AD 034F 061C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 3164 FE00-FE0F FEFF FFA0 "
    "FFF0-FFF8 1BCA0-1BCA3 1D173-1D17A E0000-E0FFF"
)


def ignorable() -> set[str]:
    spans = [span.partition("-") for span in IGNORABLE.split()]
    return {chr(code) for low, _, high in spans for code in range(int(low, 16), int(high or low, 16) + 1)}


HIDDEN = ignorable() | set("\u2800\U0001d159")


def is_hidden(char: str) -> bool:
    category = unicodedata.category(char)
    return char not in "\n\t " and (category[0] in "CZ" or char in HIDDEN)


@given(ANY | SPECIAL)
@example("\u27e8U+202E\u27e9")
def test_nothing_hidden_is_left_and_nothing_is_lost(text: str) -> None:
    shown, warnings = visible(text)
    assert not any(map(is_hidden, shown))
    assert not any(is_hidden(char) for warning in warnings for char in warning)
    assert re.sub("\u27e8U\\+([0-9A-F]{4,6})\u27e9", lambda found: chr(int(found[1], 16)), shown) == text
    assert bool(warnings) or shown == text


def test_every_code_point_is_shown_or_made_visible() -> None:
    shown, _ = visible(" ".join(map(chr, range(0x110000))))
    assert not any(map(is_hidden, shown))


@pytest.mark.parametrize(
    ("text", "shown", "warning"),
    [
        ("rm \u202egpj", "rm ⟨U+202E⟩gpj", "contains U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("a\u200bb", "a⟨U+200B⟩b", "contains U+200B ZERO WIDTH SPACE"),
        ("\x1b[31m", "⟨U+001B⟩[31m", "contains U+001B control character"),
        ("a\r\nb", "a⟨U+000D⟩\nb", "contains U+000D control character"),
        ("\ue000", "⟨U+E000⟩", "contains U+E000 private use"),
        ("\ud800", "⟨U+D800⟩", "contains U+D800 lone surrogate"),
        ("\u0378", "⟨U+0378⟩", "contains U+0378 unassigned code point"),
        ("a\u00a0b", "a⟨U+00A0⟩b", "contains U+00A0 NO-BREAK SPACE"),
        ("\U000e0041", "⟨U+E0041⟩", "contains U+E0041 TAG LATIN CAPITAL LETTER A"),
    ],
)
def test_what_is_hidden_is_named(text: str, shown: str, warning: str) -> None:
    assert visible(text) == (shown, (warning,))


def test_a_mark_in_the_text_itself_cannot_pass_for_ours() -> None:
    shown, warnings = visible("⟨U+202E⟩")
    assert shown == "⟨U+27E8⟩U+202E⟩"
    assert warnings == ("contains text that imitates the mark of an invisible character",)


@pytest.mark.parametrize(
    "text",
    ["DROP TABLE x;\n\tgo", "naïve café", "Straße 5 µs, 1ª, m²", "東京タワーでJSONを書く", "한국어 漢字",
     "привет мир", "Ελλάδα", "שלום", "Δ t and π", "scope привет"],
)  # fmt: skip
def test_honest_text_is_left_alone(text: str) -> None:
    assert visible(text) == (text, ())


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("go to p\u0430ypal", "“p\u0430ypal” mixes Cyrillic and Latin letters"),
        (
            "the \u0455\u0441\u043e\u0440\u0435 is",
            "“\u0455\u0441\u043e\u0440\u0435” looks Latin, and is Cyrillic",
        ),
        ("\uff50rod", "“\uff50rod” holds letters or digits in disguise"),
        ("\U0001d429rod", "“\U0001d429rod” holds letters or digits in disguise"),
        ("①②⑦.⓪.⓪.①", "“①②⑦” holds letters or digits in disguise"),
        ("\u039fK", "“\u039fK” mixes Greek and Latin letters"),
    ],
)
def test_lookalikes_are_warned_of_and_left_as_they_are(text: str, warning: str) -> None:
    shown, warnings = visible(text)
    assert shown == text
    assert warnings[0] == warning


def test_many_warnings_become_a_few() -> None:
    _, warnings = visible("".join(map(chr, range(0x200B, 0x2010))) + "".join(map(chr, range(0x202A, 0x202F))))
    assert len(warnings) == 9
    assert warnings[-1] == "and 2 more warnings"


@pytest.mark.parametrize(
    "text", ["db.migrate", "orders", "arn:aws:s3:::b/k_1", "a@b.c", "https://x.y/?a=1&b=2#c", "-"]
)
def test_a_plain_identifier_is_taken(text: str) -> None:
    assert identifier(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b",
        "a\n",
        "\na",
        "\u0430",
        "a\u200b",
        "é",
        "a\0",
        "`a`",
        "<a>",
        '"',
        "\\",
        "x" * 257,
        "*",
        "｡",
    ],
)
def test_anything_else_is_no_identifier(text: str) -> None:
    with pytest.raises(Malformed):
        identifier(text)


@given(ANY | SPECIAL)
def test_an_identifier_needs_no_warning(text: str) -> None:
    try:
        name = identifier(text)
    except Malformed:
        return
    assert visible(name) == (name, ())


def test_a_quarter_megabyte_is_quick() -> None:
    began = time.perf_counter()
    visible("a" * 250_000 + "\u202e")
    visible("\u0431" * 250_000)
    visible(("p\u0430y " * 60_000) + "\u200b")
    assert time.perf_counter() - began < 3
