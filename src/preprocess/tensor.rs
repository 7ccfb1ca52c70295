// SPDX-License-Identifier: MPL-2.0
//! The tensor that pre-processing fills: its layout, its element type, its values.

use half::f16;

/// Order of the dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Batch, channels, rows, columns.
    Nchw,
    /// Batch, rows, columns, channels.
    Nhwc,
}

/// Type of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// 32-bit float, normalized.
    F32,
    /// 16-bit float, normalized.
    F16,
    /// The 8-bit values: the model normalizes them itself.
    U8,
}

/// Order of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorOrder {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// Whether a number can be a mean: it must be finite as a 32-bit float.
pub fn is_valid_mean(mean: f64) -> bool {
    (mean as f32).is_finite()
}

/// Whether a number can be a standard deviation: as a 32-bit float, finite, above 0 and not so
/// small that dividing by it overflows.
pub fn is_valid_std(std: f64) -> bool {
    (std as f32).is_normal() && std > 0.0
}

/// The memory for one picture's tensor: `3 * height * width` elements.
#[derive(Debug)]
pub enum Slot<'a> {
    /// For [`ElementType::F32`].
    F32(&'a mut [f32]),
    /// For [`ElementType::F16`].
    F16(&'a mut [f16]),
    /// For [`ElementType::U8`].
    U8(&'a mut [u8]),
}

impl Slot<'_> {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(s) => s.len(),
            Self::F16(s) => s.len(),
            Self::U8(s) => s.len(),
        }
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of its elements.
    pub fn element(&self) -> ElementType {
        match self {
            Self::F32(_) => ElementType::F32,
            Self::F16(_) => ElementType::F16,
            Self::U8(_) => ElementType::U8,
        }
    }
}

/// The tensor's element for each of the 256 values of red, green and blue.
type Table<T> = Box<[[T; 256]; 3]>;

/// Normalization by table: `(value / 255 - mean) / std`, in the 32-bit arithmetic of torchvision's
/// `ToTensor` and `Normalize`.
#[derive(Debug)]
pub(super) enum Tables {
    F32(Table<f32>),
    F16(Table<f16>),
    U8,
}

impl Tables {
    /// The values of this type, for a mean and a standard deviation in units where white is 1.
    pub fn new(element: ElementType, mean: [f64; 3], std: [f64; 3]) -> Self {
        let value = |channel: usize, value: usize| {
            (value as f32 / 255.0 - mean[channel] as f32) / std[channel] as f32
        };
        let floats = || Box::new([0, 1, 2].map(|c| std::array::from_fn(|v| value(c, v))));
        match element {
            ElementType::F32 => Self::F32(floats()),
            ElementType::F16 => Self::F16(Box::new(floats().map(|t| t.map(f16::from_f32)))),
            ElementType::U8 => Self::U8,
        }
    }
}

/// Writes rows of 8-bit R'G'B' to a tensor.
#[derive(Debug)]
pub(super) struct Writer {
    /// Order of the dimensions.
    pub layout: Layout,
    /// Order of the channels.
    pub order: ColorOrder,
    /// Columns of the tensor.
    pub width: usize,
    /// Rows of the tensor.
    pub height: usize,
    /// The normalized values.
    pub tables: Tables,
}

impl Writer {
    /// Writes `rgb[channel]` to row `y` of the tensor, from column `x0` on.
    pub fn row(&self, slot: &mut Slot<'_>, y: usize, x0: usize, rgb: [&[u8]; 3]) {
        match (slot, &self.tables) {
            (Slot::F32(s), Tables::F32(t)) => self.put(s, y, x0, rgb, |c, v| t[c][v as usize]),
            (Slot::F16(s), Tables::F16(t)) => self.put(s, y, x0, rgb, |c, v| t[c][v as usize]),
            (Slot::U8(s), Tables::U8) => self.put(s, y, x0, rgb, |_, v| v),
            _ => unreachable!("the slot's type is checked before the first row"),
        }
    }

    #[inline(always)]
    fn put<T>(
        &self,
        slot: &mut [T],
        y: usize,
        x0: usize,
        rgb: [&[u8]; 3],
        element: impl Fn(usize, u8) -> T,
    ) {
        for (channel, values) in rgb.into_iter().enumerate() {
            let place = match self.order {
                ColorOrder::Rgb => channel,
                ColorOrder::Bgr => 2 - channel,
            };
            match self.layout {
                Layout::Nchw => {
                    let start = (place * self.height + y) * self.width + x0;
                    for (o, v) in slot[start..start + values.len()].iter_mut().zip(values) {
                        *o = element(channel, *v);
                    }
                }
                Layout::Nhwc => {
                    let start = (y * self.width + x0) * 3 + place;
                    for (o, v) in slot[start..].iter_mut().step_by(3).zip(values) {
                        *o = element(channel, *v);
                    }
                }
            }
        }
    }
}
