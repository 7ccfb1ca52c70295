#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Asks every window of the X display $DISPLAY to close, as a window manager does for its user.

It uses libX11 itself, which whatever shows a window there has brought along.
"""

import ctypes
import sys

CLIENT_MESSAGE = 33


class ClientMessage(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
    ]


class Event(ctypes.Union):
    # Xlib reads as many bytes as the largest of its events has.
    _fields_ = [("client", ClientMessage), ("size", ctypes.c_long * 24)]


def main():
    x = ctypes.CDLL("libX11.so.6")
    x.XOpenDisplay.restype = ctypes.c_void_p
    x.XInternAtom.restype = ctypes.c_ulong
    x.XDefaultRootWindow.restype = ctypes.c_ulong
    display = ctypes.c_void_p(x.XOpenDisplay(None))
    if not display:
        sys.exit("there is no display")
    protocols = x.XInternAtom(display, b"WM_PROTOCOLS", 0)
    delete = x.XInternAtom(display, b"WM_DELETE_WINDOW", 0)
    root = ctypes.c_ulong(x.XDefaultRootWindow(display))
    unused = ctypes.c_ulong()
    windows = ctypes.POINTER(ctypes.c_ulong)()
    count = ctypes.c_uint()
    x.XQueryTree(
        display,
        root,
        ctypes.byref(unused),
        ctypes.byref(unused),
        ctypes.byref(windows),
        ctypes.byref(count),
    )
    if count.value == 0:
        sys.exit("there is no window")
    for window in windows[: count.value]:
        event = Event()
        event.client.type = CLIENT_MESSAGE
        event.client.window = window
        event.client.message_type = protocols
        event.client.format = 32
        event.client.data[0] = delete
        x.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(event))
    x.XCloseDisplay(display)


if __name__ == "__main__":
    main()
