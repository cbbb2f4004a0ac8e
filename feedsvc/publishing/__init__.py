"""From what an editor asks for to what readers get."""

from feedsvc.publishing.categories import LONGEST_CATEGORY, Move
from feedsvc.publishing.decisions import (
    ALLOWED,
    ASIDE,
    MOST_SOURCES,
    STATES,
    Action,
    Draft,
    find_faults,
    is_held_back,
)
from feedsvc.publishing.inspection import inspect
from feedsvc.publishing.publisher import DUE, Publisher
from feedsvc.publishing.remarks import Remark, remarks

__all__ = [
    "ALLOWED",
    "ASIDE",
    "DUE",
    "LONGEST_CATEGORY",
    "MOST_SOURCES",
    "STATES",
    "Action",
    "Draft",
    "Move",
    "Publisher",
    "Remark",
    "find_faults",
    "inspect",
    "is_held_back",
    "remarks",
]
