"""One-time codes: time-based (RFC 6238), and ten for whoever has lost the device."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from unicodedata import normalize
from urllib.parse import quote

import pyotp
import segno

from feedsvc.model import Editor, whole_second
from feedsvc.storage import BY_COMMAND, SecondFactor, Storage, Transaction
from feedsvc.web.accounts import Attempt, digest, has_second_factor

STEP_SECONDS = 30
# Clocks of telephones are that many steps before or behind (RFC 6238 section 5.2).
SKEW = 1
RECOVERY_CODES = 10
# No letter that is taken for another: 16 of 32 are 80 bits.
_LETTERS = "abcdefghjkmnpqrstuvwxyz023456789"
_GROUPS, _GROUP = 4, 4
# A secret that was shown and not confirmed by then is not shown again.
SETTING_UP = timedelta(hours=1)
LONGEST_CODE = 100
# In octets of an address (up to twelve a character, and the issuer stands in it twice): a QR
# code holds some two thousand, and telephones see few of so fine ones.
LONGEST_ISSUER = 180
LONGEST_LABEL = 300


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code it is, the present one or a neighbour; None if there is none."""
    current, codes = _step(now), pyotp.TOTP(secret, interval=STEP_SECONDS)
    found = None
    for step in range(current - SKEW, current + SKEW + 1):
        # All of them, whichever fits: the time taken tells nothing.
        if step >= 0 and hmac.compare_digest(codes.generate_otp(step), code):
            found = step
    return found


def _step(now: datetime) -> int:
    return int(now.timestamp()) // STEP_SECONDS


def _typed(text: str) -> str:
    """A code without what people put between its signs."""
    plain = normalize("NFKC", text[:LONGEST_CODE]).casefold()
    return "".join(sign for sign in plain if sign.isascii() and sign.isalnum())


def _recovery_digest(editor: Editor, code: str) -> str:
    return digest("recovery", str(editor.id), _typed(code))


def new_recovery_code() -> str:
    """Four groups of four signs."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


@dataclass(frozen=True, slots=True)
class Setup:
    """What an editor is shown to set up a second factor.

    :param secret: in groups of four, to be typed.
    :param address: what the picture says, for an app on the same device (otpauth:).
    :param picture: a QR code, as an address of the kind data:.
    """

    secret: str
    address: str
    picture: str


def setup(factor: SecondFactor, editor: Editor, title: str) -> Setup:
    """What is shown of a second factor that is being set up.

    :param title: the site's, by which the app will call it.
    """
    address = pyotp.TOTP(factor.secret).provisioning_uri(
        name=_shortened(editor.name, LONGEST_LABEL), issuer_name=_shortened(title, LONGEST_ISSUER)
    )
    picture = segno.make(address, error="m", micro=False).svg_data_uri(
        scale=5, border=4, dark="#000", light="#fff"
    )
    return Setup(" ".join(re.findall(".{1,4}", factor.secret)), address, picture)


def _shortened(text: str, most: int) -> str:
    """What of it takes at most so many octets in an address."""
    octets = accumulate(len(quote(sign, safe="")) for sign in text)
    return text[: sum(1 for so_far in octets if so_far <= most)]


def being_set_up(storage: Storage, editor: Editor, now: datetime) -> SecondFactor | None:
    """A second factor that waits for its first code; None where there is none."""
    with storage.reading() as tx:
        factor = tx.second_factors.of_editor(editor.id)
    if factor is None or factor.is_on or now - factor.began_at > SETTING_UP:
        return None
    return factor


def begin(storage: Storage, editor: Editor, now: datetime) -> bool:
    """Make a secret, which counts when a code of it was right. False where one counts."""
    with storage.writing() as tx:
        if has_second_factor(tx, editor):
            return False
        tx.second_factors.begin(editor.id, pyotp.random_base32(), whole_second(now))
    return True


def switch_on(
    storage: Storage,
    editor: Editor,
    factor: SecondFactor,
    code: str,
    *,
    address: str,
    now: datetime,
) -> list[str] | None:
    """Count it from now on; ten recovery codes, which nobody sees again. None: wrong code."""
    step = matching_step(factor.secret, _typed(code), now)
    if step is None:
        return None
    made = [new_recovery_code() for _ in range(RECOVERY_CODES)]
    with storage.writing() as tx:
        digests = [_recovery_digest(editor, one) for one in made]
        if not tx.second_factors.switch_on(editor.id, factor.secret, step, digests):
            return None
        tx.audit.note(
            now,
            by=editor.name,
            action="account.second-factor-on",
            subject=editor.name,
            address=address,
        )
    return made


def use(
    storage: Storage,
    editor: Editor,
    typed: str,
    *,
    address: str,
    now: datetime,
    refused: str = "",
) -> str:
    """Use a code up; what it was, or "" where it is none.

    :param refused: what the log calls it where it is none.
    :raises Throttled: there were too many failures before; nothing is verified.
    """
    now, code = whole_second(now), _typed(typed)
    attempt = Attempt.of(editor.name, address, now)
    with storage.writing() as tx:
        attempt.count(tx)
        factor, used = tx.second_factors.of_editor(editor.id), ""
        if factor is not None and factor.is_on:
            step = matching_step(factor.secret, code, now)
            latest = _step(now) + SKEW
            if step is not None:
                if tx.second_factors.use_step(editor.id, factor.secret, step, latest=latest):
                    used = "code"
            elif tx.second_factors.use_recovery_code(editor.id, _recovery_digest(editor, code)):
                used = "recovery code"
        if used:
            attempt.forget(tx)
        elif refused:
            tx.audit.note(
                now, by="", action=refused, subject=editor.name, detail="code", address=address
            )
    return used


def switch_off(tx: Transaction, editor: Editor, *, by: str, address: str, now: datetime) -> bool:
    """No code is asked for any more. Whether one was.

    :param by: the name of whoever does it, which may be another; "" of the operator.
    """
    if not tx.second_factors.remove(editor.id):
        return False
    is_own = by == editor.name
    action = "account.second-factor-off" if is_own else "account.second-factor-reset"
    if not by:
        action += BY_COMMAND
    tx.audit.note(now, by=by, action=action, subject=editor.name, address=address)
    return True
