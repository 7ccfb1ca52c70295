# SPDX-License-Identifier: MPL-2.0
timed apt-get update
timed apt-get install -y --no-install-recommends gstreamer1.0-plugins-base \
    gstreamer1.0-plugins-good gstreamer1.0-tools libpangocairo-1.0-0 fonts-dejavu-core ca-certificates
# Where a path has to be quoted.
folder="/opt/it's here"
mkdir "$folder"
timed tar --extract --strip-components=1 --directory "$folder" --file ./*.tar.gz
eval "$("$folder/environment")"
timed gst-resnet50 runtime install
timed gst-resnet50 classify clip.webm --annotate labelled.webm
says espresso
total
check gst-resnet50 doctor
says "it's here/lib/gstreamer-1.0/libgstresnet50.so"
check gst-inspect-1.0 resnet50
says live-camera
# Moved, it works from its new place.
mv "$folder" /srv/moved
check sh -euc 'unset GST_PLUGIN_PATH GST_PRESET_PATH; eval "$(/srv/moved/environment)"; gst-inspect-1.0 resnet50'
says /srv/moved/lib/gstreamer-1.0/libgstresnet50.so
