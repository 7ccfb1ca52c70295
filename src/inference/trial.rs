// SPDX-License-Identifier: MPL-2.0
//! The pictures that a model is tried on while it is loaded.

use half::f16;

use crate::preprocess::{ColorOrder, Layout, Slot, Target};

/// What the numbers of a trial picture are. Which of them a model takes is the user's to say, after
/// it was loaded, so one that gives nothing of use for the first may be in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// What the model's contract makes of a picture.
    Normalized,
    /// From 0 to 1.
    Unit,
    /// From 0 to 255.
    Bytes,
}

impl Numbers {
    /// Those that are tried, in order.
    pub const ALL: [Self; 3] = [Self::Normalized, Self::Unit, Self::Bytes];
}

/// Writes one of the trial pictures, the first of which is 0. It has texture everywhere and is the same each time. A plain one
/// would not do: models in good order divide by the deviation of the picture, or take the logarithm
/// of its pixels.
pub(super) fn fill(slot: &mut Slot<'_>, target: &Target, numbers: Numbers, which: usize) {
    let size = (target.width as usize, target.height as usize);
    match slot {
        Slot::U8(slot) => each(slot, size, target.layout, |channel, byte| {
            texture(color(target.order, channel), byte, which)
        }),
        Slot::F32(slot) => each(slot, size, target.layout, |channel, pixel| {
            number(target, numbers, channel, pixel, which)
        }),
        Slot::F16(slot) => each(slot, size, target.layout, |channel, pixel| {
            f16::from_f32(number(target, numbers, channel, pixel, which))
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

/// Neither black nor white, and no channel like another.
fn texture(color: usize, pixel: usize, which: usize) -> u8 {
    const MIDDLE: [usize; 3] = [140, 122, 107];
    const REACH: usize = 48;
    // Large primes: the pattern has no period that a network's strides would meet.
    let noise = pixel.wrapping_mul([7919, 6271, 4373][color] * (1 + 2 * which)) / 5;
    // Each is darker than the one before, most of all in its own colour.
    let darker = (8 + usize::from(color == which % 3) * 12) * which.min(2);
    (MIDDLE[color] - REACH + (REACH + noise) % (2 * REACH) - darker) as u8
}

fn number(target: &Target, numbers: Numbers, channel: usize, pixel: usize, which: usize) -> f32 {
    let color = color(target.order, channel);
    let byte = f64::from(texture(color, pixel, which));
    let number = match numbers {
        Numbers::Normalized => (byte / 255.0 - target.mean[color]) / target.std[color],
        Numbers::Unit => byte / 255.0,
        Numbers::Bytes => byte,
    };
    number as f32
}

#[cfg(test)]
mod tests {
    use super::super::contract::Contract;
    use super::*;
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

    fn picture(target: &Target, numbers: Numbers) -> Vec<f32> {
        let mut slot = vec![f32::NAN; 3 * 8 * 6];
        fill(&mut Slot::F32(&mut slot), target, numbers, 0);
        slot
    }

    /// Each channel has many values, none of them at the ends, in every kind of numbers.
    #[test]
    fn texture_in_all_channels() {
        let target = target(Layout::Nchw, ColorOrder::Rgb);
        for (numbers, range) in [
            (Numbers::Normalized, -1.9..1.9),
            (Numbers::Unit, 0.1..0.9),
            (Numbers::Bytes, 20.0..230.0),
        ] {
            let picture = picture(&target, numbers);
            for channel in picture.chunks(8 * 6) {
                assert!(channel.iter().all(|v| range.contains(v)), "{channel:?}");
                let mut distinct: Vec<u32> = channel.iter().map(|v| v.to_bits()).collect();
                distinct.sort_unstable();
                distinct.dedup();
                assert!(distinct.len() > 16, "{channel:?}");
            }
        }
    }

    /// It is one picture, in whatever order the model takes it.
    #[test]
    fn layouts_and_orders() {
        let planes = picture(&target(Layout::Nchw, ColorOrder::Rgb), Numbers::Bytes);
        let pixels = picture(&target(Layout::Nhwc, ColorOrder::Bgr), Numbers::Bytes);
        for pixel in 0..8 * 6 {
            for color in 0..3 {
                let plane = planes[color * 8 * 6 + pixel];
                assert_eq!(plane, pixels[3 * pixel + 2 - color]);
            }
        }
    }
}
