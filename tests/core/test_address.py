"""Where an executor may be called back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from bot.core.address import callback_address
from bot.core.errors import Malformed


@pytest.mark.parametrize(
    "text",
    [
        "https://runner.example.com/assent",
        "http://127.0.0.1:8401/assent",
        "http://[::1]:8401/",
        "https://runner",
        "https://runner.example.com/hooks/a@b?token=c@d",
        "https://läufer.example/x",
    ],
)
def test_a_url_with_a_host_may_be_called(text: str) -> None:
    assert callback_address(text) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an http or https URL"),
        ("runner.example.com", "an http or https URL"),
        ("ftp://runner.example.com", "an http or https URL"),
        ("https://", "an http or https URL"),
        ("https:runner", "an http or https URL"),
        ("https:///assent", "an http or https URL"),
        ("http://[", "an http or https URL"),
        ("http://a:0/", "an http or https URL"),
        ("http://a:65536/", "an http or https URL"),
        ("http://a:b/", "an http or https URL"),
        ("http://a b/", "no blank"),
        ("http://a/\n", "no blank"),
        ("ht\ttp://a/", "no blank"),
        ("http://a/\u202e", "no invisible"),
        ("http://a\\b/", "no backslash"),
        ("http://ana:s3cret@runner.example.com/", "before the @"),
        ("http://ana@runner.example.com/", "before the @"),
        ("http://:s3cret@runner.example.com/", "before the @"),
        ("http://@runner.example.com/", "before the @"),
        ("https://runner.example.com/#s3cret", "after the #"),
        ("https://runner.example.com/#", "after the #"),
    ],
)
def test_what_is_not_one_is_refused_with_what_to_do_and_without_the_password(text: str, words: str) -> None:
    with pytest.raises(Malformed, match=words) as caught:
        callback_address(text)
    assert "s3cret" not in caught.value.detail


@given(st.from_regex(r"https?://[a-z0-9:@\[\]#?/\\%. \t\u00ad]{0,20}", fullmatch=True))
def test_whatever_passes_names_nobody_for_the_parser_that_calls_it_too(text: str) -> None:
    try:
        callback_address(text)
        url = URL(text)
    except (ValueError, Malformed):
        return
    assert (url.user, url.password, url.raw_fragment) == (None, None, "")
