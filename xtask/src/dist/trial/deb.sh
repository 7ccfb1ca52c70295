# SPDX-License-Identifier: MPL-2.0
package=gstreamer1.0-resnet50
deb=$(echo ./*.deb)
timed apt-get update
timed apt-get install -y "$deb"
if ! dpkg-query --show 'libonnxruntime1.*' >log 2>&1; then
    # This release has none that is new enough, and the description says what to do.
    check dpkg-query --show --showformat '${Description}' $package
    says 'gst-resnet50 runtime install'
    timed gst-resnet50 runtime install
fi
timed gst-resnet50 classify clip.webm --annotate labelled.webm
says espresso
total
check gst-inspect-1.0 resnet50
says live-camera
check gst-resnet50 doctor
check gst-resnet50 classify labelled.webm --max-frames 10
check dpkg --verify $package
[ ! -s log ]
# Minimal systems leave the documents of others out, not ours.
for file in /usr/share/man/man1/gst-resnet50-classify.1.gz \
    /usr/share/bash-completion/completions/gst-resnet50 /usr/share/doc/$package/copyright; do
    check test -s $file
done

# From an older one, and away without a trace.
files=$(dpkg-query --listfiles $package)
check apt-get purge -y $package
check dpkg-deb --raw-extract "$deb" old
sed -i 's/^Version: .*/Version: 0.0.1-1/' old/DEBIAN/control
check dpkg-deb --root-owner-group --build old old.deb
check apt-get install -y ./old.deb
check apt-get install -y "$deb"
says 'Unpacking.*over'
check dpkg --verify $package
[ ! -s log ]
check gst-inspect-1.0 resnet50
check apt-get purge -y $package
for file in $files; do
    if [ -e "$file" ] && [ ! -d "$file" ]; then
        echo "    left behind: $file"
        exit 1
    fi
done
refused gst-inspect-1.0 resnet50
refused test -e /usr/share/doc/$package
