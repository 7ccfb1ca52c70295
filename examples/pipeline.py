#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Reads the classification of each frame in Python, and prints each change of the best class.

    cargo xtask install
    /usr/bin/python3 examples/pipeline.py demo/clip.webm

This needs GObject introspection (Debian: python3-gi, gir1.2-gstreamer-1.0) and nothing else.
docs/python.md says what python3-gst-1.0 adds.
"""

import pathlib
import sys

try:
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
# A ValueError: GObject introspection is there, and does not know GStreamer.
except (ImportError, ValueError) as error:
    sys.exit(
        f"error: {error}. Debian has what is missing in python3-gi and gir1.2-gstreamer-1.0, for"
        f" its own Python only: run /usr/bin/python3 (this is {sys.executable})"
    )

META = "Resnet50ClassificationMeta"


def best_class(buffer):
    """The best class of a frame as (index, label, confidence); None if it has none.

    The metadata's structure belongs to the buffer, so it is read while the buffer is there.
    """
    meta = buffer.get_custom_meta(META)
    if meta is None:
        return None
    answer = meta.get_structure()
    if not answer.has_field("label"):
        return None
    return tuple(answer.get_value(name) for name in ("index", "label", "confidence"))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: pipeline.py VIDEO")
    Gst.init(None)
    if Gst.ElementFactory.find("resnet50") is None:
        sys.exit("error: GStreamer does not find resnet50: set GST_PLUGIN_PATH to the plugin's folder")
    pipeline = Gst.parse_launch(
        "uridecodebin name=source ! resnet50 name=classify model=builtin:efficientnet-lite0"
        " ! appsink name=frames sync=false"
    )
    uri = pathlib.Path(sys.argv[1]).absolute().as_uri()
    pipeline.get_by_name("source").set_property("uri", uri)
    frames = pipeline.get_by_name("frames")
    bus = pipeline.get_bus()
    pipeline.set_state(Gst.State.PLAYING)
    best = None
    try:
        while True:
            sample = frames.emit("try-pull-sample", Gst.SECOND // 10)
            if sample is not None:
                buffer = sample.get_buffer()
                found = best_class(buffer)
                if found and found[0] != best:
                    best, label, confidence = found
                    print(f"{buffer.pts / Gst.SECOND:.2f} {label} {confidence:.2f}", flush=True)
            elif frames.get_property("eos"):
                break
            message = bus.pop_filtered(Gst.MessageType.ERROR)
            if message is not None:
                sys.exit(f"error: {sys.argv[1]}: {message.parse_error()[0].message}")
    finally:
        pipeline.set_state(Gst.State.NULL)


if __name__ == "__main__":
    main()
