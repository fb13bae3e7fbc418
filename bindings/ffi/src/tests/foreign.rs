//! The foreign side of a call: what generated Kotlin does to reach an export, by the same C functions.

use crate::{SteadfastError, UniFfiTag};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use tokio::sync::oneshot;
use uniffi::{
    Handle, Lift, Lower, RustBuffer, RustCallStatus, RustCallStatusCode,
    RustFutureContinuationCallback, RustFuturePoll,
};

/// What a call came to, if not to a value.
#[derive(Debug, PartialEq)]
pub(super) enum Failure {
    /// The error of the border: an exception that is declared.
    Declared(SteadfastError),
    /// What becomes `InternalException` in Kotlin.
    Undeclared(String),
}

pub(super) fn lower<T: Lower<UniFfiTag>>(value: T) -> T::FfiType {
    T::lower(value)
}

pub(super) fn lift<T: Lift<UniFfiTag>>(value: T::FfiType) -> T {
    T::try_lift(value).unwrap()
}

fn judged<W>(value: W, status: RustCallStatus) -> Result<W, Failure> {
    let buffer = ManuallyDrop::into_inner(status.error_buf);
    match status.code {
        RustCallStatusCode::Success => Ok(value),
        RustCallStatusCode::Error => Err(Failure::Declared(
            <SteadfastError as Lift<UniFfiTag>>::try_lift_from_rust_buffer(buffer).unwrap(),
        )),
        RustCallStatusCode::UnexpectedError => Err(Failure::Undeclared(lift::<String>(buffer))),
        RustCallStatusCode::Cancelled => panic!("nobody cancelled"),
    }
}

/// A call that answers at once.
pub(super) fn call<W>(export: impl FnOnce(&mut RustCallStatus) -> W) -> Result<W, Failure> {
    let mut status = RustCallStatus::default();
    let value = export(&mut status);
    judged(value, status)
}

/// What an export that waits gives over the wire, with the functions that go with it.
pub(super) trait Wire: Sized {
    fn poll(handle: Handle, callback: RustFutureContinuationCallback, data: u64);
    fn complete(handle: Handle, status: &mut RustCallStatus) -> Self;
    fn free(handle: Handle);
}

macro_rules! wire {
    ($type:ty, $poll:ident, $complete:ident, $free:ident) => {
        impl Wire for $type {
            fn poll(handle: Handle, callback: RustFutureContinuationCallback, data: u64) {
                // The handle is that of a future of this type, which was not freed.
                unsafe { crate::$poll(handle, callback, data) }
            }
            fn complete(handle: Handle, status: &mut RustCallStatus) -> Self {
                unsafe { crate::$complete(handle, status) }
            }
            fn free(handle: Handle) {
                unsafe { crate::$free(handle) }
            }
        }
    };
}

wire!(
    (),
    ffi_steadfast_ffi_rust_future_poll_void,
    ffi_steadfast_ffi_rust_future_complete_void,
    ffi_steadfast_ffi_rust_future_free_void
);
wire!(
    i64,
    ffi_steadfast_ffi_rust_future_poll_i64,
    ffi_steadfast_ffi_rust_future_complete_i64,
    ffi_steadfast_ffi_rust_future_free_i64
);
wire!(
    RustBuffer,
    ffi_steadfast_ffi_rust_future_poll_rust_buffer,
    ffi_steadfast_ffi_rust_future_complete_rust_buffer,
    ffi_steadfast_ffi_rust_future_free_rust_buffer
);

/// A `suspend` function that was called. Dropping this is a coroutine that was cancelled.
pub(super) struct Suspended<W: Wire> {
    future: Handle,
    wire: PhantomData<fn() -> W>,
}

extern "C" fn woken(data: u64, poll: RustFuturePoll) {
    // Made by `poll` below, and given back here once.
    let told = unsafe { Box::from_raw(data as *mut oneshot::Sender<bool>) };
    let _ = told.send(poll == RustFuturePoll::Ready);
}

impl<W: Wire> Suspended<W> {
    pub(super) fn new(future: Handle) -> Self {
        Self {
            future,
            wire: PhantomData,
        }
    }

    /// Polls, and gives what is told of it: whether it is ready, else that it is worth another poll.
    pub(super) fn poll(&self) -> oneshot::Receiver<bool> {
        let (told, tells) = oneshot::channel::<bool>();
        let data = Box::into_raw(Box::new(told)) as u64;
        W::poll(self.future.clone(), woken, data);
        tells
    }

    pub(super) async fn finish(self) -> Result<W, Failure> {
        while !self.poll().await.unwrap() {}
        let mut status = RustCallStatus::default();
        let value = W::complete(self.future.clone(), &mut status);
        judged(value, status)
    }
}

impl<W: Wire> Drop for Suspended<W> {
    fn drop(&mut self) {
        W::free(self.future.clone());
    }
}
