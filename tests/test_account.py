"""An editor's own account."""

from __future__ import annotations

import pytest

from feedsvc.web.accounts import MOST_FAILURES
from tests.service import PASSWORD, Answer, Service

NEW = "other words in a row"


def is_signed_in(desk: Service, cookie: str) -> bool:
    return desk.get("/editor/", Cookie=cookie).status == 200


def change(desk: Service, **fields: str) -> Answer:
    typed = {"password": PASSWORD, "new_password": NEW, "again": NEW} | fields
    return desk.post("/editor/account/password", typed, page="/editor/account")


def test_a_new_password_ends_every_other_session(desk: Service) -> None:
    other = desk.cookie
    desk.sign_in()
    assert change(desk).status == 303
    assert "Every other session is ended" in desk.browse("/editor/account").text
    assert is_signed_in(desk, desk.cookie)
    assert not is_signed_in(desk, other)
    desk.cookie = ""
    assert desk.sign_in().status == 401
    assert desk.sign_in(password=NEW).status == 303


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"password": "not my password"}, "this is not your password"),
        ({"password": ""}, "this is not your password"),
        ({"again": "something else"}, "both must be the same"),
        ({"new_password": "short", "again": "short"}, "use at least 8 characters"),
    ],
)
def test_what_is_wrong_changes_nothing(desk: Service, fields: dict[str, str], said: str) -> None:
    answer = change(desk, **fields)
    assert answer.status == 422
    assert said in answer.text
    assert PASSWORD not in answer.text
    assert is_signed_in(desk, desk.cookie)
    desk.cookie = ""
    assert desk.sign_in().status == 303


def test_all_other_sessions_can_be_ended(desk: Service) -> None:
    other = desk.cookie
    desk.sign_in()

    def end(password: str) -> Answer:
        path = "/editor/account/sign-out-everywhere"
        return desk.post(path, {"password": password}, page="/editor/account")

    for wrong in ("not my password", "x"):
        refused = end(wrong)
        assert refused.status == 422
        assert "this is not your password" in refused.text
    assert is_signed_in(desk, other)
    assert end(PASSWORD).status == 303
    assert is_signed_in(desk, desk.cookie)
    assert not is_signed_in(desk, other)
    desk.cookie = ""
    assert desk.sign_in().status == 303


def test_a_session_that_was_stolen_is_no_way_to_guess_the_password(desk: Service) -> None:
    for _ in range(MOST_FAILURES["pair"]):
        assert change(desk, password="a wrong one").status == 422
    refused = change(desk)
    assert refused.status == 429
    assert "too many failed attempts" in refused.text


def test_it_is_for_who_is_signed_in(desk: Service) -> None:
    token = desk.browse("/editor/account").page.xpath("//input[@name='csrf_token']/@value")[0]
    desk.cookie = ""
    assert desk.browse("/editor/account").status == 303
    for path in ("/editor/account/password", "/editor/account/sign-out-everywhere"):
        answer = desk.send(path, {"password": PASSWORD, "csrf_token": token})
        assert answer.status in (400, 401)
