# SPDX-License-Identifier: MPL-2.0
timed apt-get update
timed apt-get install -y --no-install-recommends python3-venv
timed python3 -m venv --system-site-packages /venv
timed /venv/bin/pip install ./*.whl
# One error that names what is missing, and the remedy.
refused /venv/bin/gst-resnet50 doctor
says 'has no .*libgstreamer-1.0.so.0'
says 'apt-get install gstreamer1.0-plugins-base'
[ "$(grep -c error: log)" = 1 ]
timed apt-get install -y --no-install-recommends gstreamer1.0-plugins-base \
    gstreamer1.0-plugins-good libpangocairo-1.0-0 fonts-dejavu-core
timed /venv/bin/gst-resnet50 classify clip.webm --annotate labelled.webm
says espresso
total
check /venv/bin/gst-resnet50 doctor
says 'site-packages/onnxruntime/capi'
check /venv/bin/gst-resnet50 classify labelled.webm --max-frames 10
check test -s /venv/share/man/man1/gst-resnet50-classify.1

check apt-get install -y --no-install-recommends python3-gi gir1.2-gstreamer-1.0 gstreamer1.0-tools
check sh -euc 'eval "$(/venv/bin/python -m gst_plugin_resnet50)"; gst-inspect-1.0 resnet50'
says live-camera
for order in 'register(); Gst.init(None)' 'Gst.init(None); register()'; do
    rm -rf /root/.cache/gstreamer-1.0
    check /venv/bin/python -c "
import gi
gi.require_version('Gst', '1.0')
from gi.repository import Gst
from gst_plugin_resnet50 import register
$order
element = Gst.ElementFactory.make('resnet50')
assert element.get_preset_names(), 'no presets'
line = 'filesrc location=clip.webm ! decodebin ! resnet50 model=builtin:efficientnet-lite0 messages=change ! fakesink'
pipeline = Gst.parse_launch(line)
pipeline.set_state(Gst.State.PLAYING)
kinds = Gst.MessageType.ERROR | Gst.MessageType.EOS | Gst.MessageType.ELEMENT
bus = pipeline.get_bus()
while True:
    message = bus.timed_pop_filtered(60 * Gst.SECOND, kinds)
    assert message and message.type not in (Gst.MessageType.ERROR, Gst.MessageType.EOS), message
    if message.get_structure().get_name() == 'resnet50':
        print(message.get_structure().to_string())
        break
pipeline.set_state(Gst.State.NULL)
"
    says Egyptian
done
check /venv/bin/pip uninstall -y gst-plugin-resnet50
refused test -e /venv/bin/gst-resnet50
