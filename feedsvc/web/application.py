"""The Flask application: pages, forms, errors, headers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from flask import Flask, Response, abort, g, render_template, request
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf
from werkzeug.exceptions import HTTPException

from feedsvc.errors import StorageBusy, StorageError
from feedsvc.model import Format
from feedsvc.pictures import LARGEST_FILE_BYTES
from feedsvc.rendering import feed_title, is_right_to_left, summary_text
from feedsvc.timestamps import MONTHS, rfc3339
from feedsvc.web import (
    account,
    categories,
    desk,
    editor,
    history,
    languages,
    pasting,
    pictures,
    sign_in,
    wording,
)
from feedsvc.web.access import Access
from feedsvc.web.public import public
from feedsvc.web.services import Services, client_address, services
from feedsvc.web.sign_in import SESSION_LIFETIME, keep_typed, resume_after_csrf_error

log = structlog.get_logger("feedsvc.web")

# A form holds a body of at most a million characters, each up to twelve octets
# in its encoding, and the rest.
LARGEST_FORM_BYTES = 14_000_000
# The same with a picture beside it.
LARGEST_UPLOAD_BYTES = LARGEST_FORM_BYTES + LARGEST_FILE_BYTES + 10_000
# Forms that hold no article; and how many fields any may have.
SMALL_FORM_BYTES = 64_000
# Whose routes stand on ``sign_in.editor`` once they are imported.
EDITORS_PAGES = (account, categories, desk, editor, history, pasting, pictures)
LARGE_FORMS = (
    "editor.save",
    "editor.sign_in",
    "editor.keep_working_copy",
    "editor.preview",
    "editor.read_article",
)
UPLOADS = ("editor.save", "editor.upload_picture")
MOST_FIELDS = 1_000

# Styles, scripts and pictures of our own; pictures and recordings that articles have.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: http: data:;"
    " media-src 'self' https: http:;"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def create_flask_app(given: Services, secret_key: str) -> Flask:
    """Everything but feed polls, which ``Front`` answers before it."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=secret_key,
        MAX_CONTENT_LENGTH=SMALL_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM_BYTES,
        PERMANENT_SESSION_LIFETIME=SESSION_LIFETIME,
        SESSION_COOKIE_NAME="feedsvc_session",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=given.site.url.startswith("https://"),
        # As long as the session: a form left open over lunch is not refused.
        WTF_CSRF_TIME_LIMIT=None,
        # Behind a proxy the site's own address may differ from what Flask sees;
        # the token is bound to the session all the same.
        WTF_CSRF_SSL_STRICT=False,
    )
    app.extensions["feedsvc"] = given
    # Before the token is looked for, which reads the form.
    app.before_request(_bound_form)
    CSRFProtect(app)
    app.register_blueprint(public)
    app.register_blueprint(sign_in.editor)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    _speak_languages(app)
    app.jinja_env.filters.update(
        instant=rfc3339,
        human=_human,
        summary=summary_text,
        described=wording.described,
        checked=wording.checked,
        duration=wording.duration,
        seconds_until=wording.seconds_until,
    )
    app.jinja_env.globals.update(
        is_right_to_left=is_right_to_left,
        formats=list(Format),
        csrf_token=generate_csrf,
        largest_picture_bytes=LARGEST_FILE_BYTES,
    )
    app.context_processor(_everywhere)
    app.after_request(_protect)
    app.after_request(_note_access)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(StorageError, _on_storage_error)
    app.register_error_handler(Exception, _on_fault)
    return app


def _speak_languages(app: Flask) -> None:
    """Templates mark their texts with ``_()`` and ``trans``; phrases are said as they are shown."""
    environment = app.jinja_env
    environment.add_extension("jinja2.ext.i18n")
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        languages.gettext, languages.ngettext, newstyle=True
    )
    environment.finalize = languages.say


def _bound_form() -> None:
    """Refuse a form that would take long to read, before anybody is known to have sent it."""
    if request.method != "POST":
        return
    if request.endpoint in LARGE_FORMS:
        request.max_content_length = LARGEST_FORM_BYTES
    if request.endpoint in UPLOADS and request.mimetype == "multipart/form-data":
        request.max_content_length = LARGEST_UPLOAD_BYTES
    is_encoded = request.mimetype == "application/x-www-form-urlencoded"
    if is_encoded and request.get_data().count(b"&") > MOST_FIELDS:
        abort(413)


def _everywhere() -> dict[str, Any]:
    return {
        "site": services().site,
        "feed_title": lambda feed: feed_title(feed.category, services().site),
        "editor_name": g.editor.name if getattr(g, "editor", None) else "",
        "editor_number": g.editor.id if getattr(g, "editor", None) else "",
    }


def _human(instant: datetime) -> str:
    """``21 January 2026, 19:13 CET``, on the clocks of the site's zone."""
    local = instant.astimezone(services().zone)
    name = local.tzname() or ""
    if not name or name[0] in "+-":
        name = f"UTC{local:%z}"
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}, {local:%H:%M} {name}"


def _protect(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    if request.endpoint == "static":
        return response
    response.headers.setdefault("Cache-Control", "no-cache")
    return response


def _note_access(response: Response) -> Response:
    access = services().access
    if access is not None:
        access.note(
            Access(
                services().clock().timestamp(),
                client_address(),
                request.method,
                # The route of what is secret: a one-time link's token stands in its path.
                str(request.url_rule) if request.endpoint == "editor.welcome" else request.path,
                response.status_code,
                response.content_length or 0,
            )
        )
    return response


def _on_http_error(error: HTTPException) -> Any:
    if isinstance(error, CSRFError):
        return resume_after_csrf_error() or _page(
            400,
            "This form has expired",
            "The form was opened in another session, or your browser does not keep cookies."
            " Go back, load the page again and send it once more.",
        )
    if error.code is not None and error.code >= 400:
        kept = keep_typed(f"Nothing was saved: {error.description}", error.code)
        if kept is not None:
            return kept
    if error.code is None or error.code < 400:
        return error
    texts = {
        404: ("There is no such page", "The address may be misspelt, or the page never was."),
        405: ("Not in this way", "This address does not take that kind of request."),
        413: (
            "Too much at once",
            f"A form takes at most {LARGEST_FORM_BYTES // 1_000_000} MB, and a picture beside it"
            f" {LARGEST_FILE_BYTES // 1_000_000} MB. Your browser's Back brings back what you"
            " typed.",
        ),
    }
    title, text = texts.get(error.code, (error.name, error.description or ""))
    response = _page(error.code, title, text)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _on_storage_error(error: StorageError) -> Any:
    # The route, not the path: a one-time link's token stands in that.
    kept = keep_typed(f"Nothing was saved: {error}.", 503)
    if kept is not None:
        return kept
    log.error("storage failed", route=str(request.url_rule), reason=str(error))
    # Readers need not know what holds it together; editors may have to tell someone.
    reason = f"{error}." if getattr(g, "editor", None) else "This page cannot be made just now."
    response = _page(503, "Not now", f"{reason} Feeds are served all the same.")
    response.headers["Retry-After"] = "5" if isinstance(error, StorageBusy) else "60"
    return response


def _on_fault(error: Exception) -> Any:
    log.exception("request failed", route=str(request.url_rule), method=request.method)
    kept = keep_typed("Nothing was saved: something is broken here; it was written down.", 500)
    if kept is not None:
        return kept
    return _page(500, "Something is broken here", "It was written down for the operator.")


def _page(status: int, title: str, text: str) -> Response:
    return Response(
        render_template("error.html", title=title, text=text), status, mimetype="text/html"
    )
