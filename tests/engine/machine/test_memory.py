"""Free memory is what the machine, its container and its account leave, whichever is least."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from dmp_engine.machine.memory import free_memory

GB = 1 << 30
MEMINFO = {"proc/meminfo": f"MemTotal: 99 kB\nMemAvailable: {8 * GB >> 10} kB\n"}
V2 = {"proc/self/cgroup": "0::/user/job\n"}
V1 = {"proc/self/cgroup": "7:cpu:/x\n5:memory,hugetlb:/docker/abc\n"}


def v2(folder: str, limit: object, used: int, files: int = 0) -> dict[str, str]:
    place = f"sys/fs/cgroup/{folder}"
    return {
        f"{place}/memory.max": f"{limit}\n", f"{place}/memory.current": f"{used}\n",
        f"{place}/memory.stat": f"anon 5\ninactive_file {files}\n",
    }  # fmt: skip


def v1(folder: str, limit: int, used: int, files: int = 0) -> dict[str, str]:
    place = f"sys/fs/cgroup/memory/{folder}"
    return {
        f"{place}/memory.limit_in_bytes": f"{limit}\n",
        f"{place}/memory.usage_in_bytes": f"{used}\n",
        f"{place}/memory.stat": f"total_inactive_file {files}\n",
    }


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, None),
        (MEMINFO, 8 * GB),
        ({**MEMINFO, **V2}, 8 * GB),
        ({**MEMINFO, **V2, **v2("user/job", 3 * GB, GB)}, 2 * GB),
        ({**MEMINFO, **V2, **v2("user/job", 3 * GB, 2 * GB, GB)}, 2 * GB),
        ({**MEMINFO, **V2, **v2("user/job", "max", GB), **v2("user", 4 * GB, 3 * GB)}, GB),
        ({**MEMINFO, **V2, **v2("", 5 * GB, 0)}, 5 * GB),  # as a container sees its own
        ({**MEMINFO, **V2, **v2("user/job", GB, 2 * GB)}, 0),
        ({**MEMINFO, **V1, **v1("docker/abc", 3 * GB, GB)}, 2 * GB),
        ({**MEMINFO, **V1, **v1("docker/abc", 2**63 - 4096, GB), **v1("", 2 * GB, GB)}, GB),
        ({**V1, **v1("docker/abc", 3 * GB, 3 * GB, GB)}, GB),
        ({**MEMINFO, "proc/self/cgroup": "nonsense\n\n0::\n"}, 8 * GB),
    ],
)
def test_the_least_limit_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], free: int | None
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY,) * 2)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert free_memory(tmp_path) == free


def test_the_limit_of_the_account_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/statm").write_text("1000 2 3\n")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (5000 * resource.getpagesize(),) * 2)
    assert free_memory(tmp_path) == 4000 * resource.getpagesize()
