#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""RTSP cameras on the loopback interface, which misbehave as they are told.

    server.py PORT NAME=CODEC:PICTURE...

Each camera shows a picture (PNG) at rtsp://127.0.0.1:PORT/NAME, ten times a second, in the codec
`h264` or `mjpeg`. PORT 0 takes a free one. The first line of the output is `port N`. From then on
the input is read, a command a line, and each is answered by `ok`, or by `error` and the reason:

    stall NAME              no more frames come, though the camera still answers
    resume NAME             they come again
    size NAME WIDTH HEIGHT  the pictures are of this size from now on

The end of the input ends the server.
"""

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

# The parameter sets come with each keyframe, for nothing else tells a client of another size.
CODECS = {
    "h264": "openh264enc gop-size=10 bitrate=2000000 ! rtph264pay name=pay0 config-interval=-1",
    "mjpeg": "jpegenc ! rtpjpegpay name=pay0",
}


class Camera(GstRtspServer.RTSPMediaFactory):
    """One pipeline for all clients, so that a command means all of them."""

    def __init__(self, codec, picture):
        super().__init__()
        self.size = (480, 320)
        self.stalled = False
        self.media = None
        self.set_shared(True)
        self.set_launch(
            f'( filesrc location="{picture}" ! pngdec ! imagefreeze is-live=true'
            " ! video/x-raw,framerate=10/1 ! videoscale ! videoconvert"
            f" ! capsfilter name=size ! valve name=gate ! {CODECS[codec]} )"
        )
        self.connect("media-configure", self.configure)

    def configure(self, _factory, media):
        """A client has come, and no other was there."""
        self.media = media
        media.connect("unprepared", self.forget)
        # A description cannot be made without a frame: a stalled camera lets one through.
        media.connect("prepared", lambda _media: self.apply())
        self.apply_size()

    def forget(self, media):
        """The last client has gone."""
        if self.media is media:
            self.media = None

    def apply_size(self):
        width, height = self.size
        caps = f"video/x-raw,format=I420,width={width},height={height},pixel-aspect-ratio=1/1"
        size = self.media.get_element().get_by_name("size")
        size.set_property("caps", Gst.Caps.from_string(caps))

    def apply(self):
        if self.media is not None:
            self.apply_size()
            self.media.get_element().get_by_name("gate").set_property("drop", self.stalled)


def obey(cameras, line):
    """Does what a line of the input says; runs in the main loop."""
    try:
        command, name, *numbers = line.split()
        camera = cameras[name]
        if command == "size":
            width, height = map(int, numbers)
            camera.size = (width, height)
        elif command in ("stall", "resume"):
            camera.stalled = command == "stall"
        else:
            raise ValueError(f"unknown command {command}")
        camera.apply()
        print("ok", flush=True)
    except (KeyError, ValueError) as error:
        print(f"error {error!r}", flush=True)
    return GLib.SOURCE_REMOVE


def main():
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])
    # A thread for each client: making a description can take as long as a camera likes.
    pool = GstRtspServer.RTSPThreadPool()
    pool.set_max_threads(-1)
    server.set_thread_pool(pool)
    cameras = {}
    for argument in sys.argv[2:]:
        name, rest = argument.split("=", 1)
        cameras[name] = Camera(*rest.split(":", 1))
        server.get_mount_points().add_factory(f"/{name}", cameras[name])
    if server.attach(None) == 0:
        sys.exit(f"port {sys.argv[1]} cannot be had")
    print("port", server.get_bound_port(), flush=True)

    loop = GLib.MainLoop()

    def listen():
        for line in sys.stdin:
            GLib.idle_add(obey, cameras, line)
        GLib.idle_add(loop.quit)

    threading.Thread(target=listen, daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
