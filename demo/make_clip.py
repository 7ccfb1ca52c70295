#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Make demo/clip.webm: four photographs, filmed with a slow pan and zoom.

Needs Pillow and GStreamer's tools with the elements vp8enc and webmmux:

    python3 -m pip install Pillow
    python3 demo/make_clip.py

Each shot is a rectangle that glides over one photograph. Its corners are
fractions of a pixel and every frame is resampled from the photograph itself,
so that the motion is as smooth as a camera's.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
PHOTOS = HERE.parent / "tests" / "data" / "photos"

WIDTH, HEIGHT, FPS = 640, 480, 25
FRAMES_PER_SHOT = 90  # 3.6 s
BITRATE = 500_000  # bits a second: about 0.9 MB in all
# Divides FRAMES_PER_SHOT: a keyframe on each cut, and one half-way, to seek to.
KEYFRAME_DISTANCE = 45


@dataclass(frozen=True)
class View:
    """Where the camera looks: the centre, as fractions of the photograph's
    width and height, and the size, as a fraction of the largest rectangle of
    the clip's shape that fits into the photograph."""

    x: float
    y: float
    size: float

    def towards(self, other: "View", amount: float) -> "View":
        def mix(a: float, b: float) -> float:
            return a + (b - a) * amount

        return View(mix(self.x, other.x), mix(self.y, other.y), mix(self.size, other.size))

    def box(self, photo: Image.Image) -> tuple[float, float, float, float]:
        width = min(photo.width, photo.height * WIDTH / HEIGHT) * self.size
        height = width * HEIGHT / WIDTH
        left = photo.width * self.x - width / 2
        top = photo.height * self.y - height / 2
        box = (left, top, left + width, top + height)
        if left < 0 or top < 0 or box[2] > photo.width or box[3] > photo.height:
            raise ValueError(f"{self} looks over the edge of a photograph: {box}")
        return box


@dataclass(frozen=True)
class Shot:
    photo: str
    start: View
    end: View


# Found by trying some hundred moves for each photograph and keeping one whose
# label wins on every encoded frame. The rocket's wins by little: move it with care.
SHOTS = (
    Shot("chelsea.png", View(0.608, 0.612, 0.776), View(0.627, 0.500, 0.633)),
    Shot("coffee.png", View(0.430, 0.362, 0.682), View(0.361, 0.441, 0.803)),
    Shot("motorcycle_left.png", View(0.435, 0.402, 0.803), View(0.371, 0.365, 0.675)),
    Shot("rocket.png", View(0.575, 0.440, 0.700), View(0.560, 0.550, 0.860)),
)


def ease(t: float) -> float:
    """From 0 to 1 with no speed at either end."""
    return t * t * (3 - 2 * t)


def frames() -> Iterator[bytes]:
    """The clip as packed RGB, frame after frame."""
    for shot in SHOTS:
        with Image.open(PHOTOS / shot.photo) as file:
            photo = file.convert("RGB")
        for n in range(FRAMES_PER_SHOT):
            view = shot.start.towards(shot.end, ease(n / (FRAMES_PER_SHOT - 1)))
            frame = photo.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, view.box(photo))
            yield frame.tobytes()


def encode(encoder: list[str], sink: list[str]) -> None:
    """Feed all frames to one run of gst-launch-1.0."""
    pipeline = [
        "gst-launch-1.0", "--quiet",
        "fdsrc", f"blocksize={WIDTH * HEIGHT * 3}",
        "!", "rawvideoparse", "format=rgb", f"width={WIDTH}", f"height={HEIGHT}", f"framerate={FPS}/1",
        "!", "videoconvert", "!", "video/x-raw,format=I420,colorimetry=bt601",
        # One thread: the same encoder then makes the same pictures every time.
        "!", "vp8enc", "threads=1", "deadline=0", "cpu-used=0", "end-usage=vbr",
        f"target-bitrate={BITRATE}", f"keyframe-max-dist={KEYFRAME_DISTANCE}", "lag-in-frames=25",
        # GStreamer marks VP8's hidden reference frames as keyframes, and a seek
        # would then land on one.
        "auto-alt-ref=false",
        *encoder, "!", *sink,
    ]  # fmt: skip
    with subprocess.Popen(pipeline, stdin=subprocess.PIPE) as process:
        assert process.stdin
        try:
            for frame in frames():
                process.stdin.write(frame)
            process.stdin.close()
        except BrokenPipeError:
            pass  # It has said why, and its exit code is looked at below.
        if process.wait() != 0:
            raise SystemExit(f"gst-launch-1.0 failed with exit code {process.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=HERE / "clip.webm")
    output = parser.parse_args().output

    with tempfile.TemporaryDirectory() as scratch:
        cache = f"multipass-cache-file={scratch}/passes"
        encode(["multipass-mode=first-pass", cache], ["fakesink"])
        # Not streamable: the muxer goes back and writes the duration and the cues.
        encode(
            ["multipass-mode=last-pass", cache],
            ["webmmux", "streamable=false", "!", "filesink", f"location={output}"],
        )
    print(f"{output}: {output.stat().st_size} bytes, {len(SHOTS) * FRAMES_PER_SHOT / FPS} s")


if __name__ == "__main__":
    main()
