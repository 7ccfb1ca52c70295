// SPDX-License-Identifier: MPL-2.0
//! What a stream shows over time: the whole frame and each object that regions show, with its
//! newest result, its decision, its last service and its static scene.

mod attach;
mod decision;
mod fairness;
mod region_hint;
mod static_scene;
mod track;
#[expect(
    clippy::module_inception,
    reason = "the room is named after its main type"
)]
mod tracks;

pub use attach::attach;
pub use fairness::fair_order;
pub use region_hint::Hint;
pub use region_hint::RegionHint;
pub use static_scene::SceneFrame;
pub use track::Target;
pub use tracks::Tracks;
