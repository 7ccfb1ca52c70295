#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Reads and sets everything in the shortest natural Python; it ends with an error where something
cannot be read.

    bindings.py plain|full

`plain` is Python with Debian's python3-gi and gir1.2-gstreamer-1.0 alone, `full` has
python3-gst-1.0 as well, with which GStreamer's own types become Python's.
"""

import sys
import warnings

IS_FULL = sys.argv[1] == "full"
if not IS_FULL:
    # As if python3-gst-1.0 were not installed.
    sys.modules["gi.overrides.Gst"] = None

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstVideo

# GObject's old array type is what GStreamer's own get_array() returns.
warnings.filterwarnings("ignore", ".*ValueArray", DeprecationWarning)
Gst.init(None)
if IS_FULL and "gi.overrides.Gst" not in sys.modules:
    sys.exit("install Debian's python3-gst-1.0 (`cargo xtask setup` does)")


def reading():
    pipeline = Gst.parse_launch(
        "appsrc name=source format=time caps=video/x-raw,format=RGB,width=64,height=64,framerate=5/1"
        " ! resnet50 name=classify model=builtin:efficientnet-lite0 groups=imagenet-groups"
        " region=both messages=all ! fakesink name=sink"
    )
    element = pipeline.get_by_name("classify")
    seen = []

    def probe(pad, info):
        buffer = info.get_buffer()
        answer = buffer.get_custom_meta("Resnet50ClassificationMeta").get_structure()
        region = GstVideo.buffer_get_video_region_of_interest_meta_id(buffer, 0)
        face = region.get_param("classification")
        seen.append(
            {
                "element": answer.get_string("element"),
                "label": answer.get_string("label"),
                "index": answer.get_value("index"),
                "confidence": answer.get_value("confidence"),
                "group": answer.get_string("group"),
                "group confidence": answer.get_value("group-confidence"),
                "decision": answer.get_string("decision"),
                "fresh": answer.get_value("fresh"),
                "age": answer.get_value("age"),
                "face": face.get_string("label"),
                "classes": classes(answer, "results"),
                "groups": classes(answer, "groups"),
            }
        )
        return Gst.PadProbeReturn.OK

    element.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, probe)
    bus = pipeline.get_bus()
    pipeline.set_state(Gst.State.PLAYING)
    source = pipeline.get_by_name("source")
    for nth in range(5):
        buffer = Gst.Buffer.new_wrapped(bytes([50 * nth, 100, 200]) * 64 * 64)
        buffer.pts = nth * Gst.SECOND // 5
        GstVideo.buffer_add_video_region_of_interest_meta(buffer, "face", 8, 8, 40, 40)
        source.emit("push-buffer", buffer)
    source.emit("end-of-stream")
    told = []
    while True:
        kinds = Gst.MessageType.ELEMENT | Gst.MessageType.ERROR | Gst.MessageType.EOS
        message = bus.timed_pop_filtered(60 * Gst.SECOND, kinds)
        if message.type == Gst.MessageType.ERROR:
            sys.exit(message.parse_error()[0].message)
        if message.type == Gst.MessageType.EOS:
            break
        answer = message.get_structure()
        if answer.has_name("resnet50") and not answer.has_field("region"):
            told.append((answer.get_string("label"), answer.get_value("confidence")))

    assert len(seen) == 5, seen
    for answer in seen:
        assert answer["element"] == "classify", answer
        assert answer["fresh"] is True and answer["age"] == 0, answer
        best, group = answer["classes"][0], answer["groups"][0]
        assert best == (answer["label"], answer["confidence"]), answer
        assert group == (answer["group"], answer["group confidence"]), answer
        assert answer["index"] in range(1000), answer
        assert isinstance(answer["decision"], str) and answer["face"], answer
    assert told == [(answer["label"], answer["confidence"]) for answer in seen], told

    # Each in one expression: what is nested would be gone with what is around it.
    for stage in ("preprocess", "queue", "inference", "total"):
        times = [element.get_property("stats").get_value(f"{stage}-{p}") for p in ("p50", "p95", "p99")]
        assert 0 < times[0] <= times[1] <= times[2], (stage, times)
    assert element.get_property("stats").get_value("frames") == 5
    assert element.get_property("stats").get_value("inferences") == 10
    assert element.get_property("active-provider") == "cpu"
    assert element.get_property("model-info").get_string("model") == "builtin:efficientnet-lite0"
    assert element.get_property("model-info").get_value("width") == 224
    mean = element.get_property("model-info").get_array("mean")[1]
    assert [round(mean.get_nth(i), 2) for i in range(3)] == [0.5] * 3
    if IS_FULL:
        assert [round(v, 2) for v in element.get_property("model-info")["mean"]] == [0.5] * 3
    pipeline.set_state(Gst.State.NULL)


def classes(answer, field):
    """All classes or groups, with their confidences."""
    if IS_FULL:
        return [(item["label"], item["confidence"]) for item in answer[field]]
    items = answer.get_array(field)[1]
    found = []
    for nth in range(items.n_values):
        item = items.get_nth(nth)
        found.append((item.get_string("label"), item.get_value("confidence")))
    return found


def setting():
    element = Gst.ElementFactory.make("resnet50")
    for name, value in [
        ("model", "builtin:efficientnet-lite0"),
        ("top-k", 3),
        ("device-id", 1),
        ("threshold", 0.25),
        ("tags", True),
        ("smoothing", 2**63),
        ("mode", "exact"),
        ("region", "both"),
    ]:
        element.set_property(name, value)
        read = element.get_property(name)
        assert getattr(read, "value_nick", read) == value, (name, read)
    options = Gst.Structure.new_from_string("options, enable_cpu_mem_arena=(string)0")
    element.set_property("provider-options", options)
    read = element.get_property("provider-options").get_string("enable_cpu_mem_arena")
    assert read == "0", read

    # As on the command line, which works for every type and without python3-gst-1.0 is the only
    # way for these.
    Gst.util_set_object_arg(element, "mean", "<0.5,0.25,0.125>")
    Gst.util_set_object_arg(element, "max-rate", "5/2")
    if IS_FULL:
        assert list(element.get_property("mean")) == [0.5, 0.25, 0.125]
        assert element.get_property("max-rate") == Gst.Fraction(5, 2)
        element.set_property("std", (0.5, 0.25, 0.125))
        assert list(element.get_property("std")) == [0.5, 0.25, 0.125]
        element.set_property("max-rate", Gst.Fraction(3, 1))
        assert element.get_property("max-rate") == Gst.Fraction(3, 1)

    json = Gst.ElementFactory.make("resnet50json")
    for name, value in [("model-name", "classify"), ("only-changes", True)]:
        json.set_property(name, value)
        assert json.get_property(name) == value, name
    overlay = Gst.ElementFactory.make("resnet50overlay")
    if overlay is None:
        return
    Gst.util_set_object_arg(overlay, "show", "label+bar")
    assert overlay.get_property("show").value_nicks == ["label", "bar"]
    for name, value in [("position", "top-right"), ("color", 0xFF00FF00), ("scale", 0.5)]:
        overlay.set_property(name, value)
        read = overlay.get_property(name)
        assert getattr(read, "value_nick", read) == value, (name, read)


reading()
setting()
