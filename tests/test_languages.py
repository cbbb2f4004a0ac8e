"""Pages in the language of whoever reads them."""

from __future__ import annotations

import pickle

from feedsvc.phrases import Phrase, counted
from tests.service import Service


def test_a_phrase_is_its_english_text_and_keeps_what_it_was_made_of() -> None:
    inner = counted("%(number)s day", "%(number)s days", 2)
    said = Phrase("In %(when)s, at 100 %%", when=inner)
    assert said == "In 2 days, at 100 %"
    assert (said.template, said.values["when"]) == ("In %(when)s, at 100 %%", inner)
    assert counted("%(number)s day", "%(number)s days", 1) == "1 day"
    again = pickle.loads(pickle.dumps(said))  # noqa: S301
    assert (again, again.template, again.values) == (said, said.template, said.values)


def test_a_page_is_in_the_language_that_the_browser_asks_for(sqlite_service: Service) -> None:
    service = sqlite_service.start()
    answer = service.get("/", Accept_Language="fr, de-AT;q=0.8, en;q=0.5")
    assert "Zum Text springen" in answer.text
    assert "Skip to the text" in service.get("/", Accept_Language="fr").text
    assert "Skip to the text" in service.get("/").text
