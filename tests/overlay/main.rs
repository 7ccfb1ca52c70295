// SPDX-License-Identifier: MPL-2.0
//! `resnet50overlay`.
#![cfg(feature = "overlay")]

mod drawing;
mod foreign;
mod frames;
mod regions;
mod stream;
