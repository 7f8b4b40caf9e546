"""The status page: its lock, what it may do, and how it looks in a real browser."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.server import page
from dmp_matting import Progress
from dmp_matting.client.connection import Connection

from ...conftest import ENDLESS, Home, Pair, wait_until

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


def get(
    url: str, cookie: str = "", method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    sent = {**headers, **({"Cookie": f"dmp_page={cookie}"} if cookie else {})}
    connection.request(method, f"{parts.path}?{parts.query}", headers=sent)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


@pytest.fixture
def address(engine: Connection) -> str:
    """A fresh one-time address of the page."""
    return str(engine.request("POST", "/v1/page")["url"])


def log_in(address: str) -> tuple[str, str]:
    """The page's root and a good cookie."""
    status, headers, _ = get(address)
    assert status == 303 and headers["Location"] == "/"
    kept = headers["Set-Cookie"]
    assert "HttpOnly" in kept and "samesite=strict" in kept.lower()
    found = re.match(r"dmp_page=([\w-]{40,})", kept)
    assert found
    return address.partition("/?")[0], found[1]


def test_an_address_works_once(address: str) -> None:
    root, cookie = log_in(address)
    assert get(address)[0] == 401
    assert get(f"{root}/", cookie)[0] == 200
    assert json.loads(get(f"{root}/status", cookie)[2])["pid"]


@pytest.mark.parametrize("path", ["/", "/status", "/jobs/x/preview", "/?key=", "/?key=guess"])
@pytest.mark.parametrize("cookie", ["", "guess", "dmp_page", '"'])
def test_without_a_key_there_is_nothing_to_see(address: str, path: str, cookie: str) -> None:
    root = address.partition("/?")[0]
    status, _, body = get(root + path, cookie)
    assert status == 401 and b"dmp engine status --open" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_the_page_only_reads(address: str, method: str) -> None:
    root, cookie = log_in(address)
    for path in ("/", "/status", "/jobs/x/preview"):
        assert get(root + path, cookie, method)[0] == 405
    for path in ("/v1", "/v1/jobs", "/v1/shutdown"):  # the API is not here at all
        assert get(root + path, cookie, method)[0] == 404


def test_the_bearer_token_is_no_good_here_and_the_cookie_not_there(
    engine: Connection, address: str
) -> None:
    root, cookie = log_in(address)
    assert get(f"{root}/status", Authorization=f"Bearer {engine.token}")[0] == 401
    other = Connection(engine.address, cookie)
    with pytest.raises(Exception, match="token"):
        other.request("GET", "/v1/status")


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "localhost.evil.example:80"},
                {"Origin": "http://evil.example"}, {"Origin": "null"}],
)  # fmt: skip
def test_pages_of_others_get_nothing(address: str, headers: dict[str, str]) -> None:
    root, cookie = log_in(address)
    assert get(f"{root}/status", cookie, **headers)[0] == 403


def test_nothing_from_outside(address: str) -> None:
    root, cookie = log_in(address)
    _, headers, body = get(f"{root}/", cookie)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert not re.search(rb"(?:src|href)=\"?(?:https?:)?//", body)
    assert headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store"
    assert "innerHTML" not in page.SCRIPT


@pytest.fixture
def busy(home: Home, pair: Pair, tmp_path: Path) -> Iterator[Connection]:
    """An engine with a running job whose preview is there, one waiting and one that failed."""
    wire = home.start()
    broken = tmp_path / "<b>broken & bad.exr"
    broken.write_bytes(b"hello" * 100)
    whole, pair.image = pair.image, broken
    with pytest.raises(Exception, match="broken & bad"):
        list(pair.matting(wire, tmp_path / "o.exr").events())
    failed = wire.request("POST", "/v1/jobs", {"job": pair.job().to_json(), "attended": False})
    for index, path in enumerate((broken, pair.clean)):
        with path.open("rb") as file:
            where = f"/v1/jobs/{failed['id']}/plates/{index}"
            wire.request("PUT", where, file, size=path.stat().st_size)
    wire.request("POST", f"/v1/jobs/{failed['id']}/start")
    pair.image = whole
    running = pair.matting(wire, tmp_path / "a.exr", ENDLESS, preview=str(tmp_path / "now.png"))
    events = running.events()
    for event in events:
        if isinstance(event, Progress) and event.preview:
            break
    waiting = wire.request("POST", "/v1/jobs", {"job": pair.job().to_json(), "attended": False})
    assert waiting["state"] == "uploading"
    yield wire
    events.close()


def browse(address: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    return subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-sync", "--disable-dev-shm-usage",
         "--disable-component-update", "--disable-default-apps", "--no-default-browser-check",
         f"--user-data-dir={folder / 'profile'}", "--window-size=1000,760", *more, address],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_in_a_real_browser(busy: Connection, tmp_path: Path) -> None:
    def address() -> str:
        return str(busy.request("POST", "/v1/page")["url"])

    shown = browse(address(), tmp_path, "--virtual-time-budget=4000", "--dump-dom")
    dom = shown.stdout
    assert "version " in dom and "cpu — CPU" in dom and ">busy<" in dom
    assert ">running<" in dom and ">failed<" in dom and ">uploading<" in dom
    assert re.search(r"frame 1: (initialise|fit|joint) \d+ of \d+", dom) and "image1.exr" in dom
    assert "&lt;b&gt;broken &amp; bad.exr" in dom and "<b>broken" not in dom
    assert re.search(r'<img class="picture" src="/jobs/[0-9a-f]{16}/preview\?n=\d+"', dom)
    assert "Content Security Policy" not in shown.stderr

    picture = tmp_path / "page.png"
    taken = browse(address(), tmp_path, "--virtual-time-budget=4000", f"--screenshot={picture}")
    assert picture.exists(), taken.stderr
    pixels = oiio.ImageBuf(str(picture)).get_pixels("uint8")[..., :3].astype(int)
    assert pixels.shape[:2] == (760, 1000)
    blue = np.abs(pixels - (0x5A, 0xA9, 0xE6)).max(-1) < 24  # the progress bar, "running"
    assert blue.sum() > 20
    assert np.abs(pixels[5, 5] - (0x1D, 0x1F, 0x21)).max() < 3


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_browser_shows_when_the_engine_has_ended(home: Home, tmp_path: Path) -> None:
    wire = home.start()
    address = wire.request("POST", "/v1/page")["url"]
    root, cookie = log_in(address)
    wire.request("POST", "/v1/shutdown")
    wait_until(lambda: not home.processes(), 8)
    with pytest.raises(ConnectionError):
        get(f"{root}/status", cookie)
    (tmp_path / "page.html").write_text(page.HTML)
    shown = browse((tmp_path / "page.html").as_uri(), tmp_path, "--virtual-time-budget=3000",
                   "--dump-dom")  # fmt: skip
    assert "The engine has ended" in shown.stdout
