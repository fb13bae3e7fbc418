//! Enums of the core and those of the border by equal names.
//!
//! The core's may grow in a later version, so the compiler wants an arm for what is not known yet; a test compares the names
//! of both sides, so that arm is never reached.

/// From the core's enum to the border's.
macro_rules! from_core {
    ($core:ty => $own:ident { $($variant:ident),+ $(,)? } otherwise $otherwise:ident) => {
        impl From<$core> for $own {
            fn from(value: $core) -> Self {
                type Core = $core;
                #[allow(unreachable_patterns, reason = "only some of the core's enums may grow")]
                match value {
                    $(Core::$variant => Self::$variant,)+
                    _ => Self::$otherwise,
                }
            }
        }
    };
}

/// From the border's enum to the core's.
macro_rules! to_core {
    ($own:ident => $core:ty { $($variant:ident),+ $(,)? }) => {
        impl From<$own> for $core {
            fn from(value: $own) -> Self {
                match value {
                    $($own::$variant => Self::$variant,)+
                }
            }
        }
    };
}

pub(crate) use {from_core, to_core};
