"""Text from outside, made literal: nothing in it is invisible, and nothing passes for something else.

What is hidden is decided by Unicode category (`str.isprintable`: control, format, surrogate, private,
unassigned, separators), plus the printable code points that draw nothing, which are named here.
"""

import re
from functools import lru_cache
from itertools import chain
from unicodedata import category, name, normalize

from bot.core.errors import Malformed

# As a JSON Schema pattern too; the look-ahead is for Python, whose `$` also matches before a last newline.
IDENTIFIER = r"^[A-Za-z0-9._:/@+=,#%~?&$-]+$(?!\n)"
IDENTIFIER_MAX = 256  # characters
WARNINGS_MAX = 8  # then one line says how many more
WORD_SHOWN_MAX = 40  # characters of a word in a warning

KEPT = "\n\t"
# Printable by category, and yet blank: Default_Ignorable_Code_Point of DerivedCoreProperties.txt, and
# the blank glyphs.
BLANKS = frozenset(
    chain(
        map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0xFFFC, 0x16FE4, 0x1D159)),
        map(chr, range(0x180B, 0x1810)),  # Mongolian variation selectors
        map(chr, range(0xFE00, 0xFE10)),  # variation selectors
        map(chr, range(0x13441, 0x13443)),  # Egyptian full and half blank
        map(chr, range(0xE0000, 0xE1000)),  # tags, variation selectors supplement
    )
)
# Letters of other scripts that look like Latin ones: confusables.txt of UTS 39, single letters.
LATIN_LOOKALIKES = frozenset(
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03b1\u03b3\u03b9"
    "\u03bd\u03bf\u03c1\u03c3\u03c5\u03f2\u0405\u0406\u0408\u0410\u0412\u0415\u0417\u041a\u041c\u041d\u041e"
    "\u0420\u0421\u0422\u0423\u0425\u0430\u0433\u0435\u043e\u043f\u0440\u0441\u0443\u0445\u0455\u0456\u0458"
    "\u0475\u04ae\u04af\u04bb\u04c0\u04cf\u0501\u050c\u051b\u051c\u051d\u0555\u0561\u0563\u0570\u0578\u057d"
    "\u0581\u0582\u0585"
)
# Scripts that are written together (UTS 39, "highly restrictive").
TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
_CATEGORIES = {
    "Cc": "control character",
    "Cs": "lone surrogate",
    "Co": "private use",
    "Cn": "unassigned code point",
}
_UNPLAIN = re.compile(r"[^\n\t\x20-\x7e]")
_MIMICRY = re.compile(r"\u27e8(?=U\+)")  # text that only looks like one of our marks
_WORD = re.compile(r"[^\W_]+")


def visible(text: str) -> tuple[str, tuple[str, ...]]:
    """Write every code point that cannot be seen as ⟨U+202E⟩; return the text and what to warn of.

    Newline and tab stay. Words that mix scripts or imitate Latin letters stay as they are, with a warning.
    """
    if text.isascii() and not _UNPLAIN.search(text):
        return text, ()
    literal = _MIMICRY.sub(_mark("\u27e8"), text)
    hidden = dict.fromkeys(char for char in _UNPLAIN.findall(text) if _is_hidden(char))
    if hidden:
        literal = _UNPLAIN.sub(lambda found: _shown(found[0]), literal)
    warnings = [_contains(char) for char in hidden]
    if _MIMICRY.search(text):
        warnings.append("contains text that imitates the mark of an invisible character")
    warnings.extend(_lookalikes(text))
    return literal, _some(warnings)


def identifier(text: str) -> str:
    """Return the text if it is a plain identifier, else raise `Malformed`."""
    if len(text) > IDENTIFIER_MAX:
        raise Malformed(f"An identifier has at most {IDENTIFIER_MAX} characters.")
    if not re.search(IDENTIFIER, text):
        raise Malformed("An identifier is ASCII letters, digits and . _ : / @ + = , # % ~ ? & $ - only.")
    return text


@lru_cache(maxsize=4096)
def _is_hidden(char: str) -> bool:
    return char not in KEPT and (not char.isprintable() or char in BLANKS)


def _mark(char: str) -> str:
    return f"\u27e8U+{ord(char):04X}\u27e9"


def _shown(char: str) -> str:
    return _mark(char) if _is_hidden(char) else char


def _contains(char: str) -> str:
    what = _CATEGORIES.get(category(char)) or name(char, "hidden character")
    return f"contains U+{ord(char):04X} {what}"


def _some(warnings: list[str]) -> tuple[str, ...]:
    more = len(warnings) - WARNINGS_MAX
    return (*warnings[:WARNINGS_MAX], f"and {more} more warnings") if more > 0 else tuple(warnings)


def _lookalikes(text: str) -> list[str]:
    """Name the words that mix scripts, or are wholly of letters that pass for Latin ones."""
    latin = re.search("[A-Za-z]", text)
    warnings = []
    for word in dict.fromkeys(_WORD.findall(text)):
        if word.isascii():
            continue
        shown = "".join(map(_shown, word[:WORD_SHOWN_MAX]))
        scripts = sorted({_script(char) for char in word} - {""})
        if any(_is_disguised(char) for char in word):
            warnings.append(f"\u201c{shown}\u201d holds letters or digits in disguise")
        elif len(scripts) > 1 and not any(group.issuperset(scripts) for group in TOGETHER):
            mixed = " and ".join(script.capitalize() for script in scripts)
            warnings.append(f"\u201c{shown}\u201d mixes {mixed} letters")
        elif latin and LATIN_LOOKALIKES.issuperset(word):
            warnings.append(f"\u201c{shown}\u201d looks Latin, and is {scripts[0].capitalize()}")
    return warnings


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    """The first word of a letter's name is its script; what is no letter has none."""
    if char.isascii():
        return "LATIN" if char.isalpha() else ""
    if not category(char).startswith("L"):
        return ""
    return "LATIN" if char < "\u0100" else name(char, "").partition(" ")[0]


@lru_cache(maxsize=4096)
def _is_disguised(char: str) -> bool:
    """Tell whether a letter or digit is a styled form of ASCII ones, as fullwidth or mathematical."""
    if char < "\u0100" or category(char)[0] not in "LN":
        return False
    plain = normalize("NFKC", char)
    return plain.isascii() and plain.isalnum()
