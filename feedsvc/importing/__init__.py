"""What other places publish, as entries of ours."""

from feedsvc.importing.text import (
    ImportedArticle,
    parse_article,
    parse_source,
    source_line,
    to_markdown,
)

__all__ = ["ImportedArticle", "parse_article", "parse_source", "source_line", "to_markdown"]
