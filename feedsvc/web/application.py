"""The Flask application: pages, forms, errors, headers."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, Response, abort, g, render_template, request
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf
from werkzeug.exceptions import HTTPException

from feedsvc.characters import is_right_to_left
from feedsvc.errors import StorageBusy, StorageError
from feedsvc.model import Editor, Format
from feedsvc.phrases import Phrase
from feedsvc.pictures import LARGEST_FILE_BYTES
from feedsvc.publishing import MOST_SOURCES
from feedsvc.rendering import feed_title, summary_text
from feedsvc.timestamps import rfc3339
from feedsvc.web import (
    account,
    administration,
    audit_log,
    categories,
    crawlers,
    desk,
    discovery,
    editor,
    history,
    languages,
    pasting,
    pictures,
    second_factor,
    sessions,
    settings,
    sign_in,
    wording,
)
from feedsvc.web.access import Access
from feedsvc.web.archives import archives
from feedsvc.web.encoding import FormRequest
from feedsvc.web.public import public
from feedsvc.web.services import Services, client_address, services
from feedsvc.web.sign_in import keep_typed, resume_after_csrf_error

log = structlog.get_logger("feedsvc.web")

# A form holds a body of at most a million characters, each up to twelve octets
# in its encoding, and the rest.
LARGEST_FORM_BYTES = 14_000_000
# The same with a picture beside it.
LARGEST_UPLOAD_BYTES = LARGEST_FORM_BYTES + LARGEST_FILE_BYTES + 10_000
# Forms that hold no article; and how many fields any may have.
SMALL_FORM_BYTES = 64_000
# Whose routes stand on ``sign_in.editor`` once they are imported.
EDITORS_PAGES = (
    account,
    administration,
    audit_log,
    categories,
    desk,
    editor,
    history,
    pasting,
    pictures,
    second_factor,
    settings,
)
# Likewise, on ``public``.
READERS_PAGES = (crawlers, discovery)
LARGE_FORMS = (
    "editor.save",
    "editor.sign_in",
    "editor.sign_in_code",
    "editor.keep_working_copy",
    "editor.preview",
    "editor.read_article",
)
UPLOADS = ("editor.save", "editor.upload_picture")
MOST_FIELDS = 1_000

# Styles, scripts and pictures of our own; pictures and recordings that articles have.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: http: data:;"
    " media-src 'self' https: http:; manifest-src 'self';"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def create_flask_app(given: Services, secret_key: str) -> Flask:
    """Everything but feed polls, which ``Front`` answers before it."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=secret_key,
        MAX_CONTENT_LENGTH=SMALL_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM_BYTES,
        PERMANENT_SESSION_LIFETIME=sessions.LIFETIME,
        SESSION_COOKIE_NAME="feedsvc_session",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=given.site.url.startswith("https://"),
        # As long as the session: a form left open over lunch is not refused.
        WTF_CSRF_TIME_LIMIT=None,
        # Behind a proxy the site's own address may differ from what Flask sees;
        # the token is bound to the session all the same.
        WTF_CSRF_SSL_STRICT=False,
    )
    app.session_interface = sessions.CookieOfEditors()
    app.request_class = FormRequest
    app.extensions["feedsvc"] = given
    # Before the token is looked for, which reads the form.
    app.before_request(_bound_form)
    CSRFProtect(app)
    app.url_map.converters["feed"] = discovery.FeedSlug
    app.register_blueprint(public)
    app.register_blueprint(archives)
    app.register_blueprint(languages.switch)
    app.register_blueprint(sign_in.editor)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    _speak_languages(app)
    app.jinja_env.filters.update(
        instant=rfc3339,
        human=languages.human,
        summary=summary_text,
        described=wording.described,
        checked=wording.checked,
        duration=wording.duration,
        seconds_until=wording.seconds_until,
        say=languages.say,
        listed=languages.listed,
    )
    app.jinja_env.globals.update(
        is_right_to_left=is_right_to_left,
        formats=list(Format),
        csrf_token=generate_csrf,
        languages=languages.AVAILABLE,
        countdown_texts=wording.countdown_texts,
        keeping_texts=wording.keeping_texts,
        largest_picture_bytes=LARGEST_FILE_BYTES,
        most_sources=MOST_SOURCES,
    )
    app.context_processor(_everywhere)
    app.after_request(languages.tell_caches)
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
    asking: Editor | None = getattr(g, "editor", None)
    return {
        "site": services().site,
        "feed_title": lambda feed, second=None: feed_title(feed, services().site, second),
        # Main documents first, then second ones.
        "seconds": lambda feed: [None, *feed.contents(services().publisher.window)[1:]],
        "editor_name": asking.name if asking else "",
        "editor_number": asking.id if asking else "",
        "is_administrator": asking is not None and asking.is_administrator,
        "language": languages.language(),
        "direction": languages.direction(),
        "own_address": languages.own_address(),
    }


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
            Phrase("This form has expired"),
            Phrase(
                "The form was opened in another session, or your browser does not keep cookies."
                " Go back, load the page again and send it once more."
            ),
        )
    if error.code is not None and error.code >= 400:
        fault = Phrase("Nothing was saved: %(reason)s", reason=_reason(error))
        kept = keep_typed(fault, error.code)
        if kept is not None:
            return kept
    if error.code is None or error.code < 400:
        return error
    texts = {
        404: (
            Phrase("There is no such page"),
            Phrase("The address may be misspelt, or the page never was."),
        ),
        405: (
            Phrase("Not in this way"),
            Phrase("This address does not take that kind of request."),
        ),
        413: (
            Phrase("Too much at once"),
            Phrase(
                "A form takes at most %(most)s MB, and a picture beside it %(picture)s MB. Your"
                " browser's Back brings back what you typed.",
                most=LARGEST_FORM_BYTES // 1_000_000,
                picture=LARGEST_FILE_BYTES // 1_000_000,
            ),
        ),
        400: (Phrase("Bad Request"), _reason(error)),
        503: (Phrase("Service Unavailable"), _reason(error)),
    }
    title, text = texts.get(error.code, (error.name, _reason(error)))
    response = _page(error.code, title, text)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _reason(error: HTTPException) -> str:
    """What it says: in our words, or in those that werkzeug has for each status."""
    if error.description != type(error).description:
        return error.description or ""
    own = {
        400: Phrase("The browser (or proxy) sent a request that this server could not understand."),
        404: Phrase(
            "The requested URL was not found on the server. If you entered the URL manually"
            " please check your spelling and try again."
        ),
        405: Phrase("The method is not allowed for the requested URL."),
        413: Phrase("The data value transmitted exceeds the capacity limit."),
    }
    return own.get(error.code or 0, error.description or "")


def _on_storage_error(error: StorageError) -> Any:
    # The route, not the path: a one-time link's token stands in that.
    kept = keep_typed(wording.nothing_saved(error), 503)
    if kept is not None:
        return kept
    log.error("storage failed", route=str(request.url_rule), reason=str(error))
    # Readers need not know what holds it together; editors may have to tell someone.
    if getattr(g, "editor", None):
        text = Phrase("%(reason)s. Feeds are served all the same.", reason=error.said)
    else:
        text = Phrase("This page cannot be made just now. Feeds are served all the same.")
    response = _page(503, Phrase("Not now"), text)
    response.headers["Retry-After"] = "5" if isinstance(error, StorageBusy) else "60"
    return response


def _on_fault(error: Exception) -> Any:
    log.exception("request failed", route=str(request.url_rule), method=request.method)
    fault = Phrase("Nothing was saved: something is broken here; it was written down.")
    kept = keep_typed(fault, 500)
    if kept is not None:
        return kept
    return _page(
        500,
        Phrase("Something is broken here"),
        Phrase("It was written down for the operator."),
    )


def _page(status: int, title: str, text: str) -> Response:
    return Response(
        render_template("error.html", title=title, text=text), status, mimetype="text/html"
    )
