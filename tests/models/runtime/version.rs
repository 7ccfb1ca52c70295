// SPDX-License-Identifier: MPL-2.0
//! Libraries that are too old or have no usable interface.

use gst::prelude::*;
use support::element::text;

use super::{alone, compile, does_not_start, folder, home, mended, rig};

/// An ONNX Runtime that is too old: the message has its version and the oldest that would do.
#[test]
fn library_is_too_old() {
    let empty = folder();
    alone(
        "version::library_is_too_old",
        empty.path(),
        |_| {},
        || {
            let old = compile(
                &home(),
                "old",
                r#"
            typedef struct { const void *(*get_api)(unsigned); const char *(*version)(void); } Base;
            static const void *get_api(unsigned version) { (void)version; return 0; }
            static const char *version(void) { return "1.16.3"; }
            static const Base base = { get_api, version };
            const Base *OrtGetApiBase(void) { return &base; }
            "#,
            );
            let rig = rig(&home());
            rig.element.set_property("runtime-library", text(&old));
            let (major, minor) = gstresnet50::inference::MINIMUM_VERSION;
            let minimum = format!("{major}.{minor}");
            does_not_start(&rig, &[text(&old), "1.16.3", &minimum]);
            mended(&rig);
        },
    );
}

/// One that says it is new enough but does not offer the interface, or offers nothing.
#[test]
fn library_without_the_interface() {
    let empty = folder();
    alone(
        "version::library_without_the_interface",
        empty.path(),
        |_| {},
        || {
            let rig = rig(&home());
            let odd = compile(
                &home(),
                "odd",
                r#"
            typedef struct { const void *(*get_api)(unsigned); const char *(*version)(void); } Base;
            static const void *get_api(unsigned version) { (void)version; return 0; }
            static const char *version(void) { return "1.99.0"; }
            static const Base base = { get_api, version };
            const Base *OrtGetApiBase(void) { return &base; }
            "#,
            );
            rig.element.set_property("runtime-library", text(&odd));
            does_not_start(&rig, &[text(&odd), "1.99.0", "C API"]);
            let void = compile(&home(), "void", "void *OrtGetApiBase(void) { return 0; }");
            rig.element.set_property("runtime-library", text(&void));
            does_not_start(&rig, &[text(&void), "OrtGetApiBase"]);
            mended(&rig);
        },
    );
}
