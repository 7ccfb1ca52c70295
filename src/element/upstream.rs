// SPDX-License-Identifier: MPL-2.0
//! The classifiers before an element that reads what they have attached.

use gst::prelude::*;

use super::classify::Resnet50;

/// A classifier that frames come from.
#[derive(Debug)]
pub struct Found {
    pub element: Resnet50,
    /// Whether it is linked to the element itself.
    pub is_next: bool,
}

/// Goes up from a sink pad, through bins and whatever else there is. Of several on one way, the
/// nearest comes first.
pub fn classifiers(sink: &gst::Pad) -> impl Iterator<Item = Found> {
    let first = sink.clone();
    let mut looked_at: Vec<gst::Pad> = Vec::new();
    let mut open = vec![sink.clone()];
    std::iter::from_fn(move || {
        while let Some(pad) = open.pop() {
            let Some(peer) = pad.peer() else {
                continue;
            };
            // Without a parent there is no iterator, which the bindings do not expect.
            if peer.parent().is_none() || looked_at.contains(&peer) {
                continue;
            }
            let mut links = peer.iterate_internal_links();
            loop {
                match links.next() {
                    Ok(Some(link)) => open.push(link),
                    Err(gst::IteratorError::Resync) => links.resync(),
                    Ok(None) | Err(gst::IteratorError::Error) => break,
                }
            }
            let element = peer.parent_element();
            looked_at.push(peer);
            if let Some(element) = element.and_then(|e| e.downcast().ok()) {
                let is_next = pad == first;
                return Some(Found { element, is_next });
            }
        }
        None
    })
}
