"""Publish: a manifest beside the frames, then the whole folder takes its name in one step."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import time
from typing import Any, Dict

import pyblish.api

from dmp_matting.errors import InputError, OutputError
from dmp_matting.presets import Resolved
from dmp_matting.publish.instances import FAMILY, staged, staging_folder, version_folder
from dmp_matting.shots.review import summary_of
from dmp_matting.version import __version__

BLOCK = 1 << 20


def digest(path: str) -> str:
    found = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(BLOCK), b""):
            found.update(block)
    return found.hexdigest()


class IntegrateMatte(pyblish.api.InstancePlugin):
    """All or nothing: a version is there with its manifest, or it is not there."""

    order = pyblish.api.IntegratorOrder
    label = "Publish"
    families = [FAMILY]

    def process(self, instance: Any) -> None:
        data = instance.data
        refused = data.get("dmpRefused", {"": "The matte was not made."})
        if refused:
            raise InputError(f"Not published: {' '.join(refused.values())}")
        staging = staging_folder(data["dmpTo"], data["dmpVersion"])
        target = version_folder(data["dmpTo"], data["dmpVersion"])
        try:
            manifest = staging / "manifest.json"
            with manifest.open("w", encoding="utf-8") as file:
                json.dump(self.manifest(data), file, indent=1)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                raise OutputError(f"{target} is published already; take the next version.")
            os.rename(staging, target)
        except OSError as reason:
            raise OutputError(f"{target} cannot be written ({reason.strerror}).") from None
        data["dmpPublished"] = str(target)
        self.log.info("Published %s", target)

    @staticmethod
    def manifest(data: Any) -> Dict[str, Any]:
        """Hashes of all files, settings, versions, and what was seen and overruled."""
        shot = staged(data)
        fields = shot.to_json()
        plates: Dict[str, str] = {}
        frames = []
        for number in shot.numbers():
            output = shot.output_of(number)
            used = {plate.role.value: plate.path for plate in shot.frame(number).plates}
            for path in used.values():
                plates.setdefault(path, "")
            frames.append({"frame": number, "file": os.path.basename(output),
                           "sha256": digest(output), "plates": used})  # fmt: skip
        return {
            "shot": shot.name,
            "version": data["dmpVersion"],
            "dmp": __version__,
            "by": getpass.getuser(),
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **{name: fields[name] for name in Resolved._fields},
            "colour_space": shot.space,
            "frames": frames,
            "plates": {path: digest(path) for path in plates},
            "measures": summary_of(data["dmpMeasures"]),
            "warnings": data.get("dmpWarnings", {}),
            "accepted": data.get("dmpAccepted", []),
            "source": data.get("dmpSource", {}),
        }
