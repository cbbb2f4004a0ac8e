"""One reader from PyPI as a program.

    python -m interop.python NAME FORMAT URL FILE ...

Prints a line with its version, then one for each entry of each feed, or one with the error.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

from interop.python import READERS


def main() -> None:
    """Read what the arguments name."""
    name, *rest = sys.argv[1:]
    print(json.dumps({"version": version(name)}))
    for format, url, file in zip(*[iter(rest)] * 3, strict=True):
        try:
            for entry in READERS[name](Path(file).read_bytes(), format, url):
                print(json.dumps({"feed": url, "entry": entry}))
        except Exception as error:  # whatever a reader stumbles over is a finding
            print(json.dumps({"feed": url, "error": f"{type(error).__name__}: {error}"}))


if __name__ == "__main__":
    main()
