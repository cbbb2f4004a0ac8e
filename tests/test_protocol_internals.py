"""What web/protocol.py leans upon in uvicorn is as it was when it was written.

These are no interfaces that uvicorn promises. Where one of these tests fails after an
upgrade, read what changed there, mend web/protocol.py and serving.py, and write down the
new fingerprint; docs/notes/front.md says what each is needed for.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable
from importlib.metadata import requires, version
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http import flow_control, httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

# Of the code without comments and layout.
FINGERPRINTS: dict[Callable[..., Any], str] = {
    HttpToolsProtocol.__init__: "d3c8175f0854",
    HttpToolsProtocol.connection_made: "c87adfe85cbb",
    HttpToolsProtocol.connection_lost: "b6190e3b90da",
    HttpToolsProtocol.on_message_begin: "670f705d0634",
    HttpToolsProtocol.on_headers_complete: "a07c741b49ed",
    HttpToolsProtocol.on_body: "9492092df825",
    HttpToolsProtocol.on_message_complete: "656de52940d2",
    HttpToolsProtocol._start_asgi_task: "c83834dcd630",
    HttpToolsProtocol.shutdown: "4c59c260b3d5",
    HttpToolsProtocol.pause_writing: "fa383cd3d621",
    HttpToolsProtocol.resume_writing: "c1b938d5e66c",
    HttpToolsProtocol._unset_keepalive_if_required: "9daed956b86c",
    RequestResponseCycle.run_asgi: "7dc16963140d",
    RequestResponseCycle.send: "10080fe62f31",
    RequestResponseCycle.receive: "7e707359ab74",
    flow_control.FlowControl: "03f5836f57f8",
    uvicorn.Server.serve: "da9ea8e7a0ec",
    uvicorn.Server.startup: "fef3f3d79075",
    uvicorn.Server.shutdown: "edef3393ff8f",
    uvicorn.Server.on_tick: "c6829c672d06",
    uvicorn.Server.handle_exit: "ee5f82d53be7",
}


def fingerprint(code: Callable[..., Any]) -> str:
    words = re.sub(r"#.*", "", inspect.getsource(code)).split()
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]


def test_the_release_is_the_one_that_was_read() -> None:
    assert version("uvicorn") == "0.54.0"
    assert any(one.startswith("uvicorn==0.54") for one in requires("feedsvc") or [])


@pytest.mark.parametrize("code", FINGERPRINTS, ids=lambda one: one.__qualname__)
def test_what_is_leaned_upon_has_not_changed(code: Callable[..., Any]) -> None:
    assert fingerprint(code) == FINGERPRINTS[code], (
        f"uvicorn's {code.__qualname__} is not what web/protocol.py was written for"
    )


def test_a_connection_has_what_is_read_and_written_of_it() -> None:
    source = inspect.getsource(HttpToolsProtocol.__init__)
    for name in ("connections", "transport", "flow", "cycle", "parser", "scheme", "url", "headers"):
        assert f"self.{name}" in source or name == "url", name
    given = inspect.signature(RequestResponseCycle.__init__).parameters
    assert {"message_event", "keep_alive", "on_response", "flow"} <= set(given)
    assert httptools_impl.HIGH_WATER_LIMIT == flow_control.HIGH_WATER_LIMIT == 65_536
