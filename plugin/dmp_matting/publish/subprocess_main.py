"""A host's publish in a process of its own: ``python -m dmp_matting.publish.subprocess_main``.

The first line of standard input is a PublishRequest as JSON; the input stays open for as long as
the host wants the publish, and its end ends this process. Standard output has a JSON object a line:

    status      fraction of all of it, text
    failure     check, shot ("" for all of them), message, repairs (what the check offers)
    published   shot, path, warnings (sentence: frames)
    error       error, message: nothing could be published at all
    end         the last line
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from typing import IO, Any

from ..errors import CancelledError, DmpError, InputError
from .request import PublishRequest

INSTALL = "Publishing needs pyblish; install it with `{python} -m pip install pyblish-base`."


def main() -> int:
    """Publish the request on standard input; the exit code is that of `dmp publish`."""
    # What any plug-in prints must not come between the lines.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        try:
            request = PublishRequest.from_json(json.loads(sys.stdin.readline()))
            threading.Thread(target=_end_with_the_host, daemon=True).start()
            return _publish(request, out)
        except DmpError as error:
            _write(out, "error", **error.to_wire())
            return error.exit_code


def _publish(request: PublishRequest, out: IO[str]) -> int:
    try:
        from .headless import offers, publish_request
    except ImportError:
        raise InputError(INSTALL.format(python=sys.executable)) from None
    # Its log holds a traceback for every check that fails; the sentences are the answer.
    logging.getLogger("pyblish").setLevel(logging.CRITICAL)
    failures, made = publish_request(
        request, lambda fraction, text: _write(out, "status", fraction=fraction, text=text)
    )
    offered = offers()
    for check, shot, message in failures:
        _write(out, "failure", check=check, shot=shot, message=message,
             repairs=list(offered.get(check, ())))  # fmt: skip
    for data in made:
        _write(out, "published", shot=data["name"], path=data["dmpPublished"],
             warnings=data.get("dmpWarnings", {}))  # fmt: skip
    _write(out, "end")
    return InputError.exit_code if failures else 0


def _write(out: IO[str], event: str, **fields: Any) -> None:
    out.write(json.dumps({"event": event, **fields}) + "\n")
    out.flush()


def _end_with_the_host() -> None:
    """Wait for the end of the input; the engine notices by itself that its client has gone."""
    while sys.stdin.readline():
        pass
    os._exit(CancelledError.exit_code)


if __name__ == "__main__":
    sys.exit(main())
