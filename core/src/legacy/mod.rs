//! Sessions that older apps left on the device: what the host hands over, and what becomes of each piece.
//!
//! The core cannot read a keychain or a cookie jar. The host reads, the core decides, and the host erases when it is told:
//! [`import_legacy`](crate::Steadfast::import_legacy), then [`legacy_erasable`](crate::Steadfast::legacy_erasable), then
//! [`legacy_erased`](crate::Steadfast::legacy_erased). Nothing here touches the network or the disk, and nothing here trusts
//! an entry further than its form: whose a token is, only the server or the older app's own record of the user says.
//!
//! The shapes are those of the React Native apps (versions 1 and 2) and of the classic apps before them.

mod entry;
mod plan;

pub use entry::{
    LegacyEntry, LegacyEntryId, LegacyErasable, LegacyOutcome, LegacyReport, LegacySource,
    PreviousInstallation,
};
pub(crate) use plan::{Candidate, Plan, Planned, behind, plan};
