// SPDX-License-Identifier: MPL-2.0
//! Properties of an element, each in one row of a table: name, nick, blurb, state up to which it may
//! be changed, default, range, and the field of the settings that it stands for.
//!
//! ```text
//! playing("top-k", "Top k", "Maximum number of classes in a result").uint(5, 1..=u32::MAX, |s| &mut s.top_k),
//! ```
//! `S` are the element's settings. `E` is what else a change has an effect on; the default is
//! nothing.

mod nanoseconds;
mod table;

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use gst::prelude::*;

use self::nanoseconds::Nanoseconds;
pub use self::table::Table;
use super::strings::{self, NonUtf8};

type Field<S, T> = fn(&mut S) -> &mut T;

type Getter<S> = Box<dyn Fn(&mut S) -> glib::Value + Send + Sync>;

type Setter<S> = Box<dyn Fn(&mut S, &glib::Value) + Send + Sync>;

/// Settings that properties are stored in.
pub trait Settings: Clone {
    /// The properties that were set to bytes that are no text.
    fn not_text(&mut self) -> &mut NonUtf8;
}

/// A property.
pub struct Property<S, E = ()> {
    spec: glib::ParamSpec,
    /// Whether a string of any bytes is taken, as file names are.
    is_bytes: bool,
    /// None for a property that can only be read.
    field: Option<(Getter<S>, Setter<S>)>,
    reset: fn(&Self, &mut S),
    effect: E,
}

impl<S, E> std::fmt::Debug for Property<S, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Property").field(&self.spec.name()).finish()
    }
}

impl<S, E> Property<S, E> {
    /// The same with an effect.
    pub fn effect(self, effect: E) -> Self {
        Self { effect, ..self }
    }
}

/// What a row begins with.
#[derive(Debug)]
pub struct Row {
    name: &'static str,
    nick: &'static str,
    blurb: Cow<'static, str>,
    flags: glib::ParamFlags,
}

fn row(
    name: &'static str,
    nick: &'static str,
    blurb: impl Into<Cow<'static, str>>,
    flags: glib::ParamFlags,
) -> Row {
    Row {
        name,
        nick,
        blurb: blurb.into(),
        flags,
    }
}

/// A property that may be changed while the element is in state NULL.
pub fn null(name: &'static str, nick: &'static str, blurb: impl Into<Cow<'static, str>>) -> Row {
    row(name, nick, blurb, glib::ParamFlags::READWRITE)
}

/// A property that may be changed up to state READY.
pub fn ready(name: &'static str, nick: &'static str, blurb: impl Into<Cow<'static, str>>) -> Row {
    let flags = glib::ParamFlags::READWRITE | gst::PARAM_FLAG_MUTABLE_READY;
    row(name, nick, blurb, flags)
}

/// A property that may be changed in any state.
pub fn playing(name: &'static str, nick: &'static str, blurb: impl Into<Cow<'static, str>>) -> Row {
    let flags = glib::ParamFlags::READWRITE | gst::PARAM_FLAG_MUTABLE_PLAYING;
    row(name, nick, blurb, flags)
}

/// A property that can only be read. The element itself gets it.
pub fn read_only(
    name: &'static str,
    nick: &'static str,
    blurb: impl Into<Cow<'static, str>>,
) -> Row {
    row(name, nick, blurb, glib::ParamFlags::READABLE)
}

/// The value that GObject has checked the type of.
fn get<'v, T: glib::value::FromValue<'v>>(value: &'v glib::Value) -> T {
    value
        .get()
        .unwrap_or_else(|_| unreachable!("GObject checks the type"))
}

/// The text of a value; none for an empty string, which is what a program writes that has nothing
/// to say. What is no text does not come here.
fn text(value: &glib::Value) -> Option<String> {
    let text = strings::bytes_of(value).filter(|text| !text.is_empty());
    text.and_then(|text| text.into_string().ok())
}

/// Makes the builder of a property of this type, with what all have.
macro_rules! builder {
    ($row:ident, $builder:expr) => {
        $builder
            .nick($row.nick)
            .blurb(&$row.blurb)
            .flags($row.flags)
    };
}

impl Row {
    fn with_field<S, E: Default>(
        spec: glib::ParamSpec,
        get: impl Fn(&mut S) -> glib::Value + Send + Sync + 'static,
        set: impl Fn(&mut S, &glib::Value) + Send + Sync + 'static,
    ) -> Property<S, E> {
        Property {
            spec,
            is_bytes: false,
            field: Some((Box::new(get), Box::new(set))),
            reset: |property, settings| {
                if let Some((_, set)) = &property.field {
                    set(settings, property.spec.default_value());
                }
            },
            effect: E::default(),
        }
    }

    /// One whose field has the property's own type.
    fn simple<S: 'static, E: Default, T>(
        spec: glib::ParamSpec,
        field: Field<S, T>,
    ) -> Property<S, E>
    where
        T: ToValue + Clone + for<'v> glib::value::FromValue<'v> + 'static,
    {
        Self::with_field(
            spec,
            move |s| field(s).to_value(),
            move |s, value| *field(s) = get(value),
        )
    }

    /// `guint`
    pub fn uint<S: 'static, E: Default>(
        self,
        default: u32,
        range: RangeInclusive<u32>,
        field: Field<S, u32>,
    ) -> Property<S, E> {
        let builder = builder!(self, glib::ParamSpecUInt::builder(self.name));
        let builder = builder.minimum(*range.start()).maximum(*range.end());
        Self::simple(builder.default_value(default).build(), field)
    }

    /// `gint`
    pub fn int<S: 'static, E: Default>(
        self,
        default: i32,
        range: RangeInclusive<i32>,
        field: Field<S, i32>,
    ) -> Property<S, E> {
        let builder = builder!(self, glib::ParamSpecInt::builder(self.name));
        let builder = builder.minimum(*range.start()).maximum(*range.end());
        Self::simple(builder.default_value(default).build(), field)
    }

    /// `gfloat`
    pub fn float<S: 'static, E: Default>(
        self,
        default: f32,
        range: RangeInclusive<f32>,
        field: Field<S, f32>,
    ) -> Property<S, E> {
        let builder = builder!(self, glib::ParamSpecFloat::builder(self.name));
        let builder = builder.minimum(*range.start()).maximum(*range.end());
        Self::simple(builder.default_value(default).build(), field)
    }

    /// `gdouble`
    #[cfg(feature = "overlay")]
    pub fn double<S: 'static, E: Default>(
        self,
        default: f64,
        range: RangeInclusive<f64>,
        field: Field<S, f64>,
    ) -> Property<S, E> {
        let builder = builder!(self, glib::ParamSpecDouble::builder(self.name));
        let builder = builder.minimum(*range.start()).maximum(*range.end());
        Self::simple(builder.default_value(default).build(), field)
    }

    /// `gboolean`
    pub fn boolean<S: 'static, E: Default>(
        self,
        default: bool,
        field: Field<S, bool>,
    ) -> Property<S, E> {
        let builder = builder!(self, glib::ParamSpecBoolean::builder(self.name));
        Self::simple(builder.default_value(default).build(), field)
    }

    /// `guint64` in nanoseconds
    pub fn nanoseconds<S: 'static, E: Default, T: Nanoseconds + 'static>(
        self,
        default: u64,
        maximum: u64,
        field: Field<S, T>,
    ) -> Property<S, E> {
        let builder = builder!(self, glib::ParamSpecUInt64::builder(self.name));
        let spec = builder.maximum(maximum).default_value(default).build();
        Self::with_field(
            spec,
            move |s| field(s).to_nanoseconds().to_value(),
            move |s, value| *field(s) = T::from_nanoseconds(get(value)),
        )
    }

    /// An enumeration
    pub fn enumeration<S: 'static, E: Default, T>(
        self,
        default: T,
        field: Field<S, T>,
    ) -> Property<S, E>
    where
        T: StaticType
            + ToValue
            + Copy
            + for<'v> glib::value::FromValue<'v>
            + glib::translate::FromGlib<i32>
            + glib::translate::IntoGlib<GlibType = i32>
            + 'static,
    {
        let builder = glib::ParamSpecEnum::builder_with_default(self.name, default);
        Self::simple(builder!(self, builder).build(), field)
    }

    /// Flags
    #[cfg(feature = "overlay")]
    pub fn flags<S: 'static, E: Default, T>(self, default: T, field: Field<S, T>) -> Property<S, E>
    where
        T: StaticType
            + ToValue
            + Copy
            + for<'v> glib::value::FromValue<'v>
            + glib::translate::FromGlib<u32>
            + glib::translate::IntoGlib<GlibType = u32>
            + 'static,
    {
        let builder = builder!(self, glib::ParamSpecFlags::builder::<T>(self.name));
        Self::simple(builder.default_value(default).build(), field)
    }

    /// `GstFraction` from 0 on
    pub fn fraction<S: 'static, E: Default>(
        self,
        default: gst::Fraction,
        field: Field<S, gst::Fraction>,
    ) -> Property<S, E> {
        let builder = builder!(self, gst::ParamSpecFraction::builder(self.name));
        let builder = builder.minimum(gst::Fraction::new(0, 1));
        let builder = builder.maximum(gst::Fraction::new(i32::MAX, 1));
        Self::simple(builder.default_value(default).build(), field)
    }

    /// A string of any bytes: the name of a file. Empty is unset.
    pub fn path<S: 'static, E: Default>(self, field: Field<S, Option<PathBuf>>) -> Property<S, E> {
        let spec = builder!(self, glib::ParamSpecString::builder(self.name)).build();
        let property = Self::with_field(
            spec,
            move |s| strings::value_of(field(s).as_ref().map(|path| path.as_os_str())),
            move |s, value| {
                let bytes = strings::bytes_of(value).filter(|bytes| !bytes.is_empty());
                *field(s) = bytes.map(PathBuf::from);
            },
        );
        Property {
            is_bytes: true,
            ..property
        }
    }

    /// A string. Empty is unset.
    pub fn text<S: 'static, E: Default>(self, field: Field<S, Option<String>>) -> Property<S, E> {
        let spec = builder!(self, glib::ParamSpecString::builder(self.name)).build();
        Self::with_field(
            spec,
            move |s| field(s).to_value(),
            move |s, value| *field(s) = text(value),
        )
    }

    /// A string with a default, which an empty one stands for as well.
    pub fn text_or<S: 'static, E: Default>(
        self,
        default: &'static str,
        field: Field<S, String>,
    ) -> Property<S, E> {
        let builder = builder!(self, glib::ParamSpecString::builder(self.name));
        Self::with_field(
            builder.default_value(default).build(),
            move |s| field(s).to_value(),
            move |s, value| *field(s) = text(value).unwrap_or_else(|| default.into()),
        )
    }

    /// A string that is stored in another form.
    pub fn text_as<S: 'static, E: Default, T: 'static>(
        self,
        from: fn(Option<String>) -> T,
        to: fn(&T) -> Option<&str>,
        field: Field<S, T>,
    ) -> Property<S, E> {
        let spec = builder!(self, glib::ParamSpecString::builder(self.name)).build();
        Self::with_field(
            spec,
            move |s| to(field(s)).to_value(),
            move |s, value| *field(s) = from(text(value)),
        )
    }

    /// `GstValueArray` of numbers; empty is unset. What is no number becomes NaN.
    pub fn numbers<S: 'static, E: Default>(
        self,
        field: Field<S, Option<Vec<f64>>>,
    ) -> Property<S, E> {
        // Without a type of its elements: GObject would silently replace the integers that
        // gst-launch makes of "<0, 0, 0>" by the default.
        let spec = builder!(self, gst::ParamSpecArray::builder(self.name)).build();
        let number = |v: &glib::SendValue| match v.transform::<f64>() {
            Ok(number) => number.get().unwrap_or(f64::NAN),
            Err(_) => f64::NAN,
        };
        Self::with_field(
            spec,
            move |s| {
                let numbers = field(s).iter().flatten();
                gst::Array::new(numbers.map(|n| n.to_send_value())).to_value()
            },
            move |s, value| {
                let array: gst::Array = get(value);
                *field(s) = (!array.is_empty()).then(|| array.iter().map(number).collect());
            },
        )
    }

    /// `GstStructure`, by default unset
    pub fn structure<S: 'static, E: Default>(
        self,
        field: Field<S, Option<gst::Structure>>,
    ) -> Property<S, E> {
        let builder = glib::ParamSpecBoxed::builder::<gst::Structure>(self.name);
        Self::simple(builder!(self, builder).build(), field)
    }

    /// A string that can only be read
    pub fn read_text<S, E: Default>(self) -> Property<S, E> {
        Self::without_field(builder!(self, glib::ParamSpecString::builder(self.name)).build())
    }

    /// A `GstStructure` that can only be read
    pub fn read_structure<S, E: Default>(self) -> Property<S, E> {
        let builder = glib::ParamSpecBoxed::builder::<gst::Structure>(self.name);
        Self::without_field(builder!(self, builder).build())
    }

    fn without_field<S, E: Default>(spec: glib::ParamSpec) -> Property<S, E> {
        Property {
            spec,
            is_bytes: false,
            field: None,
            reset: |_, _| {},
            effect: E::default(),
        }
    }
}
