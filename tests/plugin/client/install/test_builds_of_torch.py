"""A build of torch that the package index has not: uv knows the index of that build, pip downloads.

On a machine that nothing leads to an index; a proxy of the test answers for every address.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dmp_matting.client.install import installation, machine, payload, pythons, wheels
from dmp_matting.client.install.installation import InstallRequest, plan_installation
from dmp_matting.client.requirements import TORCH

from ....conftest import Home
from ....packages import Answer, Index, bring_pip, index, installed_wheel, release, wheel

__all__ = ["index", "release"]  # fixtures

UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))


class Everywhere(Index):
    """A proxy that answers as the index for every host, with a certificate for that host."""

    def __init__(self, folder: Path, keys: Path) -> None:
        super().__init__(folder)
        self.RequestHandlerClass = Tunnel
        self.keys = keys
        self.asked: list[str] = []
        self._openssl("req", "-x509", *NEW, "-keyout", "ca.key", "-out", "ca.pem", "-days", "9")

    def context_for(self, host: str) -> ssl.SSLContext:
        self.asked.append(host)
        name = f"{len(self.asked)}"
        (self.keys / f"{name}.ext").write_text(f"subjectAltName=DNS:{host}\n")
        self._openssl("req", *NEW, "-keyout", f"{name}.key", "-out", f"{name}.request")
        self._openssl(
            "x509", "-req", "-in", f"{name}.request", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-set_serial", name, "-out", f"{name}.pem", "-days", "9", "-extfile", f"{name}.ext",
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.keys / f"{name}.pem", self.keys / f"{name}.key")
        return context

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.keys, check=True, capture_output=True)


NEW = ("-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test")


class Tunnel(Answer):
    server: Everywhere

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        context = self.server.context_for(self.path.partition(":")[0])
        with suppress(OSError):  # the client has left
            inner = context.wrap_socket(
                self.connection, server_side=True, do_handshake_on_connect=False
            )
            with inner, inner.makefile("rb") as self.rfile, inner.makefile("wb") as self.wfile:
                self.connection = inner
                inner.do_handshake()
                self.handle_one_request()


@pytest.fixture
def everywhere(index: Index, tmp_path: Path) -> Iterator[Everywhere]:
    if UV is None or shutil.which("openssl") is None:
        pytest.skip("no uv or openssl here")
    (tmp_path / "keys").mkdir()
    made = Everywhere(tmp_path / "packages", tmp_path / "keys")
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def plain_machine(
    everywhere: Everywhere, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux without a GPU, whose pip is of 2023; the index has torch with CUDA alone, and uv."""
    bring_pip(monkeypatch, old=True)
    installed_wheel(tmp_path / "packages", "pip")
    wheel(tmp_path / "packages", "torch", f"{TORCH}+cpu", {"torch.py": "x = 1\n"})
    start = f"import os, sys\nos.execv({UV!r}, [{UV!r}, *sys.argv[1:]])\n"
    program = {"uv-9.data/scripts/uv": f"#!{sys.executable}\n{start}"}
    wheel(tmp_path / "packages", "uv", "9", program)
    monkeypatch.setattr(pythons, "find_uv", lambda: "")
    monkeypatch.setattr(machine, "index_build", lambda: "cu130")
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", everywhere.url.removesuffix("/simple"))
    monkeypatch.setenv("SSL_CERT_FILE", str(everywhere.keys / "ca.pem"))
    for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_wheels_for_other_machines_are_of_the_small_build(
    plain_machine: None, everywhere: Everywhere, release: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    found = payload.find(release)
    monkeypatch.setattr(payload, "find", lambda *named: found)
    made, notes = wheels.download(
        tmp_path / "wheels", "cpu", sys.executable, tmp_path / "scratch", lambda step: None
    )
    assert f"torch-{TORCH}+cpu-py3-none-any.whl" in [path.name for path in made] and notes == []


@pytest.mark.parametrize("there", [True, False], ids=["uv is there", "uv is fetched"])
def test_the_index_of_a_build_as_uv_knows_it(
    there: bool, plain_machine: None, everywhere: Everywhere, release: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(pythons, "find_uv", lambda: UV if there else "")
    plan = plan_installation(InstallRequest(torch="cpu", base=sys.executable, release=release))
    assert plan.tools.called == ("uv" if there else "pip")
    done = installation.Installation(plan).run(lambda step: None)
    assert (done.record.torch, done.notes) == (f"{TORCH}+cpu", ())
    assert len(set(everywhere.asked)) == 2, "the package index, and the one of the build"
