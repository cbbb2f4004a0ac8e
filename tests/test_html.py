"""The HTML of an article: only what is harmless, each address absolute."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedsvc.characters import is_right_to_left, is_writable
from feedsvc.model import Enclosure, Source
from feedsvc.rendering import entry_html, first_paragraph, nesting, summary_text
from feedsvc.rendering.html import SUMMARY_CHARACTERS, body_html
from tests.builders import SITE, make_entry

PAGE = "https://news.example.org/articles/article-1"


def html(markdown: str) -> str:
    return body_html(markdown, PAGE)


# What must not get through


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
        "<style>p { display: none }</style>",
        "<iframe src='https://evil.example/'></iframe>",
        "<object data='https://evil.example/x.swf'></object>",
        "<embed src='https://evil.example/x.swf'>",
        "<form action='https://evil.example/'><input name='a'><button>Go</button></form>",
        "<svg onload='alert(1)'><script>alert(1)</script></svg>",
        "<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>",
        "<meta http-equiv='refresh' content='0; url=https://evil.example/'>",
        "<link rel='stylesheet' href='https://evil.example/x.css'>",
        "<base href='https://evil.example/'>",
        "<template><script>alert(1)</script></template>",
        "<noscript><p title='</noscript><script>alert(1)</script>'></p></noscript>",
        "<!--><script>alert(1)</script>-->",
    ],
)
def test_an_element_that_can_do_harm_is_taken_out_and_the_text_around_it_stays(
    hostile: str,
) -> None:
    clean = html(f"Before.\n\n{hostile}\n\nAfter.")

    assert hostile_parts(clean) == []
    assert "<p>Before.</p>" in clean
    assert "<p>After.</p>" in clean


def test_the_text_of_scripts_and_styles_goes_with_them() -> None:
    assert html("<script>alert(1)</script>") == ""
    assert html("<style>p { color: red }</style>") == ""


def test_handlers_and_styles_are_taken_from_elements_that_stay() -> None:
    clean = html('<p onclick="x()" ONMOUSEOVER=x() style="color: red" class="a" id="b">Text</p>')

    assert clean == "<p>Text</p>"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java&#10;script:alert(1)",
        "java&#x09;script:alert(1)",
        "java\nscript:alert(1)",
        "&#106;avascript&colon;alert(1)",
        "&#1;javascript:alert(1)",
        "data:text/html,x",
        "DATA:text/html;base64,eA==",
        "vbscript:msgbox(1)",
        "VbScript:msgbox(1)",
        "file:///etc/hosts",
        "ftp://files.example/",
        "blob:https://news.example.org/x",
        "http://[",
    ],
)
@pytest.mark.parametrize("template", ['<a href="{}">Text</a>', '<img alt="Text" src="{}">'])
def test_an_address_of_another_scheme_is_taken_out_and_its_element_stays(
    template: str, address: str
) -> None:
    element = only_element(html(template.format(address)))

    assert "href" not in element.attrib
    assert "src" not in element.attrib
    assert "Text" in (element.text or "") + element.get("alt", "")


@pytest.mark.parametrize(
    "markdown", ["[a](javascript:alert%281%29)", "<javascript:alert(1)>", "![a](vbscript:x)"]
)
def test_markdown_makes_no_link_of_a_script(markdown: str) -> None:
    assert hostile_parts(html(markdown)) == []


FRAGMENTS = [
    *["<script>", "</script>", "<scr", "ipt>", "<style>", "</style>", "<iframe", "</iframe>"],
    *["<form action=", "<svg>", "</svg>", "<svg/onload=", "<math>", "<mtext>", "<object data="],
    *["<img src=", "<img ", "<a href=", "</a>", "<p ", "<p>", "</p>", "<table>", "<td>", "<h1>"],
    *["<select>", "<noscript>", "<template>", "<title>", "<textarea>", "<xmp>", "<plaintext>"],
    *["<!--", "-->", "--!>", "<![CDATA[", "]]>", "<?", "<!", "</", "<", ">", "/>", '"', "'", "`"],
    *["javascript:", "JAVASCRIPT&colon;", "java&#9;script:", "data:text/html,", "vbscript:"],
    *["x ", "//evil.example", "onerror=alert(1) ", " onclick=", "OnLoad =", "style=", "srcset="],
    *["xlink:href=", "&lt;script&gt;", "&#60;script&#62;", "&#x3c;", "&", "\\", "\n", "\n\n", " "],
    *["[a](", "![a](", ")", "[a]: ", "```\n", "    ", "> ", "# ", "- ", "| a |\n|---|\n", "*", "_"],
]


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=20).map("".join))
def test_nothing_hostile_survives_whatever_fragments_are_joined(markdown: str) -> None:
    assert hostile_parts(html(markdown)) == []


def hostile_parts(clean: str) -> list[str]:
    """What a reader's browser would find in ``clean`` and must not."""
    found = []
    for element in lxml.html.fragment_fromstring(clean, create_parent="div").iter():
        if not isinstance(element.tag, str):
            found.append(f"a comment or instruction: {element.text}")
            continue
        if element.tag in HARMFUL:
            found.append(f"<{element.tag}>")
        for name, value in element.attrib.items():
            if name.lower().startswith("on") or name in ("style", "srcset", "srcdoc", "action"):
                found.append(f"{element.tag} {name}={value}")
            if name in ("href", "src", "cite"):
                scheme = urlsplit(re.sub(r"[\x00-\x20]", "", value)).scheme
                if scheme not in ("http", "https", "mailto", "tel"):
                    found.append(f"{element.tag} {name}={value}")
    return found


HARMFUL = {
    *["script", "style", "iframe", "frame", "form", "input", "button", "select", "textarea"],
    *["svg", "object", "embed", "applet", "base", "link", "meta", "template", "noscript"],
}


def only_element(clean: str) -> lxml.html.HtmlElement:
    (element,) = lxml.html.fragment_fromstring(clean, create_parent="div").xpath(
        "descendant-or-self::*[self::a or self::img]"
    )
    return element


# Addresses


@pytest.mark.parametrize(
    ("written", "absolute"),
    [
        ("#notes", "https://news.example.org/articles/article-1#notes"),
        ("article-2", "https://news.example.org/articles/article-2"),
        ("/about", "https://news.example.org/about"),
        ("../pictures/a.png", "https://news.example.org/pictures/a.png"),
        ("?page=2", "https://news.example.org/articles/article-1?page=2"),
        ("//cdn.example/a.png", "https://cdn.example/a.png"),
        ("https://elsewhere.example/a?b=1", "https://elsewhere.example/a?b=1"),
        ("http://elsewhere.example/", "http://elsewhere.example/"),
        ("mailto:desk@news.example.org", "mailto:desk@news.example.org"),
        ("tel:+390000000", "tel:+390000000"),
    ],
)
def test_links_and_images_have_absolute_addresses(written: str, absolute: str) -> None:
    assert only_element(html(f"[Text]({written})")).get("href") == absolute
    assert only_element(html(f"![Text]({written})")).get("src") == absolute
    assert only_element(html(f'<a href="{written}">Text</a>')).get("href") == absolute


def test_addresses_are_taken_from_the_entrys_own_page() -> None:
    entry = make_entry(slug="été", body="[Text](#notes)", sources=())

    assert entry_html(entry, SITE) == (
        '<p><a href="https://news.example.org/articles/%C3%A9t%C3%A9#notes">Text</a></p>'
    )


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://a.example/?utm_source=x", "https://a.example/"),
        ("https://a.example/p?id=1&utm_source=x&ref=y#top", "https://a.example/p?id=1&ref=y#top"),
        ("https://a.example/p?FBCLID=1&q=a+b%20c&&gclid=2", "https://a.example/p?q=a+b%20c&"),
        # What looks like it and is not, and what is good only as it was signed.
        (
            "https://a.example/p?source=x&utm=1&mc=2&ID=3",
            "https://a.example/p?source=x&utm=1&mc=2&ID=3",
        ),
        (
            "https://a.example/p?utm_source=x&Signature=1",
            "https://a.example/p?utm_source=x&Signature=1",
        ),
        (
            "https://a.example/utm_source=x?#?utm_source=x",
            "https://a.example/utm_source=x?#?utm_source=x",
        ),
        ("mailto:a@a.example?utm_source=x", "mailto:a@a.example?utm_source=x"),
    ],
)
def test_what_follows_people_about_is_taken_from_addresses(written: str, kept: str) -> None:
    assert only_element(html(f"[Text]({written})")).get("href") == kept
    assert only_element(html(f"![Text]({written})")).get("src") == kept
    if written.startswith("https"):
        entry = make_entry(body="Text.", sources=(Source("A", written),))
        assert only_element(entry_html(entry, SITE)).get("href") == kept
        picture = Enclosure(written, "image/png", 1)
        entry = make_entry(body="Text.", sources=(), enclosures=(picture,))
        assert only_element(entry_html(entry, SITE)).get("src") == kept


def test_no_other_attribute_has_an_address() -> None:
    clean = html(
        "<a href=a ping=b>a</a><img src=c srcset='d 1x' longdesc=e usemap=f lowsrc=g>"
        "<q cite=h>q</q><blockquote cite=i>b</blockquote><del cite=j>d</del><table background=k>"
        "<td background=l>t</table><video poster=m src=n></video><area href=o><object data=p>"
    )
    said = set(re.findall(r' ([a-z]+)="', clean))
    assert said == {"href", "src"}
    assert set(re.findall(r'="([^"]*)"', clean)) == {
        "https://news.example.org/articles/a",
        "https://news.example.org/articles/c",
    }


# What is no part of an article


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Write <button> and go\n\nmore", "<p>Write  and go</p>\n<p>more</p>"),
        ("Use the <title> element\n\nmore", "<p>Use the  element</p>\n<p>more</p>"),
        ("<form id=x><p>The whole article.</p></form>", "<div><p>The whole article.</p></div>"),
        ("<menu><li>a<li>b</menu>", "<ul><li>a</li><li>b</li></ul>"),
        (
            "Join [us](https://t.me/sharewood).",
            '<p>Join <a href="https://t.me/sharewood">us</a>.</p>',
        ),
        ("To [Tweet](https://twitter.com/intent/tweet?url=x) it", "<p>To Tweet it</p>"),
        ("Price <b>$5_</b> then <i>x</i>7$", "<p>Price <b>$5_</b> then <i>x</i>7$</p>"),
    ],
)
def test_what_looks_like_furniture_takes_no_text_along(typed: str, kept: str) -> None:
    assert html(typed) == kept


def test_ends_of_nothing_do_not_hide_how_deep_elements_stand() -> None:
    assert nesting("<ul></x><li>" * 300) == 300


@pytest.mark.parametrize(
    "furniture",
    [
        "<nav><ul><li><a href=/>Gone</a></li></ul></nav>",
        "<select><option>Gone</select>",
        "<button>Gone</button>",
        "<noscript>Gone</noscript>",
        "<template>Gone</template>",
        "<dialog open>Gone</dialog>",
        "<svg><title>Gone</title></svg>",
        "<textarea>Gone</textarea>",
        '<img src="https://count.example/" alt="Gone" width="1" height="1">',
        '<a href="https://www.facebook.com/sharer/sharer.php?u=x"><b>Gone</b></a>',
        '<a class="s" href="https://twitter.com/intent/tweet?text=x">Gone</a>',
        "[Gone](https://x.com/intent/post?text=x)",
        "[Gone](mailto:?subject=x)",
    ],
)
def test_furniture_of_a_page_goes_with_all_that_is_in_it(furniture: str) -> None:
    clean = html(f"Before.\n\n{furniture}\n\nAfter.")
    assert "Gone" not in clean
    assert clean.split() == ["<p>Before.</p>", "<p>After.</p>"]


@pytest.mark.parametrize(
    "part",
    [
        "<aside>Kept</aside>",
        "<blockquote>Words<footer>Kept</footer></blockquote>",
        "<header>Kept</header>",
        "<details><summary>Kept</summary></details>",
        '<img src="https://a.example/line.png" alt="Kept" width="600" height="1">',
        "[Kept](https://www.facebook.com/somebody)",
        "[Kept](https://x.com/somebody/status/1)",
        "[Kept](mailto:desk@news.example.org)",
    ],
)
def test_what_may_be_part_of_an_article_stays(part: str) -> None:
    assert "Kept" in html(f"Before.\n\n{part}\n\nAfter.")


# What Markdown becomes


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# One", "<h2>One</h2>"),
        ("One\n===", "<h2>One</h2>"),
        ("## Two", "<h2>Two</h2>"),
        ("### Three", "<h3>Three</h3>"),
        ("> # Quoted", "<blockquote>\n<h2>Quoted</h2>\n</blockquote>"),
    ],
)
def test_headings_begin_at_the_second_level(markdown: str, expected: str) -> None:
    assert html(markdown) == expected


def test_a_heading_of_the_first_level_in_html_is_taken_out() -> None:
    assert "<h1" not in html("<h1>One</h1>\n\n<H1>Two</H1>")


def test_a_table_is_a_table() -> None:
    clean = lxml.html.fromstring(html("| a | b |\n|---|---|\n| 1 | *2* |"))

    assert clean.tag == "table"
    assert clean.xpath("thead/tr/th/text()") == ["a", "b"]
    assert clean.xpath("tbody/tr/td//text()") == ["1", "2"]


def test_code_is_shown_and_never_run() -> None:
    assert html("`<b>`") == "<p><code>&lt;b&gt;</code></p>"
    assert html("```js\n<script>x</script>\n```") == (
        "<pre><code>&lt;script&gt;x&lt;/script&gt;\n</code></pre>"
    )


def test_struck_text_lists_and_line_breaks_are_kept() -> None:
    assert html("~~old~~") == "<p><s>old</s></p>"
    assert html("- one\n- two") == "<ul>\n<li>one</li>\n<li>two</li>\n</ul>"
    assert html("one  \ntwo") == "<p>one<br>\ntwo</p>"


def test_a_text_that_begins_right_to_left_is_wrapped() -> None:
    arabic = entry_html(make_entry(body="«مرحبا» hello", sources=()), SITE)
    latin = entry_html(make_entry(body="Hello مرحبا", sources=()), SITE)

    assert arabic == '<div dir="rtl"><p>«مرحبا» hello</p></div>'
    assert latin == "<p>Hello مرحبا</p>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("שלום", True), ("مرحبا", True), ("12 – שלום", True), ("Hello שלום", False), ("12", False)],
)
def test_the_first_letter_with_a_direction_decides(text: str, expected: bool) -> None:
    assert is_right_to_left(text) is expected


def test_footnotes_lead_to_the_note_and_back_in_a_reader_and_on_the_page() -> None:
    clean = html("One.[^a] Two.[^a]\n\n[^a]: The *note*.\n\n[^b]: unused, [^c] is none")
    root = lxml.html.fragment_fromstring(clean, create_parent="div")
    ids = root.xpath("//@id")
    assert len(set(ids)) == len(ids) == 3
    assert all(re.fullmatch(r"fn(ref)?-[0-9a-f]{6}-1(:1)?", one) for one in ids)
    # Whole: a reader that shows many articles in one page has none of our ids to itself.
    assert {href.removeprefix(PAGE) for href in root.xpath("//a/@href")} == {
        f"#{one}" for one in ids
    }
    assert root.xpath("string(//li)").split()[:2] == ["The", "note."]
    assert first_paragraph("One.[^a]\n\n[^a]: The note.") == "One."
    # Of another article they are others.
    assert ids[0] not in body_html("One.[^a]\n\n[^a]: x", PAGE + "2")


def test_no_id_but_those_of_footnotes_stays_and_each_once() -> None:
    clean = html("One.[^a]\n\n[^a]: x")
    (own,) = re.findall(r'id="(fn-[^"]*)"', clean)
    for id in ("main", "fn-1", "fn-abcdef-1", f"{own}x"):
        assert "id=" not in html(f'<a id="{id}">x</a><li id="{id}">y</li>')
    again = html(f'One.[^a] <a id="{own}">x</a>\n\n[^a]: x')
    assert again.count(f'id="{own}"') == 1
    # A text about ids is a text.
    shown = html('One.[^a] `<a id="x">` `<li id="x">`\n\n[^a]: x')
    assert '<code>&lt;a id="x"&gt;</code> <code>&lt;li id="x"&gt;</code>' in shown


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("$a_1 * b_2 * c_3$", "$a_1 * b_2 * c_3$"),
        ("so $$\\frac{a}{b} \\\\ *x*_y_$$ is", "so $$\\frac{a}{b} \\\\ *x*_y_$$ is"),
        ("$x < y_1$", "$x < y_1$"),
        # Money, and what was escaped, are as ever.
        ("US$5 *and* A$6", "US$5 and A$6"),
        ("$5 for *all_* $6", "$5 for all_ $6"),
        ("\\$a\\_1\\$", "$a_1$"),
        ("$a\\_1$", "$a_1$"),
    ],
)
def test_formulas_of_tex_are_left_as_typed(markdown: str, text: str) -> None:
    assert lxml.html.fromstring(html(markdown)).text_content() == text


def test_mathml_survives_without_what_could_stand_in_it() -> None:
    formula = (
        '<math display="block"><mfrac><mi>a</mi><mrow><mn>2</mn><mo>&lt;</mo><msup><mi>b</mi>'
        "<mn>2</mn></msup></mrow></mfrac></math>"
    )
    assert html(formula) == formula.join(("<p>", "</p>"))
    assert (
        html(
            "<math><semantics><mi onclick=x href=javascript:x>x</mi><annotation>x</annotation>"
            "<annotation-xml encoding='text/html'><b>x</b></annotation-xml></semantics></math>"
        )
        == "<p><math><mi>x</mi></math></p>"
    )
    assert html("<math><mtext><a href=/>x</a><b>y</b></mtext></math>") == (
        "<p><math><mtext>xy</mtext></math></p>"
    )


@pytest.mark.parametrize(
    "hostile",
    [
        '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1'
        ' onerror=alert(1)&gt;">',
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<math><annotation-xml encoding=text/html><style><img src=x onerror=alert(1)></style>",
        "<math><mi><malignmark><svg><style><a title='</style><img onerror=alert(1)>'>",
    ],
)
def test_what_is_read_again_is_what_was_written(hostile: str) -> None:
    clean = html(hostile)
    assert hostile_parts(clean) == []
    assert html(clean) == clean


def test_signs_of_every_script_survive() -> None:
    text = "👩\u200d👩\u200d👧 ❤\ufe0f 🏳\ufe0f\u200d🌈 1\ufe0f\u20e3 مرحبا שָׁלוֹם क्\u200dष e\u0301"
    assert html(text) == f"<p>{text}</p>"
    assert html("<bdo dir=rtl lang=he>abc</bdo>") == (
        '<p><span lang="he">\u2068\u202eabc\u202c\u2069</span></p>'
    )


@pytest.mark.parametrize(
    "sign", ["\x01", "\x7f", "\x81", "\ud800", "\ufdd0", "\ufffe", "\U0001ffff"]
)
def test_what_is_no_character_reaches_no_document(sign: str) -> None:
    entry = make_entry(body=f"a{sign}b &#{ord(sign)};", sources=(Source(f"S{sign}"),))
    clean = entry_html(entry, SITE)
    assert sign not in clean
    assert "<p>ab " in clean
    assert sign not in summary_text(make_entry(summary="", body=f"a{sign}b"))


def test_what_windows_meant_by_a_control_is_shown_and_of_a_lost_character_a_mark() -> None:
    assert entry_html(make_entry(body="it\x92s \ufffd", sources=()), SITE) == "<p>it’s ?</p>"


@pytest.mark.parametrize("name", ["aside", "section", "header", "footer", "details", "article"])
def test_what_only_groups_a_text_keeps_it_apart(name: str) -> None:
    clean = html(f"<{name} class=x>One</{name}><{name.upper()}>Two</{name.upper()}>")
    assert clean == "<div>One</div><div>Two</div>"


# Sources


def test_sources_stand_behind_the_text_and_are_escaped() -> None:
    sources = (
        Source('A & B <i>"x"</i>', 'https://journal.example/?a=1&b="><script>'),
        Source("Without an address"),
    )
    clean = entry_html(make_entry(body="Text.", sources=sources), SITE)

    assert clean == (
        "<p>Text.</p>\n<h2>Sources</h2>\n<ul>"
        '<li><a href="https://journal.example/?a=1&amp;b=&quot;&gt;&lt;script&gt;">'
        '<bdi dir="auto">A &amp; B &lt;i&gt;"x"&lt;/i&gt;</bdi></a></li>'
        '<li><bdi dir="auto">Without an address</bdi></li></ul>'
    )
    assert hostile_parts(clean) == []


def test_without_sources_there_is_no_heading_for_them() -> None:
    assert entry_html(make_entry(body="Text.", sources=()), SITE) == "<p>Text.</p>"


# Summaries


def test_the_editors_own_summary_is_taken_as_it_is() -> None:
    own = "word " * 100

    assert summary_text(make_entry(summary=own)) == own


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("# Heading\n\nThe *first* `paragraph`.\n\nThe second.", "The first paragraph."),
        ("![A picture](a.png)\n\nAfter it.", "After it."),
        ("one\ntwo  \nthree", "one two three"),
        ("A [link](https://a.example) and \\*stars\\* &amp; signs", "A link and *stars* & signs"),
        ("- item\n\nparagraph", "item"),
        ("<p>HTML only</p>", ""),
        ("", ""),
    ],
)
def test_the_first_paragraph_is_plain_text(body: str, expected: str) -> None:
    assert first_paragraph(body) == expected


def test_without_a_paragraph_the_title_is_the_summary() -> None:
    assert summary_text(make_entry(summary="", body="# Heading", title="The title")) == "The title"


def test_a_long_first_paragraph_is_cut_between_words() -> None:
    text = summary_text(make_entry(summary="", body="words, " * 100))

    assert text.endswith("words…")
    assert SUMMARY_CHARACTERS - 10 < len(text) <= SUMMARY_CHARACTERS


def test_a_first_paragraph_of_just_the_allowed_length_is_not_cut() -> None:
    body = "a" * SUMMARY_CHARACTERS

    assert summary_text(make_entry(summary="", body=body)) == body
    assert summary_text(make_entry(summary="", body=body + "a")) == body + "…"


def test_a_text_without_spaces_is_cut_at_the_limit() -> None:
    assert summary_text(make_entry(summary="", body="漢" * 1000)) == "漢" * SUMMARY_CHARACTERS + "…"


@settings(derandomize=True, deadline=None)
@given(st.text(alphabet="ab .,é漢\n#*<>", max_size=1200))
def test_a_summary_made_from_a_text_is_short_and_of_one_line(body: str) -> None:
    text = summary_text(make_entry(summary="", body=body, title="The title"))

    assert 0 < len(text) <= SUMMARY_CHARACTERS + 1
    assert "\n" not in text


def test_a_citation_carries_no_address_that_nobody_checked() -> None:
    for tag in ("blockquote", "q"):
        assert "cite" not in body_html(f'<{tag} cite="javascript:x">x</{tag}>', PAGE)


@pytest.mark.parametrize("body", ["<p>a&#1;b</p>", '<a title="&#1;" href="x">y</a>', "&#xffff;"])
def test_a_reference_to_a_control_character_does_not_cost_the_article(body: str) -> None:
    assert is_writable(body_html(body, PAGE))


def test_the_text_of_a_script_is_in_no_summary() -> None:
    text = "Before <script>alert(1)</script><style>p {}</style> after **all**."
    assert first_paragraph(text) == "Before after all."


def test_a_block_of_the_other_direction_says_so() -> None:
    html = entry_html(make_entry(body="English.\n\nשלום עולם.\n\n- מים\n- tea\n\n# עברית"), SITE)
    assert '<p dir="rtl">שלום עולם.</p>' in html
    assert "<p>English.</p>" in html
    assert '<h2 dir="rtl">' in html
    # All of it is said once where the whole is.
    assert entry_html(make_entry(body="שלום.\n\nEnglish."), SITE).count("rtl") == 1


def test_columns_stand_as_they_were_typed() -> None:
    html = entry_html(make_entry(body="| a | b |\n|---|---:|\n| c | 1 |"), SITE)
    assert '<td align="right">1</td>' in html
    assert "<td>c</td>" in html
