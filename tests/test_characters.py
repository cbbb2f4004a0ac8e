"""Text is made of characters that XML can carry, and of nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from feedsvc.characters import clean_block, clean_line, is_writable

any_text = st.text(alphabet=st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    "character", ["\x00", "\x08", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"]
)
def test_a_character_that_xml_forbids_is_found_and_taken_out(character: str) -> None:
    assert not is_writable(f"a{character}b")
    assert clean_block(f"a{character}b") == "ab"
    assert clean_line(f"a{character}b") == "ab"


@pytest.mark.parametrize(
    "text", ["", "\t\n\r", "é", "שלום", "日本", "\ud7ff\ue000\ufffd", "😀\U0010ffff"]
)
def test_every_other_character_is_writable(text: str) -> None:
    assert is_writable(text)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_every_kind_of_line_end_becomes_a_line_feed(end: str) -> None:
    assert clean_block(f"one{end}two") == "one\ntwo"
    assert clean_line(f"one{end}two") == "one two"


def test_a_block_loses_its_blank_edges_and_keeps_its_blank_lines() -> None:
    assert clean_block("\r\n \t\n  one\n\n  two\n\t ") == "  one\n\n  two"


def test_a_line_has_single_spaces_only() -> None:
    assert clean_line("  one \t two\n\nthree ") == "one two three"


@settings(derandomize=True, deadline=None)
@given(any_text)
def test_xml_takes_whatever_was_cleaned_and_cleaning_again_changes_nothing(text: str) -> None:
    for clean in (clean_block, clean_line):
        cleaned = clean(text)
        element = etree.Element("title")
        element.text = cleaned
        assert (etree.fromstring(etree.tostring(element)).text or "") == cleaned
        assert is_writable(cleaned)
        assert clean(cleaned) == cleaned


@settings(derandomize=True, deadline=None)
@given(any_text)
def test_a_text_is_writable_exactly_where_lxml_takes_it(text: str) -> None:
    try:
        etree.Element("title").text = text
    except ValueError:  # UnicodeEncodeError, of a lone surrogate, is one too
        assert not is_writable(text)
    else:
        assert is_writable(text)


def test_no_break_spaces_stay() -> None:
    assert clean_line("«\u00a0Bonjour\u00a0»  à\ttous") == "«\u00a0Bonjour\u00a0» à tous"
    assert clean_line("\u00a0 \u00a0") == ""
