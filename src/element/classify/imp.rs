// SPDX-License-Identifier: MPL-2.0
//! The element as GObject and GStreamer see it: properties, templates, pads, states. All work is done
//! by [`Core`].

use std::sync::{Arc, LazyLock};

use glib::translate::from_glib_none;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::super::caps_error::{self, PixelAccess};
use super::super::strings;
use super::core::Core;
use super::log::CAT;
use super::properties::{Effect, PROPERTIES};
use crate::preprocess;

/// The implementation of the element `resnet50`.
#[derive(Debug)]
pub struct Resnet50 {
    core: Arc<Core>,
}

/// The sink pad.
fn sink_pad(template: &gst::PadTemplate) -> gst::Pad {
    gst::Pad::builder_from_template(template)
        .chain_function(|_, parent, buffer| {
            Resnet50::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |this| this.core.chain(buffer),
            )
        })
        .event_full_function(|pad, parent, event| {
            Resnet50::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |this| this.core.sink_event(pad, event),
            )
        })
        .query_function(|pad, parent, query| {
            Resnet50::catch_panic_pad_function(
                parent,
                || false,
                |this| this.core.sink_query(pad, query),
            )
        })
        .activatemode_function(|_, parent, _, active| {
            Resnet50::catch_panic_pad_function(
                parent,
                || Err(gst::loggable_error!(CAT, "panic")),
                |this| {
                    this.core.activate(active);
                    Ok(())
                },
            )
        })
        // A field that caps lack may be anything: some sources have no frame rate.
        .flags(
            gst::PadFlags::PROXY_CAPS
                | gst::PadFlags::PROXY_ALLOCATION
                | gst::PadFlags::ACCEPT_INTERSECT,
        )
        .build()
}

/// The source pad.
fn src_pad(template: &gst::PadTemplate) -> gst::Pad {
    gst::Pad::builder_from_template(template)
        .event_function(|pad, parent, event| {
            Resnet50::catch_panic_pad_function(
                parent,
                || false,
                |this| this.core.src_event(pad, event),
            )
        })
        .query_function(|pad, parent, query| {
            Resnet50::catch_panic_pad_function(
                parent,
                || false,
                |this| this.core.src_query(pad, query),
            )
        })
        .activatemode_function(|_, parent, _, active| {
            Resnet50::catch_panic_pad_function(
                parent,
                || Err(gst::loggable_error!(CAT, "panic")),
                |this| this.core.activate_task(active),
            )
        })
        .flags(gst::PadFlags::PROXY_CAPS | gst::PadFlags::PROXY_ALLOCATION)
        .build()
}

/// One iteration of the source pad's task.
unsafe extern "C" fn task(pad: glib::ffi::gpointer) {
    // SAFETY: the task was started with its pad, which outlives it.
    let pad: gst::Pad = unsafe { from_glib_none(pad.cast::<gst::ffi::GstPad>()) };
    let pause = || drop(pad.pause_task());
    match pad.parent() {
        Some(parent) => {
            Resnet50::catch_panic_pad_function(Some(&parent), pause, |this| this.core.push_next());
        }
        None => pause(),
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Resnet50 {
    const NAME: &'static str = "GstResnet50";
    type Type = super::Resnet50;
    type ParentType = gst::Element;
    type Interfaces = (gst::Preset,);

    fn with_class(klass: &Self::Class) -> Self {
        let template = |name| klass.pad_template(name).expect("the class has it");
        let sink = sink_pad(&template("sink"));
        caps_error::post_for_refused_caps(&sink, PixelAccess::Read);
        Self {
            core: Arc::new(Core::new(sink, src_pad(&template("src")), task)),
        }
    }
}

impl ObjectImpl for Resnet50 {
    fn properties() -> &'static [glib::ParamSpec] {
        PROPERTIES.specs()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let name = pspec.name();
        let (effect, is_text, decides_changed) = {
            let mut settings = self.core.settings.lock();
            let decides_before = settings.decides();
            let (effect, is_text) = PROPERTIES.set(&mut settings, name, value);
            (effect, is_text, settings.decides() != decides_before)
        };
        gst::debug!(CAT, imp = self, "{name} = {}", strings::shown(value));
        self.core.property_changed(effect, decides_changed);
        let is_reported = effect == Effect::Categories;
        if !is_text && !is_reported && pspec.flags().contains(gst::PARAM_FLAG_MUTABLE_PLAYING) {
            self.core.refuse_bytes();
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "active-provider" => self.core.model_info.lock().provider.to_value(),
            "model-info" => self.core.model_info.lock().info.to_value(),
            "stats" => self.core.stream.stats().to_structure().to_value(),
            name => {
                let value = PROPERTIES.get(&mut self.core.settings.lock(), name);
                value.unwrap_or_else(|| unreachable!("{name} has no field"))
            }
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        self.core.set_element(obj.upcast_ref());
        for pad in [&self.core.sink, &self.core.src] {
            obj.add_pad(pad).expect("a new element has no pads");
        }
    }
}

impl GstObjectImpl for Resnet50 {}

impl ElementImpl for Resnet50 {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "ResNet50 video classifier",
                "Filter/Analyzer/Video",
                "Classifies video frames with ResNet50 v1.5 or another ONNX model, and passes them on untouched",
                "The gst-plugin-resnet50 authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let mut caps = gst_video::VideoCapsBuilder::new()
                .format_list(preprocess::all_formats())
                .build();
            // Single fields are pictures, too.
            let mut fields = caps.clone();
            let features = gst::CapsFeatures::new([gst_video::CAPS_FEATURE_FORMAT_INTERLACED]);
            fields.make_mut().set_features_simple(Some(features));
            caps.make_mut().append(fields);
            [
                ("src", gst::PadDirection::Src),
                ("sink", gst::PadDirection::Sink),
            ]
            .into_iter()
            .map(|(name, direction)| {
                gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps)
                    .expect("the template is valid")
            })
            .collect()
        });
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::ReadyToPaused {
            let name = strings::name_of(self.obj().upcast_ref());
            self.core.start(&name).map_err(|message| {
                self.post_error_message(message);
                gst::StateChangeError
            })?;
        }
        if transition == gst::StateChange::ReadyToNull {
            self.core.wait_for_loaders();
        }
        let result = self.parent_change_state(transition);
        let is_up = transition == gst::StateChange::ReadyToPaused;
        if transition == gst::StateChange::PausedToReady || (is_up && result.is_err()) {
            self.core.stop();
        }
        result
    }
}

// GStreamer's own implementation reads the files of plugin-meta/presets.
impl PresetImpl for Resnet50 {}
