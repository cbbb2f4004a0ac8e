"""Passwords hashed in a thousandth of the time: imported, it counts for the whole process.

``test_third_look`` looks at what the product itself asks for.
"""

from __future__ import annotations

from argon2 import PasswordHasher

from feedsvc.web import passwords

passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
