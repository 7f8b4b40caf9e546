"""Through a proxy, and to an index with a facility's own certificate: by pip and by uv alike."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from dmp_matting.client.install import installation, pythons, tools
from dmp_matting.client.install.installation import InstallRequest, plan_installation
from dmp_matting.errors import EngineError

from ....conftest import Home
from ....packages import Index, index, release

__all__ = ["index", "release"]  # fixtures

UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
ADDRESS = {"pip": "PIP_INDEX_URL", "uv": "UV_DEFAULT_INDEX"}
OTHERS = ("PIP_CERT", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(params=["pip", "uv"])
def tool(
    request: pytest.FixtureRequest, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The tool that installs, on a machine that names no certificates."""
    name = str(request.param)
    if name == "uv" and UV is None:
        pytest.skip("no uv here (it comes with the extra dev)")
    monkeypatch.setattr(pythons, "find_uv", lambda: UV if name == "uv" else "")
    for other in (*OTHERS, "PIP_INDEX_URL"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_RETRIES", "0")
    return name


def install(release: Path, tool: str) -> None:
    plan = plan_installation(InstallRequest(base=sys.executable, release=release))
    assert plan.tools.called == tool
    installation.Installation(plan).run(lambda step: None)


def test_through_a_proxy(
    tool: str, index: Index, release: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADDRESS[tool], "http://index.example/simple")
    monkeypatch.setenv("PIP_TRUSTED_HOST", "index.example")
    for name in ("HTTP_PROXY", "http_proxy"):  # the index answers as a proxy does
        monkeypatch.setenv(name, index.url.removesuffix("/simple"))
    install(release, tool)
    assert index.served


@pytest.fixture
def authority(tmp_path: Path, index: Index) -> Path:
    """The certificate of whoever signed the index's own; the index speaks TLS then."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)

    new = ("-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "9")
    openssl("req", *new, "-keyout", "key.pem", "-out", "request.pem")
    (tmp_path / "ext").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-out", "cert.pem", "-days", "9", "-extfile", "ext")  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    index.socket = context.wrap_socket(index.socket, server_side=True)
    return tmp_path / "ca.pem"


@pytest.mark.parametrize("named", ["PIP_CERT", "SSL_CERT_FILE", ""])
def test_with_a_facilitys_certificate(
    named: str, tool: str, index: Index, authority: Path, release: Path, home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The sentence about a certificate that is not trusted names variables that both obey."""
    monkeypatch.setenv(ADDRESS[tool], index.url.replace("http:", "https:"))
    if not named:
        with pytest.raises(EngineError, match=r"not trusted here; set PIP_CERT or SSL_CERT_FILE"):
            install(release, tool)
        return
    monkeypatch.setenv(named, str(authority))
    install(release, tool)
    assert index.served


def test_which_certificate_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for other in OTHERS:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setattr(pythons, "in_pip_files", lambda options: True)
    monkeypatch.setenv("SSL_CERT_FILE", "/system.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/other.pem")
    made = tools.environment(Path("/scratch"), None)
    assert made["SSL_CERT_FILE"] == "/system.pem" and "PIP_CERT" not in made
    monkeypatch.setenv("PIP_CERT", "/facility.pem")
    made = tools.environment(Path("/scratch"), None)
    assert made["SSL_CERT_FILE"] == made["PIP_CERT"] == "/facility.pem"
    assert "REQUESTS_CA_BUNDLE" not in made
