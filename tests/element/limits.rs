// SPDX-License-Identifier: MPL-2.0
//! The least and the greatest number that a property takes.

use gst::prelude::*;

/// Each number of each element may be set to its limits, before playing and while it plays, and
/// is read back; GST_CLOCK_TIME_NONE for a time is as long as any.
#[test]
fn of_every_number() {
    support::init();
    for name in ["resnet50", "resnet50json", "resnet50overlay"] {
        let element = gst::ElementFactory::make(name).build().expect(name);
        let mut count = 0;
        for pspec in element.list_properties() {
            let is_own = pspec.owner_type() == element.type_();
            if !is_own || !pspec.flags().contains(glib::ParamFlags::WRITABLE) {
                continue;
            }
            let limits: [glib::Value; 2] =
                if let Some(p) = pspec.downcast_ref::<glib::ParamSpecUInt64>() {
                    [p.minimum().into(), p.maximum().into()]
                } else if let Some(p) = pspec.downcast_ref::<glib::ParamSpecUInt>() {
                    [p.minimum().into(), p.maximum().into()]
                } else if let Some(p) = pspec.downcast_ref::<glib::ParamSpecInt>() {
                    [p.minimum().into(), p.maximum().into()]
                } else if let Some(p) = pspec.downcast_ref::<glib::ParamSpecFloat>() {
                    [p.minimum().into(), p.maximum().into()]
                } else if let Some(p) = pspec.downcast_ref::<glib::ParamSpecDouble>() {
                    [p.minimum().into(), p.maximum().into()]
                } else {
                    continue;
                };
            count += 1;
            for limit in limits {
                element.set_property_from_value(pspec.name(), &limit);
                let found = element.property_value(pspec.name());
                // One nanosecond less than none is as long.
                let is_it = format!("{found:?}") == format!("{limit:?}")
                    || (limit.get() == Ok(u64::MAX) && found.get() == Ok(u64::MAX - 1));
                assert!(is_it, "{name} {}: {limit:?} became {found:?}", pspec.name());
            }
        }
        assert!(count > 0 || name == "resnet50json", "{name} has numbers");
    }
}
