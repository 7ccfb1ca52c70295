// SPDX-License-Identifier: MPL-2.0
//! The element as its neighbours see it: the pads, and the task of the source pad.
//!
//! In mode live everything leaves from the thread it came in with. In mode exact it waits in a
//! queue, in its order, and a task of the source pad pushes it when its turn has come.

use std::ffi::c_void;

use glib::translate::from_glib_none;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::{CAT, Resnet50};

/// Takes what comes in.
pub fn sink(template: &gst::PadTemplate) -> gst::Pad {
    gst::Pad::builder_from_template(template)
        .chain_function(|_, parent, buffer| {
            Resnet50::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |this| this.chain(buffer),
            )
        })
        .event_full_function(|pad, parent, event| {
            Resnet50::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |this| this.sink_event(pad, event),
            )
        })
        .query_function(|pad, parent, query| {
            Resnet50::catch_panic_pad_function(parent, || false, |this| this.sink_query(pad, query))
        })
        .activatemode_function(|_, parent, _, active| {
            Resnet50::catch_panic_pad_function(
                parent,
                || Err(gst::loggable_error!(CAT, "panic")),
                |this| {
                    this.activate(active);
                    Ok(())
                },
            )
        })
        // A field that caps do not have, as the frame rate of some sources, may be anything.
        .flags(
            gst::PadFlags::PROXY_CAPS
                | gst::PadFlags::PROXY_ALLOCATION
                | gst::PadFlags::ACCEPT_INTERSECT,
        )
        .build()
}

/// Sends what goes out.
pub fn src(template: &gst::PadTemplate) -> gst::Pad {
    gst::Pad::builder_from_template(template)
        .event_function(|pad, parent, event| {
            Resnet50::catch_panic_pad_function(parent, || false, |this| this.src_event(pad, event))
        })
        .query_function(|pad, parent, query| {
            Resnet50::catch_panic_pad_function(parent, || false, |this| this.src_query(pad, query))
        })
        .activatemode_function(|_, parent, _, active| {
            Resnet50::catch_panic_pad_function(
                parent,
                || Err(gst::loggable_error!(CAT, "panic")),
                |this| this.activate_task(active),
            )
        })
        .flags(gst::PadFlags::PROXY_CAPS | gst::PadFlags::PROXY_ALLOCATION)
        .build()
}

/// A turn of the source pad's task.
///
/// The bindings' own way takes a closure at each start, and where the task is there already, as
/// after each flush, GStreamer forgets to free it.
unsafe extern "C" fn turn(pad: glib::ffi::gpointer) {
    // SAFETY: it is what `start_task` has given, and it is alive as long as its task.
    let pad: gst::Pad = unsafe { from_glib_none(pad.cast::<gst::ffi::GstPad>()) };
    let pause = || drop(pad.pause_task());
    match pad.parent() {
        Some(parent) => {
            Resnet50::catch_panic_pad_function(Some(&parent), pause, Resnet50::push_next);
        }
        None => pause(),
    }
}

impl Resnet50 {
    pub(super) fn activate(&self, active: bool) {
        let items = {
            let mut inner = self.stream.lock();
            inner.flushing = !active;
            inner.flush()
        };
        self.stream.notify();
        drop(items);
    }

    pub(super) fn activate_task(&self, active: bool) -> Result<(), gst::LoggableError> {
        // The source pad is the first to be activated: a task that sees a flush pauses.
        self.activate(active);
        if active {
            return self.start_task();
        }
        self.src
            .stop_task()
            .map_err(|_| gst::loggable_error!(CAT, "the task does not stop"))
    }

    /// Starts the task, or goes on with it after a flush.
    pub(super) fn start_task(&self) -> Result<(), gst::LoggableError> {
        let pad: *mut gst::ffi::GstPad = self.src.as_ptr();
        // SAFETY: `turn` takes the pad, which outlives its own task.
        let started =
            unsafe { gst::ffi::gst_pad_start_task(pad, Some(turn), pad.cast::<c_void>(), None) };
        match started {
            glib::ffi::GFALSE => Err(gst::loggable_error!(CAT, "the task does not start")),
            _ => Ok(()),
        }
    }
}
