"""From what an editor asks for to what readers get."""

from feedsvc.publishing.decisions import ALLOWED, Action, Draft, slug_of
from feedsvc.publishing.inspection import inspect
from feedsvc.publishing.publisher import Publisher

__all__ = ["ALLOWED", "Action", "Draft", "Publisher", "inspect", "slug_of"]
