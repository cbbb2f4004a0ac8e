"""HTTP: polls from memory first, then pages and forms by Flask."""

from feedsvc.web.access import AccessLog
from feedsvc.web.allowance import Allowance
from feedsvc.web.application import create_flask_app
from feedsvc.web.documents import Documents
from feedsvc.web.front import Front
from feedsvc.web.in_force import InForce
from feedsvc.web.metrics import Metrics
from feedsvc.web.services import Services

__all__ = [
    "AccessLog",
    "Allowance",
    "Documents",
    "Front",
    "InForce",
    "Metrics",
    "Services",
    "create_flask_app",
]
