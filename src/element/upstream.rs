// SPDX-License-Identifier: MPL-2.0
//! The classifiers upstream of an element that reads their metadata.

use gst::prelude::*;

use super::classify::Resnet50;

/// A classifier upstream.
#[derive(Debug)]
pub struct UpstreamClassifier {
    /// The classifier.
    pub element: Resnet50,
    /// Whether it is linked directly to the element.
    pub is_next: bool,
}

/// Iterates over the classifiers upstream of a sink pad, through bins and other elements, the nearest
/// on each branch first.
pub fn classifiers(sink: &gst::Pad) -> impl Iterator<Item = UpstreamClassifier> {
    let first = sink.clone();
    let mut visited: Vec<gst::Pad> = Vec::new();
    let mut pending = vec![sink.clone()];
    std::iter::from_fn(move || {
        while let Some(pad) = pending.pop() {
            let Some(peer) = pad.peer() else {
                continue;
            };
            // Without a parent GStreamer returns no iterator, which the bindings do not expect.
            if peer.parent().is_none() || visited.contains(&peer) {
                continue;
            }
            let mut links = peer.iterate_internal_links();
            loop {
                match links.next() {
                    Ok(Some(link)) => pending.push(link),
                    Err(gst::IteratorError::Resync) => links.resync(),
                    Ok(None) | Err(gst::IteratorError::Error) => break,
                }
            }
            let element = peer.parent_element();
            visited.push(peer);
            if let Some(element) = element.and_then(|e| e.downcast().ok()) {
                let is_next = pad == first;
                return Some(UpstreamClassifier { element, is_next });
            }
        }
        None
    })
}
