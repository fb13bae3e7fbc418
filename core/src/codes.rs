//! Stable codes of values that are stored or handed to an app.

/// Gives an enum its codes, from one table: to the code exhaustively, so that no value is without one, and back, with `None`
/// for a code that only a newer version knows.
macro_rules! codes {
    ($visibility:vis $name:ident { $($variant:ident => $code:tt,)+ }) => {
        impl $name {
            /// The stable code: lower case with underscores.
            $visibility fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// What has this code; `None` for one that only a newer version knows.
            $visibility fn from_code(code: &str) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
