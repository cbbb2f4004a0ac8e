"""From what an editor asks for to what readers get."""

from feedsvc.publishing.decisions import (
    ALLOWED,
    Action,
    Draft,
    find_faults,
    is_held_back,
    slug_of,
)
from feedsvc.publishing.inspection import inspect
from feedsvc.publishing.publisher import DUE, Move, Publisher
from feedsvc.publishing.remarks import Remark, remarks

__all__ = [
    "ALLOWED",
    "DUE",
    "Action",
    "Draft",
    "Move",
    "Publisher",
    "Remark",
    "find_faults",
    "inspect",
    "is_held_back",
    "remarks",
    "slug_of",
]
