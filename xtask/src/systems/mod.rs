// SPDX-License-Identifier: MPL-2.0
//! Other releases of Debian in folders, with another GStreamer than this machine's: each is made by
//! debootstrap, and programs run in it by chroot.
//!
//! All mounts are made in a mount namespace of the program that runs there. Nobody else sees them,
//! and they end with the program however it ends, so that there is nothing to unmount and a folder
//! can always be removed. The machine's `/dev` is never in there: debootstrap makes the few nodes
//! that are needed, and terminals are those of an instance of devpts for each program.

mod root;
mod suite;
mod system;

pub use root::{Bind, Root, quietly};
pub use suite::Suite;
pub use system::{BOOKWORM, SID, System, TRIXIE};
