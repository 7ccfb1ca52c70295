// SPDX-License-Identifier: MPL-2.0
//! Caps with and without the feature of overlay compositions.

use gst_video::CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION as COMPOSITION;

use super::blend;

/// The caps of both pads.
pub fn template() -> gst::Caps {
    let mut caps = gst_video::VideoCapsBuilder::new()
        .format_list(blend::all_formats().iter().copied())
        .build();
    let mut with_composition = caps.clone();
    let features = gst::CapsFeatures::new([gst::CAPS_FEATURE_MEMORY_SYSTEM_MEMORY, COMPOSITION]);
    with_composition
        .make_mut()
        .set_features_simple(Some(features));
    caps.make_mut().append(with_composition);
    caps
}

/// Whether caps with these features announce overlay compositions.
pub fn has_composition(features: Option<&gst::CapsFeaturesRef>) -> bool {
    features.is_some_and(|f| !f.is_any() && f.contains(COMPOSITION))
}

/// The caps with overlay compositions.
pub fn with_composition(caps: &gst::Caps) -> gst::Caps {
    each(caps, |caps, structure, features| {
        append(caps, structure, added(features));
    })
}

/// The caps that can go out where these come in: a composition may be added, and one that is there
/// stays.
pub fn output_for(caps: &gst::Caps) -> gst::Caps {
    each(caps, |caps, structure, features| {
        append(caps, structure, added(features));
        if !has_composition(Some(features)) {
            append(caps, structure, features.to_owned());
        }
    })
}

/// The caps that can come in where these can go out.
pub fn input_for(caps: &gst::Caps) -> gst::Caps {
    each(caps, |caps, structure, features| {
        append(caps, structure, features.to_owned());
        if has_composition(Some(features)) {
            let mut plain = features.to_owned();
            plain.remove(COMPOSITION);
            append(caps, structure, plain);
        }
    })
}

/// Caps with what `change` appends for each structure.
fn each(
    caps: &gst::Caps,
    change: impl Fn(&mut gst::CapsRef, &gst::StructureRef, &gst::CapsFeaturesRef),
) -> gst::Caps {
    if caps.is_any() {
        return caps.clone();
    }
    let mut changed = gst::Caps::new_empty();
    for (structure, features) in caps.iter_with_features() {
        change(changed.make_mut(), structure, features);
    }
    changed
}

fn append(caps: &mut gst::CapsRef, structure: &gst::StructureRef, features: gst::CapsFeatures) {
    caps.append_structure_full(structure.to_owned(), Some(features));
}

fn added(features: &gst::CapsFeaturesRef) -> gst::CapsFeatures {
    let mut features = features.to_owned();
    if !has_composition(Some(&features)) && !features.is_any() {
        features.add(COMPOSITION);
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compositions may be added on the way, but never removed.
    #[test]
    fn directions() {
        gst::init().expect("GStreamer");
        let plain: gst::Caps = "video/x-raw, format=RGB".parse().expect("caps");
        let composed = with_composition(&plain);
        assert!(!has_composition(plain.features(0)));
        assert!(has_composition(composed.features(0)));
        assert_eq!(output_for(&plain).size(), 2);
        assert_eq!(output_for(&composed), composed);
        assert_eq!(input_for(&plain), plain);
        assert_eq!(input_for(&composed).size(), 2);
        let any = gst::Caps::new_any();
        assert!(input_for(&any).is_any() && output_for(&any).is_any());
    }
}
