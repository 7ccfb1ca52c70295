// SPDX-License-Identifier: MPL-2.0
//! Decisions as tags.

use std::sync::Arc;

use crate::meta::Decision;
use crate::text;

/// The keywords of a stream: the labels of all decisions so far.
#[derive(Debug, Default)]
pub struct Keywords {
    words: Vec<Arc<str>>,
    /// The stream's tags from upstream: a tag event replaces the one before.
    upstream: Option<gst::TagList>,
    /// The tags of the whole file from upstream, which come in events of their own.
    upstream_global: Option<gst::TagList>,
}

impl Keywords {
    /// Forgets everything, as for a new stream.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Adds a decision. If it is a new one, returns the event with all keywords so far.
    pub fn add(&mut self, decision: &Decision) -> Option<gst::Event> {
        let label = decision.label.as_ref()?;
        if self.words.contains(label) {
            return None;
        }
        self.words.push(Arc::clone(label));
        Some(gst::event::Tag::new(self.list()))
    }

    /// Adds the keywords to a tag event from upstream.
    pub fn merge(&mut self, event: gst::Event) -> gst::Event {
        let gst::EventView::Tag(tag) = event.view() else {
            return event;
        };
        // Tags of the whole file do not replace those of the stream.
        if tag.tag().scope() != gst::TagScope::Stream {
            self.upstream_global = Some(tag.tag_owned());
            return event;
        }
        self.upstream = Some(tag.tag_owned());
        if self.words.is_empty() {
            return event;
        }
        gst::event::Tag::builder(self.list())
            .seqnum(event.seqnum())
            .build()
    }

    /// All keywords as tags of the whole file, for the end of the stream: of the stream's own tags
    /// a muxer keeps only the first.
    pub fn global(&self) -> Option<gst::Event> {
        if self.words.is_empty() {
            return None;
        }
        let mut list = self.with(self.upstream_global.clone());
        list.make_mut().set_scope(gst::TagScope::Global);
        Some(gst::event::Tag::new(list))
    }

    fn list(&self) -> gst::TagList {
        self.with(self.upstream.clone())
    }

    /// These tags and the keywords.
    fn with(&self, list: Option<gst::TagList>) -> gst::TagList {
        let mut list = list.unwrap_or_default();
        let tags = list.make_mut();
        for word in &self.words {
            // Players and gst-launch print tags as they are.
            let word = text::name(word).to_string();
            tags.add::<gst::tags::Keywords>(&word.as_str(), gst::TagMergeMode::Append);
        }
        list
    }
}
