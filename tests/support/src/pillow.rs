// SPDX-License-Identifier: MPL-2.0
//! Pillow's antialiased bilinear and bicubic resize of 8-bit samples, without haste: rows first, rounded to 8
//! bits, then columns, with weights of 22 bits.

/// Resizes `width` x `height` samples to `to.0` x `to.1`.
pub fn resize(samples: &[u8], size: (usize, usize), to: (usize, usize)) -> Vec<u8> {
    resize_by(samples, size, to, 1.0, |x| (1.0 - x).max(0.0))
}

/// The same with Pillow's bicubic filter.
pub fn bicubic(samples: &[u8], size: (usize, usize), to: (usize, usize)) -> Vec<u8> {
    resize_by(samples, size, to, 2.0, |x| {
        if x < 1.0 {
            (1.5 * x - 2.5) * x * x + 1.0
        } else if x < 2.0 {
            ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
        } else {
            0.0
        }
    })
}

fn resize_by(
    samples: &[u8],
    (width, height): (usize, usize),
    to: (usize, usize),
    support: f64,
    filter: impl Fn(f64) -> f64,
) -> Vec<u8> {
    assert_eq!(samples.len(), width * height);
    let columns = windows(width, to.0, support, &filter);
    let rows = windows(height, to.1, support, &filter);
    let mut wide = vec![0u8; to.0 * height];
    for y in 0..height {
        for (x, (first, weights)) in columns.iter().enumerate() {
            let window = &samples[y * width + first..][..weights.len()];
            wide[y * to.0 + x] = weigh(window.iter(), weights);
        }
    }
    let mut out = vec![0u8; to.0 * to.1];
    for (y, (first, weights)) in rows.iter().enumerate() {
        for x in 0..to.0 {
            let window = wide[first * to.0 + x..].iter().step_by(to.0);
            out[y * to.0 + x] = weigh(window, weights);
        }
    }
    out
}

/// The whole transform of torchvision's presets on one channel: the shorter side to `side`, the
/// centre of `crop` x `crop`.
pub fn transform(samples: &[u8], (w, h): (usize, usize), side: usize, crop: usize) -> Vec<u8> {
    let (sw, sh) = if w <= h {
        (side, side * h / w)
    } else {
        (side * w / h, side)
    };
    let all = resize(samples, (w, h), (sw, sh));
    // Python's round() takes a half to the even neighbour.
    let start = |size: usize| ((size - crop) as f64 / 2.0).round_ties_even() as usize;
    let (x0, y0) = (start(sw), start(sh));
    (y0..y0 + crop)
        .flat_map(|y| all[y * sw + x0..][..crop].iter().copied())
        .collect()
}

fn weigh<'a>(samples: impl Iterator<Item = &'a u8>, weights: &[i64]) -> u8 {
    let sum: i64 = samples.zip(weights).map(|(s, w)| i64::from(*s) * w).sum();
    ((sum + (1 << 21)) >> 22).clamp(0, 255) as u8
}

/// For each of `to` outputs the first of the `from` samples that count and their weights.
fn windows(
    from: usize,
    to: usize,
    support: f64,
    filter: &impl Fn(f64) -> f64,
) -> Vec<(usize, Vec<i64>)> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = support * stretch;
    (0..to)
        .map(|i| {
            let center = (i as f64 + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            let weights: Vec<f64> = (first..end)
                .map(|x| filter(((x as f64 + 0.5 - center) / stretch).abs()))
                .collect();
            let sum: f64 = weights.iter().sum();
            let fixed = weights
                .iter()
                .map(|w| (w / sum * f64::from(1 << 22)).round());
            (first, fixed.map(|w| w as i64).collect())
        })
        .collect()
}
