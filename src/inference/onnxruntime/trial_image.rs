// SPDX-License-Identifier: MPL-2.0
//! The images that a model is tried on while it is loaded.

use half::f16;

use crate::preprocess::{ColorOrder, Layout, Slot, Target};

/// The scale of a trial image's pixels. The user sets the one that a model takes, which is not known
/// yet: a model that gives nothing useful for the first one may still be in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PixelScale {
    /// As in the model's contract.
    Normalized,
    /// From 0 to 1.
    Unit,
    /// From 0 to 255.
    Bytes,
}

impl PixelScale {
    /// The scales that are tried, in this order.
    pub const ALL: [Self; 3] = [Self::Normalized, Self::Unit, Self::Bytes];
}

/// Writes the trial image with the number `index`, which starts at 0. It has texture everywhere and is
/// the same each time. A plain image would not do: some models divide by the standard deviation of the
/// image, or take the logarithm of its pixels.
pub(super) fn fill(slot: &mut Slot<'_>, target: &Target, scale: PixelScale, index: usize) {
    let size = (target.width as usize, target.height as usize);
    match slot {
        Slot::U8(slot) => each(slot, size, target.layout, |channel, byte| {
            texture(color(target.order, channel), byte, index)
        }),
        Slot::F32(slot) => each(slot, size, target.layout, |channel, pixel| {
            value(target, scale, channel, pixel, index)
        }),
        Slot::F16(slot) => each(slot, size, target.layout, |channel, pixel| {
            f16::from_f32(value(target, scale, channel, pixel, index))
        }),
    }
}

/// Sets each element from its channel and the number of its pixel, which is 0 for the last one.
fn each<T>(
    slot: &mut [T],
    (width, height): (usize, usize),
    layout: Layout,
    value: impl Fn(usize, usize) -> T,
) {
    let pixels = width * height;
    for (i, element) in slot.iter_mut().enumerate() {
        let (channel, pixel) = match layout {
            Layout::Nchw => (i / pixels, i % pixels),
            Layout::Nhwc => (i % 3, i / 3),
        };
        *element = value(channel, pixels - 1 - pixel);
    }
}

/// 0 for red, 1 for green, 2 for blue.
fn color(order: ColorOrder, channel: usize) -> usize {
    match order {
        ColorOrder::Rgb => channel,
        ColorOrder::Bgr => 2 - channel,
    }
}

/// A byte that is neither black nor white, with a different texture for each channel.
fn texture(color: usize, pixel: usize, index: usize) -> u8 {
    const MIDDLE: [usize; 3] = [140, 122, 107];
    const AMPLITUDE: usize = 48;
    // Large primes: the pattern has no period that a network's strides would meet.
    let noise = pixel.wrapping_mul([7919, 6271, 4373][color] * (1 + 2 * index)) / 5;
    // Each image is darker than the one before, most of all in one colour.
    let darker = (8 + usize::from(color == index % 3) * 12) * index.min(2);
    (MIDDLE[color] - AMPLITUDE + (AMPLITUDE + noise) % (2 * AMPLITUDE) - darker) as u8
}

/// An element of a floating-point tensor.
fn value(target: &Target, scale: PixelScale, channel: usize, pixel: usize, index: usize) -> f32 {
    let color = color(target.order, channel);
    let byte = f64::from(texture(color, pixel, index));
    let value = match scale {
        PixelScale::Normalized => (byte / 255.0 - target.mean[color]) / target.std[color],
        PixelScale::Unit => byte / 255.0,
        PixelScale::Bytes => byte,
    };
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::model::Contract;
    use crate::preprocess::ElementType;

    fn target(layout: Layout, order: ColorOrder) -> Target {
        let contract = Contract {
            color: Some(order),
            mean: Some([0.5; 3]),
            std: Some([0.25; 3]),
            ..Contract::default()
        };
        contract.target(8, 6, layout, ElementType::F32)
    }

    fn picture(target: &Target, scale: PixelScale) -> Vec<f32> {
        let mut slot = vec![f32::NAN; 3 * 8 * 6];
        fill(&mut Slot::F32(&mut slot), target, scale, 0);
        slot
    }

    /// Each channel has many values, none of them black or white, on every scale.
    #[test]
    fn texture_in_all_channels() {
        let target = target(Layout::Nchw, ColorOrder::Rgb);
        for (scale, range) in [
            (PixelScale::Normalized, -1.9..1.9),
            (PixelScale::Unit, 0.1..0.9),
            (PixelScale::Bytes, 20.0..230.0),
        ] {
            let picture = picture(&target, scale);
            for channel in picture.chunks(8 * 6) {
                assert!(channel.iter().all(|v| range.contains(v)), "{channel:?}");
                let mut distinct: Vec<u32> = channel.iter().map(|v| v.to_bits()).collect();
                distinct.sort_unstable();
                distinct.dedup();
                assert!(distinct.len() > 16, "{channel:?}");
            }
        }
    }

    /// It is the same image in every layout and order of channels.
    #[test]
    fn layouts_and_orders() {
        let planes = picture(&target(Layout::Nchw, ColorOrder::Rgb), PixelScale::Bytes);
        let pixels = picture(&target(Layout::Nhwc, ColorOrder::Bgr), PixelScale::Bytes);
        for pixel in 0..8 * 6 {
            for color in 0..3 {
                let plane = planes[color * 8 * 6 + pixel];
                assert_eq!(plane, pixels[3 * pixel + 2 - color]);
            }
        }
    }
}
