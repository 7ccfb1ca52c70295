# SPDX-License-Identifier: MPL-2.0
"""``python -m gst_plugin_resnet50`` prints what to set for GStreamer to find the plugin, for a shell:
``eval "$(python -m gst_plugin_resnet50)"``."""

import os
import shlex
import sys

from . import PROGRAM, MissingLibraries, check, environment


def _check():
    try:
        check()
    except MissingLibraries as error:
        sys.exit(f"error: {error}")


def main():
    """Prints the environment."""
    _check()
    for name, value in environment().items():
        print(f"export {name}={shlex.quote(value)}")


def program():
    """The program gst-resnet50, in the place of this one."""
    _check()
    os.execve(PROGRAM, ["gst-resnet50", *sys.argv[1:]], {**os.environ, **environment()})


if __name__ == "__main__":
    main()
