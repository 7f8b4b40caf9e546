"""Who may talk to the engine.

- Host must name this machine, so that a web page cannot reach us by rebinding its own name.
- Origin, when a browser sends one, must be our own.
- The API wants the bearer token of the run file, which only this user can read.
- One request comes before it: the client's fresh number, which we answer with its HMAC under the
  token, so that the client sends neither token nor plate to another program at this address.
- The status page wants a cookie, which a one-time key in its address buys. Keys are handed out
  over the API; they are good for one use within a minute. The cookie is HttpOnly and
  SameSite=Strict, and its routes only read.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from dmp_matting.errors import InputError
from dmp_matting.job import PROOF

from .errors import Refusal, refusal_response

COOKIE = "dmp_page"
KEY_SECONDS = 60.0
_OURS = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.ASCII)


class PageKeys:
    """One-time keys, and the cookies that they bought."""

    def __init__(self) -> None:
        self._keys: dict[str, float] = {}  # key to the moment it ends
        self._cookies: set[str] = set()

    def new_key(self) -> str:
        key = secrets.token_urlsafe(32)
        self._keys[key] = time.monotonic() + KEY_SECONDS
        return key

    def spend(self, key: str) -> str | None:
        """A new cookie for a key that is good, else None."""
        ends = self._keys.pop(key, 0.0)
        if time.monotonic() > ends:
            return None
        cookie = secrets.token_urlsafe(32)
        self._cookies.add(cookie)
        return cookie

    def known(self, cookie: str) -> bool:
        return any(hmac.compare_digest(cookie.encode(), each.encode()) for each in self._cookies)


class Gate:
    """ASGI middleware: lets a request through, or answers 401 or 403 before anything is read."""

    def __init__(
        self, app: ASGIApp, *, token: str | None = None, keys: PageKeys | None = None
    ) -> None:
        self.app = app
        self.token = token
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # no websockets; lifespan is off
        try:
            self._check(scope)
        except Refusal as refusal:
            await refusal_response(refusal)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not _OURS.fullmatch(hosts[0]):
            raise Refusal(403, InputError("The Host header does not name this machine."))
        if any(origin != f"http://{hosts[0]}" for origin in origins):
            raise Refusal(403, InputError("Requests from other web pages are refused."))
        if self.token is not None and scope["path"] != PROOF:
            given = headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
                raise Refusal(401, InputError("The engine's token is missing or wrong."))
        if self.token is not None:
            return
        known = self.keys is not None and self.keys.known(page_cookie(headers))
        if not known and scope["path"] != "/":  # which has its own answer to that
            raise Refusal(401, InputError("Open this page with `dmp engine status --open`."))


def page_cookie(headers: Headers) -> str:
    """The page's cookie in a request, or an empty string."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""
