//! A panic inside an export is an error of the border, and the next call works.

use super::foreign::{Failure, Suspended, call, lower};
use super::{World, until_live};
use crate::guard::{Cancellation, at_once, waits};
use crate::{Core, SteadfastError};
use std::sync::Arc;
use uniffi::Lower;

#[uniffi::export]
impl Core {
    /// Panics while it waits.
    pub async fn panics(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<i64, SteadfastError> {
        waits(cancellation, async {
            self.steadfast.changes(steadfast::Revision::START).await?;
            panic!("CANARY")
        })
        .await
    }

    /// Panics at once.
    pub fn panics_at_once(&self) -> Result<i64, SteadfastError> {
        at_once(|| panic!("CANARY"))
    }
}

/// Hazard C01.
#[tokio::test]
async fn a_panic_is_an_error_and_the_library_stays_usable() {
    let world = World::new().await;
    let core = world.open();
    let account = core.sign_in(world.alice(), None).await.unwrap();
    let handle = || <Arc<Core> as Lower<crate::UniFfiTag>>::lower(core.clone());
    for _ in 0..3 {
        let none = lower(None::<Arc<Cancellation>>);
        let waiting = uniffi_steadfast_ffi_fn_method_core_panics(handle(), none);
        let failures = [
            Suspended::<i64>::new(waiting).finish().await.unwrap_err(),
            call(|status| uniffi_steadfast_ffi_fn_method_core_panics_at_once(handle(), status))
                .unwrap_err(),
        ];
        for failure in failures {
            let Failure::Declared(error) = failure else {
                panic!("{failure:?}");
            };
            assert_eq!(error.code(), "internal");
            assert!(error.is_retryable() && !error.requires_sign_in());
            assert!(!format!("{error} {error:?}").contains("CANARY"));
        }
    }
    until_live(&core, account).await;
    assert_eq!(core.active_sessions(account, None).await.unwrap().len(), 1);
    core.shut_down().await.unwrap();
}
