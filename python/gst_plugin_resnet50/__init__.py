# SPDX-License-Identifier: MPL-2.0
"""The GStreamer plugin "resnet50", which classifies video with ResNet50 v1.5.

``register()`` lets GStreamer find its elements, in this process and in those that it starts.
"""

import ctypes
import os
from pathlib import Path

from ._libraries import LIBRARIES

__all__ = ["MissingLibraries", "check", "environment", "register"]

_FOLDER = Path(__file__).resolve().parent
PLUGINS = _FOLDER / "plugins"
PRESETS = _FOLDER / "presets"
PROGRAM = _FOLDER / "bin" / "gst-resnet50"

_REMEDY = """\
Install GStreamer 1.22 or newer with its base and good plugins, and Pango:
  Debian, Ubuntu: apt-get install gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
libpangocairo-1.0-0
  Fedora:         dnf install gstreamer1-plugins-base gstreamer1-plugins-good pango"""


class MissingLibraries(OSError):
    """The system lacks libraries that the plugin is linked to."""


def check():
    """Raises MissingLibraries, which names them all, if the system lacks any."""
    missing = [name for name in LIBRARIES if not _is_there(name)]
    if missing:
        raise MissingLibraries(
            f"this system has no {', '.join(missing)}, which gst-plugin-resnet50 needs.\n{_REMEDY}"
        )


def _is_there(library):
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def environment():
    """The variables with which GStreamer finds the plugin and its presets, as they are to be set:
    what they are already set to stays behind it."""
    # Where the first is set, GStreamer ignores the second.
    plugins = "GST_PLUGIN_PATH_1_0"
    if plugins not in os.environ:
        plugins = "GST_PLUGIN_PATH"
    return {
        name: _with(folder, os.environ.get(name, ""))
        for name, folder in ((plugins, PLUGINS), ("GST_PRESET_PATH", PRESETS))
    }


def _with(folder, path):
    others = [it for it in path.split(os.pathsep) if it and it != str(folder)]
    return os.pathsep.join([str(folder), *others])


def register():
    """Lets GStreamer find the plugin and its presets, whether Gst.init() has been called or not.

    Raises MissingLibraries where the system lacks some, and RuntimeError if GStreamer refuses the
    plugin."""
    check()
    os.environ.update(environment())
    gst = ctypes.CDLL("libgstreamer-1.0.so.0")
    if not gst.gst_is_initialized():
        return
    # Through C, whatever binding the program has.
    gst.gst_registry_get.restype = ctypes.c_void_p
    gst.gst_registry_scan_path.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    gst.gst_registry_find_feature.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
    gst.gst_registry_find_feature.restype = ctypes.c_void_p
    gst.gst_element_factory_get_type.restype = ctypes.c_size_t
    gst.gst_object_unref.argtypes = (ctypes.c_void_p,)
    registry = gst.gst_registry_get()
    gst.gst_registry_scan_path(registry, os.fsencode(PLUGINS))
    kind = gst.gst_element_factory_get_type()
    factory = gst.gst_registry_find_feature(registry, b"resnet50", kind)
    if not factory:
        raise RuntimeError(
            f"GStreamer does not load the plugin in {PLUGINS}: "
            "set GST_DEBUG=GST_PLUGIN_LOADING:5 to see why"
        )
    gst.gst_object_unref(factory)
