//! The foreign side of the traits that an app implements: what stands in the tables that generated Kotlin hands over.
//!
//! One host implements all of them and does as a test tells it, also what only another language can do: throw what is not
//! declared, or be torn down in the middle of a call.

use crate::host::{UniFfiTraitVtableClientCertificates, UniFfiTraitVtableResolver};
use crate::key_store::UniFfiTraitVtableKeyStore;
use crate::log::UniFfiTraitVtableLogSink;
use crate::{
    ClientCertificate, ClientCertificates, HostError, KeyAnswer, KeyStore, KeyWritten, LogRecord,
    LogSink, Resolver, SignatureKind, UniFfiTag,
};
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::{Arc, Condvar, Mutex, Once};
use uniffi::{
    FfiConverterArc, Handle, Lower, LowerError, RustBuffer, RustCallStatus, RustCallStatusCode,
};

use super::foreign::lift;

/// What an undeclared exception of the app might say.
pub(super) const STACK_TRACE: &str = "CANARY-IN-A-STACK-TRACE at com.example.Keys.load(Keys.kt:17)";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    Works,
    /// Throws the exception that is declared.
    Throws,
    /// Throws another one.
    ThrowsUndeclared,
    /// Does not return until it behaves otherwise.
    Hangs,
    /// Returns without an answer and without an exception, as when an `Error` of the Java machine ends the call.
    IsTorn,
}

pub(super) struct Host {
    behaviour: Mutex<Behaviour>,
    changed: Condvar,
    keys: Mutex<HashMap<String, Vec<u8>>>,
    /// Names of the threads that called, in order.
    threads: Mutex<Vec<String>>,
    records: Mutex<Vec<LogRecord>>,
}

/// Handles that Rust holds.
static HELD: Mutex<Option<HashMap<u64, Arc<Host>>>> = Mutex::new(None);

fn held<T>(change: impl FnOnce(&mut HashMap<u64, Arc<Host>>) -> T) -> T {
    change(HELD.lock().unwrap().get_or_insert_default())
}

fn hold(host: Arc<Host>) -> u64 {
    static NEXT: Mutex<u64> = Mutex::new(1);
    let mut next = NEXT.lock().unwrap();
    // Odd, as every foreign handle.
    let handle = *next;
    *next += 2;
    held(|held| held.insert(handle, host));
    handle
}

fn of(handle: u64) -> Arc<Host> {
    held(|held| held[&handle].clone())
}

impl Host {
    pub(super) fn new(behaviour: Behaviour) -> Arc<Self> {
        register();
        Arc::new(Self {
            behaviour: Mutex::new(behaviour),
            changed: Condvar::new(),
            keys: Mutex::default(),
            threads: Mutex::default(),
            records: Mutex::default(),
        })
    }

    pub(super) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
        self.changed.notify_all();
    }

    pub(super) fn threads(&self) -> Vec<String> {
        self.threads.lock().unwrap().clone()
    }

    pub(super) fn records(&self) -> Vec<LogRecord> {
        self.records.lock().unwrap().clone()
    }

    /// How many handles of this one Rust holds.
    pub(super) fn handles(self: &Arc<Self>) -> usize {
        held(|held| held.values().filter(|one| Arc::ptr_eq(one, self)).count())
    }

    /// A handle for Rust, as an argument of an export.
    pub(super) fn handle(self: &Arc<Self>) -> Handle {
        Handle::from_raw_unchecked(hold(self.clone()))
    }

    pub(super) fn key_store(self: &Arc<Self>) -> Arc<dyn KeyStore> {
        <dyn KeyStore as FfiConverterArc<UniFfiTag>>::try_lift(self.handle()).unwrap()
    }

    pub(super) fn resolver(self: &Arc<Self>) -> Arc<dyn Resolver> {
        <dyn Resolver as FfiConverterArc<UniFfiTag>>::try_lift(self.handle()).unwrap()
    }

    pub(super) fn certificates(self: &Arc<Self>) -> Arc<dyn ClientCertificates> {
        <dyn ClientCertificates as FfiConverterArc<UniFfiTag>>::try_lift(self.handle()).unwrap()
    }

    pub(super) fn log_sink(self: &Arc<Self>) -> Arc<dyn LogSink> {
        <dyn LogSink as FfiConverterArc<UniFfiTag>>::try_lift(self.handle()).unwrap()
    }

    /// Answers a call as this one behaves.
    fn play<T: Lower<UniFfiTag>>(
        &self,
        answer: impl FnOnce() -> T,
        out: &mut T::FfiType,
        status: &mut RustCallStatus,
    ) {
        if self.plays(status) {
            *out = T::lower(answer());
        }
    }

    fn plays(&self, status: &mut RustCallStatus) -> bool {
        let thread = std::thread::current().name().unwrap_or("").to_owned();
        self.threads.lock().unwrap().push(thread);
        let behaviour = self.behaviour.lock().unwrap();
        let behaviour = *self
            .changed
            .wait_while(behaviour, |now| *now == Behaviour::Hangs)
            .unwrap();
        match behaviour {
            Behaviour::Works => return true,
            Behaviour::IsTorn | Behaviour::Hangs => {}
            Behaviour::Throws => {
                status.code = RustCallStatusCode::Error;
                let error = <HostError as LowerError<UniFfiTag>>::lower_error(HostError::Failed {});
                status.error_buf = ManuallyDrop::new(error);
            }
            Behaviour::ThrowsUndeclared => *status = RustCallStatus::error(STACK_TRACE),
        }
        false
    }
}

extern "C" fn free(handle: u64) {
    held(|held| held.remove(&handle));
}

extern "C" fn clone(handle: u64) -> u64 {
    hold(of(handle))
}

extern "C" fn load(host: u64, name: RustBuffer, out: &mut RustBuffer, status: &mut RustCallStatus) {
    let (host, name) = (of(host), lift::<String>(name));
    let answer = || match host.keys.lock().unwrap().get(&name) {
        Some(key) => KeyAnswer::Value { key: key.clone() },
        None => KeyAnswer::Absent,
    };
    host.play(answer, out, status);
}

extern "C" fn store(
    host: u64,
    name: RustBuffer,
    key: RustBuffer,
    out: &mut RustBuffer,
    status: &mut RustCallStatus,
) {
    let (host, name, key) = (of(host), lift::<String>(name), lift::<Vec<u8>>(key));
    let answer = || {
        host.keys.lock().unwrap().insert(name, key);
        KeyWritten::Done
    };
    host.play(answer, out, status);
}

extern "C" fn delete(
    host: u64,
    name: RustBuffer,
    out: &mut RustBuffer,
    status: &mut RustCallStatus,
) {
    let (host, name) = (of(host), lift::<String>(name));
    let answer = || {
        host.keys.lock().unwrap().remove(&name);
        KeyWritten::Done
    };
    host.play(answer, out, status);
}

extern "C" fn resolve(
    host: u64,
    name: RustBuffer,
    out: &mut RustBuffer,
    status: &mut RustCallStatus,
) {
    drop(lift::<String>(name));
    of(host).play(|| vec!["127.0.0.1".to_owned()], out, status);
}

extern "C" fn certificate(
    host: u64,
    name: RustBuffer,
    out: &mut RustBuffer,
    status: &mut RustCallStatus,
) {
    drop(lift::<String>(name));
    let answer = || {
        Some(ClientCertificate {
            chain: vec![vec![1, 2, 3]],
            signs: vec![SignatureKind::Ed25519],
        })
    };
    of(host).play(answer, out, status);
}

extern "C" fn sign(
    host: u64,
    name: RustBuffer,
    kind: RustBuffer,
    message: RustBuffer,
    out: &mut RustBuffer,
    status: &mut RustCallStatus,
) {
    drop((lift::<String>(name), lift::<SignatureKind>(kind)));
    let message = lift::<Vec<u8>>(message);
    of(host).play(|| Some(message), out, status);
}

extern "C" fn log(host: u64, record: RustBuffer, _: &mut (), status: &mut RustCallStatus) {
    let (host, record) = (of(host), lift::<LogRecord>(record));
    if host.plays(status) {
        host.records.lock().unwrap().push(record);
    }
}

/// Hands the tables over, as generated Kotlin does when the library is loaded.
fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        crate::key_store::uniffi_steadfast_ffi_fn_init_callback_vtable_keystore(leak(
            UniFfiTraitVtableKeyStore {
                uniffi_free: free,
                uniffi_clone: clone,
                load,
                store,
                delete,
            },
        ));
        crate::host::uniffi_steadfast_ffi_fn_init_callback_vtable_resolver(leak(
            UniFfiTraitVtableResolver {
                uniffi_free: free,
                uniffi_clone: clone,
                resolve,
            },
        ));
        crate::host::uniffi_steadfast_ffi_fn_init_callback_vtable_clientcertificates(leak(
            UniFfiTraitVtableClientCertificates {
                uniffi_free: free,
                uniffi_clone: clone,
                certificate,
                sign,
            },
        ));
        crate::log::uniffi_steadfast_ffi_fn_init_callback_vtable_logsink(leak(
            UniFfiTraitVtableLogSink {
                uniffi_free: free,
                uniffi_clone: clone,
                log,
            },
        ));
    });
}

fn leak<T>(table: T) -> NonNull<T> {
    NonNull::from(Box::leak(Box::new(table)))
}
