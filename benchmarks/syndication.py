"""Django's syndication framework over the same articles, to be measured beside feedsvc.

As its documentation has it: the conditional, gzip and cache middleware, the cache in
memory, in the order that it names. One file instead of a project.

    granian --interface wsgi benchmarks.syndication:application
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import django
from django.conf import settings

FOLDER = Path(os.environ["SYNDICATION_FOLDER"])
SITE_URL = "https://news.example.org"

settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="benchmark",
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.sites"],
    SITE_ID=1,
    USE_TZ=True,
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "syndication.db"}
    },
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    CACHE_MIDDLEWARE_SECONDS=300,
    MIDDLEWARE=[
        "django.middleware.cache.UpdateCacheMiddleware",
        "django.middleware.gzip.GZipMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
    ],
)
django.setup()

from django.contrib.syndication.views import Feed  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


class Article(models.Model):
    """One article, its text as HTML."""

    title = models.TextField()
    html = models.TextField()
    slug = models.TextField(unique=True)
    published = models.DateTimeField(db_index=True)

    class Meta:
        app_label = "contenttypes"
        db_table = "article"

    def get_absolute_url(self) -> str:
        """Where its page would be."""
        return f"/articles/{self.slug}"


class Latest(Feed):
    """The fifty newest articles."""

    title = "Health – The Benchmark"
    link = "/categories/health"
    description = "Health: articles of The Benchmark"

    def items(self) -> Any:
        """Called by the framework."""
        return Article.objects.order_by("-published")[:50]

    def item_title(self, item: Article) -> str:
        """Called by the framework."""
        return item.title

    def item_description(self, item: Article) -> str:
        """Called by the framework."""
        return item.html

    def item_pubdate(self, item: Article) -> Any:
        """Called by the framework."""
        return item.published


def healthz(_request: Any) -> HttpResponse:
    """200 once it is there."""
    return HttpResponse("ok")


urlpatterns = [path("feeds/health.rss", Latest()), path("healthz", healthz)]


def fill() -> None:
    """Make its database from the files that feedsvc imports."""
    from django.contrib.contenttypes.models import ContentType
    from django.contrib.sites.models import Site

    from feedsvc.importing import parse_article
    from feedsvc.rendering.html import body_html
    from feedsvc.slugs import slug_of
    from feedsvc.timestamps import to_instant, zone_named

    with connection.schema_editor() as editor:
        for model in (ContentType, Site, Article):
            editor.create_model(model)
    Site.objects.create(pk=1, domain="news.example.org", name="The Benchmark")
    rome = zone_named("Europe/Rome")
    for file in sorted(FOLDER.glob("*.txt")):
        found = parse_article(file.read_bytes())
        slug = slug_of(found.title)
        Article.objects.create(
            title=found.title,
            html=body_html(found.body, f"{SITE_URL}/articles/{slug}"),
            slug=f"{slug}-{file.stem}",
            published=to_instant(found.wall, rome),
        )


if not (FOLDER / "syndication.db").exists():
    fill()
application = get_wsgi_application()
