"""Cookies that keep visitor and session on client-side routes.

An id that an event's body names belongs to the script or app that sent it, which keeps it itself:
no cookie. Otherwise a visitor without a `vid` cookie gets one, with the id in use: from the link,
or the hit's own. `sid` is set anew at each hit, so that the session lives on for half an hour,
unless a script keeps it in `sess`.
"""

import re
from collections.abc import Mapping

from tracker.intake.message import Headers
from tracker.intake.values import Ids

VISITOR_SECONDS = 400 * 86_400  # no browser keeps one longer
SESSION_SECONDS = 1_800
_FIT = re.compile(r"[!#-+\--:<-\[\]-~]{1,200}")


def cookies(body: Ids, link: Ids, jar: Mapping[bytes, bytes], ambient: Ids, own: str,
            secure: bool) -> Headers:
    """Set-Cookie headers for a hit with ids in its `body`, in path or query (`link`), in the
    cookies that came (`jar`), in a `User` header (`ambient`), or else its `own`.
    """
    headers: Headers = ()
    if not body.get("vid") and not jar.get(b"vid"):
        vid = {**ambient, **link, **body}.get("vid") or own
        headers += _cookie("vid", vid, VISITOR_SECONDS, secure)
    if not body.get("sid"):
        sent = jar.get(b"sid", b"").decode("latin-1").strip('"')
        named = {**link, **body}
        if sent or "sid" in named or not jar.get(b"sess"):
            sid = named.get("sid", sent or ambient.get("sid")) or own
            headers += _cookie("sid", sid, SESSION_SECONDS, secure)
    return headers


def consent(flags: int | None, secure: bool) -> Headers:
    """Set-Cookie of `CookieConsent` with the flags agreed to; events without flags of their own
    count with those.
    """
    return () if flags is None else _cookie("CookieConsent", str(flags), VISITOR_SECONDS, secure)


def _cookie(name: str, value: str, seconds: int, secure: bool) -> Headers:
    """One host-only cookie that the site's scripts can read; none for a value unfit for one."""
    if _FIT.fullmatch(value) is None:
        return ()
    text = f"{name}={value}; Max-Age={seconds}; Path=/; SameSite=Lax" + "; Secure" * secure
    return ((b"set-cookie", text.encode()),)
