// SPDX-License-Identifier: MPL-2.0
//! Whether a graph is a ResNet, and which.

use std::collections::BTreeSet;

use super::index::{Block, Index};
use crate::onnx::Graph;
use crate::resnet50::Variant;
use crate::text;

/// The architecture that a graph matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchitectureMatch {
    /// ResNet50: its variant, and the layer whose stride shows it.
    ResNet50(Variant, String),
    /// A ResNet of this other depth.
    ResNet(u32),
    /// Not a ResNet, and why not.
    NotAResNet(String),
}

/// Determines the architecture of a graph.
pub fn match_architecture(graph: &Graph) -> ArchitectureMatch {
    let index = Index::new(graph);
    match examine(&index) {
        Ok(verdict) => verdict,
        Err(reason) => ArchitectureMatch::NotAResNet(text::message(&reason).to_string()),
    }
}

fn examine(index: &Index<'_>) -> Result<ArchitectureMatch, String> {
    let blocks = index.blocks();
    let first = blocks.first().ok_or("it has no residual blocks")?;
    let kernels: BTreeSet<Vec<i64>> = blocks
        .iter()
        .map(|b| b.convs.iter().map(|c| c.kernel[0]).collect())
        .collect();
    let kernels: Vec<_> = kernels.into_iter().collect();
    let per_block = match kernels.as_slice() {
        [k] if *k == [1, 3, 1] => 3,
        [k] if *k == [3, 3] => 2,
        _ => {
            return Err(format!(
                "its residual blocks have kernels of {kernels:?}, not 1, 3, 1 or 3, 3"
            ));
        }
    };
    if let Some(conv) = blocks.iter().flat_map(|b| &b.convs).find(|c| c.groups != 1) {
        return Err(format!(
            "“{}” has {} groups: it is a ResNeXt or the like",
            conv.name, conv.groups
        ));
    }
    stem(index, first)?;

    // A stage is a run of blocks with one number of channels.
    let mut stages: Vec<(i64, Vec<&Block<'_>>)> = Vec::new();
    for block in &blocks {
        let channels = block.convs.last().map_or(0, |c| c.outputs);
        match stages.last_mut() {
            Some((same, run)) if *same == channels => run.push(block),
            _ => stages.push((channels, vec![block])),
        }
    }
    let counts: Vec<usize> = stages.iter().map(|(_, run)| run.len()).collect();
    let channels: Vec<i64> = stages.iter().map(|(c, _)| *c).collect();
    let widths: Vec<i64> = blocks.iter().map(|b| b.convs[0].outputs).collect();
    let expected = if per_block == 3 {
        [256, 512, 1024, 2048]
    } else {
        [64, 128, 256, 512]
    };
    if channels != expected {
        return Err(format!(
            "its stages have {channels:?} channels, not {expected:?}"
        ));
    }
    if per_block == 3
        && stages
            .iter()
            .zip(&[64, 128, 256, 512])
            .any(|((_, run), w)| run[0].convs[0].outputs != *w)
    {
        return Err(format!(
            "its bottlenecks are {widths:?} wide: it is a wide ResNet"
        ));
    }
    let depth = 2 + per_block * blocks.len();
    match (per_block, counts.as_slice()) {
        (3, [3, 4, 6, 3]) => variant(&stages),
        (3, [3, 4, 23, 3] | [3, 8, 36, 3]) | (2, [2, 2, 2, 2] | [3, 4, 6, 3]) => {
            Ok(ArchitectureMatch::ResNet(depth as u32))
        }
        _ => Err(format!(
            "its stages have {counts:?} blocks, which is no published depth"
        )),
    }
}

/// The one 7x7 convolution of stride 2 and the pool before the first block.
fn stem(index: &Index<'_>, first: &Block<'_>) -> Result<(), String> {
    let pool = index.producers.get(first.input);
    let pool = pool
        .filter(|n| n.op_type == "MaxPool")
        .ok_or("there is no max pool before its first block")?;
    let (convs, _) = index.trace(pool.input.first().map_or("", String::as_str));
    match convs.as_slice() {
        [conv] if conv.kernel == [7, 7] && conv.stride == 2 => Ok(()),
        convs => {
            let found: Vec<_> = convs
                .iter()
                .map(|c| format!("{}x{}/{}", c.kernel[0], c.kernel[1], c.stride))
                .collect();
            Err(format!(
                "it begins with {}, not with one 7x7/2 convolution",
                found.join(", ")
            ))
        }
    }
}

/// Where the first blocks of the stages have their stride.
fn variant(stages: &[(i64, Vec<&Block<'_>>)]) -> Result<ArchitectureMatch, String> {
    let mut found = BTreeSet::new();
    let mut telling = String::new();
    for (_, run) in &stages[1..] {
        let [first, second, third] = run[0].convs.as_slice() else {
            return Err("a bottleneck has not three convolutions".into());
        };
        let strides = [first.stride, second.stride, third.stride];
        let conv = if first.stride == 2 { first } else { second };
        if telling.is_empty() {
            telling = format!(
                "{}, {}x{}, has stride 2",
                conv.name, conv.kernel[0], conv.kernel[1]
            );
        }
        found.insert(strides);
    }
    match found.into_iter().collect::<Vec<_>>().as_slice() {
        [[1, 2, 1]] => Ok(ArchitectureMatch::ResNet50(Variant::V1_5, telling)),
        [[2, 1, 1]] => Ok(ArchitectureMatch::ResNet50(Variant::V1, telling)),
        other => Err(format!(
            "its downsampling bottlenecks have strides of {other:?}"
        )),
    }
}
