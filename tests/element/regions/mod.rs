// SPDX-License-Identifier: MPL-2.0
//! Regions: which are classified, that each is cut out to the sample and gets its own result, how
//! long it keeps it, and who is told.

mod carry;
mod choice;
mod crops;
mod decisions;
mod live;
mod messages;
mod readers;
mod restart;
mod several;
mod siting;
mod streams;
