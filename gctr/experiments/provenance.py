"""What stands beside a result so that it can be believed and repeated: machine, versions, commit.

No host name, user name or path is in it.
"""

import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import psutil

from gctr._paths import ROOT


def machine() -> dict[str, object]:
    """Return the machine: CPU model, architecture, cores, memory in GiB, operating system."""
    return {
        "cpu": _cpu_model(),
        "architecture": platform.machine(),
        "cores": psutil.cpu_count(logical=False),
        "threads": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": _system(),
    }


def _cpu_model() -> str:
    if sys.platform == "linux":
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        return found[1] if found else platform.machine()
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return platform.processor() or platform.machine()


def _system() -> str:
    if sys.platform != "linux":
        return f"{platform.system()} {platform.release()}"
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = "Linux"
    return f"{name}, kernel {'.'.join(platform.release().split('.')[:2])}"


def versions() -> dict[str, str]:
    """Return the versions of Python, gctr and each direct dependency of gctr (extras left out)."""
    declared = (line for line in metadata.requires("gctr") or [] if "extra ==" not in line)
    names = sorted(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in declared)
    found = {"python": platform.python_version(), "gctr": metadata.version("gctr")}
    return found | {name: _version(name) for name in names}


def describe_machine() -> dict[str, object]:
    """Return machine, versions and commit as one flat table for people: name and value."""
    head = commit()
    known = {"commit": f"{head['hash']}{' and changes' if head['dirty'] else ''}"} if head else {}
    return machine() | known | versions()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def commit() -> dict[str, object] | None:
    """Return the git commit of this copy of gctr and whether the tree differs from it; None outside git.

    Changes below ``results`` do not count: a run itself makes them.
    """
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        return None
    head = _output("git", "-C", str(ROOT), "rev-parse", "HEAD")
    changes = _output("git", "-C", str(ROOT), "status", "--porcelain", "--", ".", ":!results")
    return {"hash": head, "dirty": bool(changes)} if head else None


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
