#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""A program that knows GStreamer's analytics metadata and nothing of this plugin: it puts boxes onto
frames as a detector does, and reads the classes of the frame and of the boxes. It ends with an error
where something is not as GStreamer's readers expect it."""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstAnalytics", "1.0")
from gi.repository import GLib, Gst, GstAnalytics

Gst.init(None)

CONTAIN = GstAnalytics.RelTypes.CONTAIN
RELATE_TO = GstAnalytics.RelTypes.RELATE_TO
BOXES = [("face", 0, 0, 32, 32), ("person", 20, 10, 40, 50), ("dog", 1, 1, 30, 30)]


def frame(time):
    buffer = Gst.Buffer.new_wrapped(bytes(range(256)) * 48)
    buffer.pts, buffer.duration = time, 40 * Gst.MSECOND
    meta = GstAnalytics.buffer_add_analytics_relation_meta(buffer)
    for kind, *place in BOXES:
        done, _ = meta.add_od_mtd(GLib.quark_from_string(kind), *place, 0.75)
        assert done
    return buffer


def classifications(meta):
    """The id of each classification, with its labels and levels."""
    found = {}
    for index in range(GstAnalytics.relation_get_length(meta)):
        is_one, classes = meta.get_cls_mtd(index)
        if is_one:
            found[index] = [
                (GLib.quark_to_string(classes.get_quark(i)), classes.get_level(i))
                for i in range(classes.get_length())
            ]
    return found


def related(meta, one, relation, found):
    return [other for other in found if meta.get_relation(one, other) & relation]


def check(buffer):
    meta = GstAnalytics.buffer_get_analytics_relation_meta(buffer)
    found = classifications(meta)
    # The frame, and the two objects of the types that are asked for.
    assert len(found) == 3, found
    for classes in found.values():
        assert len(classes) == 5, classes
        levels = [level for _, level in classes]
        assert levels == sorted(levels, reverse=True) and 0 < sum(levels) <= 1.001, levels
        assert all(label for label, _ in classes), classes
    of_objects = []
    for index, (kind, *_) in enumerate(BOXES):
        contained = related(meta, index, CONTAIN, found)
        assert contained == related(meta, index, RELATE_TO, found)
        assert len(contained) == (kind != "dog"), (kind, contained)
        of_objects += contained
    assert len(set(found) - set(of_objects)) == 1, "one is of the frame"


pipeline = Gst.parse_launch(
    "appsrc name=source format=time caps=video/x-raw,format=RGB,width=64,height=64,framerate=25/1"
    " ! resnet50 model=builtin:efficientnet-lite0 region=both roi-types=face,person mode=exact"
    " ! tee ! queue ! appsink name=sink sync=false"
)
pipeline.set_state(Gst.State.PLAYING)
source, sink = pipeline.get_by_name("source"), pipeline.get_by_name("sink")
for number in range(3):
    source.emit("push-buffer", frame(number * 40 * Gst.MSECOND))
source.emit("end-of-stream")
count = 0
while sample := sink.emit("pull-sample"):
    check(sample.get_buffer())
    count += 1
pipeline.set_state(Gst.State.NULL)
if count != 3:
    sys.exit(f"{count} frames of 3")
print("ok")
