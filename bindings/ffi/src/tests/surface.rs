//! The border is complete: what the core offers is exported, or stands here with the reason why not.

use crate::{ErrorDetail, Reaction, SteadfastError, messages};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use syn::{Fields, ImplItem, Item, Type, UseTree, Visibility};

const CORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/src");
const BORDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// Operations that are exported under another name or as more than one.
const RENAMED: [(&str, &str); 1] = [
    // UniFFI's objects have a `close` of their own.
    ("close", "shut_down"),
];
const ADDED: [&str; 1] = ["push_received_json"];

/// What the core's front offers and the border does not have under the same name.
const ELSEWHERE: [(&str, &str); 19] = [
    ("AccountId", "a number"),
    ("DeviceId", "a text; `device_id_of_push_token` makes it"),
    (
        "DeviceNetwork",
        "part of `Config`, and arguments of `Core::open`",
    ),
    ("Error", "`SteadfastError`"),
    ("FileKeyStore", "`file_key_store`"),
    ("Key", "32 bytes"),
    ("LegacyEntryId", "a text; `legacy_entry_id` makes it"),
    ("LegacyReport", "a list of `LegacyResult`"),
    ("NoticeId", "a number"),
    ("ObligationId", "a number"),
    ("Pin", "a text in `Pins`"),
    (
        "PushPayload",
        "arguments of `push_received` and `push_received_json`",
    ),
    ("Revision", "a number"),
    ("Steadfast", "`Core`"),
    ("UnixMillis", "a number"),
    ("message", "`messages`"),
    ("keystore", "`KeyStore` and its answers"),
    ("DeviceKind", "the same, with the desktop's system by name"),
    ("Roots", "the same, with the certificates by name"),
];

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    files.collect()
}

fn parsed(path: impl AsRef<Path>) -> syn::File {
    syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Public methods of a type in the files of a folder; with `exported`, only those that UniFFI exports. Each with the names of
/// its arguments, and whether it waits.
fn methods(folder: &str, of: &str, exported: bool) -> BTreeMap<String, (Vec<String>, bool)> {
    let mut found = BTreeMap::new();
    for item in files(folder).iter().flat_map(|path| parsed(path).items) {
        let Item::Impl(block) = item else { continue };
        let Type::Path(path) = &*block.self_ty else {
            continue;
        };
        let is_export = block.attrs.iter().any(|attribute| {
            let path = attribute.path();
            path.segments
                .last()
                .is_some_and(|last| last.ident == "export")
        });
        if !path.path.is_ident(of) || block.trait_.is_some() || (exported && !is_export) {
            continue;
        }
        for item in block.items {
            let ImplItem::Fn(method) = item else { continue };
            if !matches!(method.vis, Visibility::Public(_)) {
                continue;
            }
            let arguments = method
                .sig
                .inputs
                .iter()
                .filter_map(|argument| match argument {
                    syn::FnArg::Typed(typed) => match &*typed.pat {
                        syn::Pat::Ident(name) => Some(name.ident.to_string()),
                        _ => None,
                    },
                    syn::FnArg::Receiver(_) => None,
                });
            let waits = method.sig.asyncness.is_some();
            found.insert(method.sig.ident.to_string(), (arguments.collect(), waits));
        }
    }
    found
}

fn names(methods: BTreeMap<String, (Vec<String>, bool)>) -> BTreeSet<String> {
    methods.into_keys().collect()
}

fn api() -> String {
    format!("{CORE}/api")
}

#[test]
fn every_operation_of_the_core_is_exported() {
    let renamed: BTreeMap<&str, &str> = RENAMED.into();
    let core = names(methods(&api(), "Steadfast", false));
    assert!(
        core.len() > 40,
        "the core's sources were not found: {core:?}"
    );
    let mut wanted: BTreeSet<String> = core
        .iter()
        .map(|name| {
            renamed
                .get(name.as_str())
                .unwrap_or(&name.as_str())
                .to_string()
        })
        .collect();
    wanted.extend(ADDED.map(str::to_owned));
    assert_eq!(names(methods(BORDER, "Core", true)), wanted);
}

#[test]
fn every_operation_of_the_cores_objects_is_exported() {
    for object in ["Reader", "Transfer", "Confirmation"] {
        let core = names(methods(&api(), object, false));
        assert!(!core.is_empty(), "{object}");
        assert_eq!(names(methods(BORDER, object, true)), core, "{object}");
    }
}

/// What waits for the network, the key store or a change can be told to stop; what waits for the vault alone, or for the end of
/// the core's own work, has no need.
#[test]
fn what_may_take_long_takes_a_cancellation() {
    let without: BTreeSet<String> = methods(BORDER, "Core", true)
        .into_iter()
        .filter(|(_, (arguments, waits))| {
            *waits && !arguments.iter().any(|name| name == "cancellation")
        })
        .map(|(name, _)| name)
        .collect();
    let known = [
        "acknowledge_notice",
        "acknowledge_obligation",
        "host_state",
        "legacy_erasable",
        "legacy_erased",
        "reminder_set",
        "set_device_id",
        "set_notifications",
        "shut_down",
        "webview_cookies_written",
        "webview_saw_401",
    ];
    assert_eq!(without, known.map(str::to_owned).into());
}

fn used(tree: &UseTree, into: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(path) => used(&path.tree, into),
        UseTree::Name(name) => {
            into.insert(name.ident.to_string());
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| used(tree, into)),
        UseTree::Rename(_) | UseTree::Glob(_) => panic!("neither is expected here"),
    }
}

/// What a crate's front offers.
fn front(path: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for item in parsed(path).items {
        if let Item::Use(item) = item
            && matches!(item.vis, Visibility::Public(_))
        {
            used(&item.tree, &mut names);
        }
    }
    names
}

#[test]
fn every_type_of_the_cores_front_has_its_like() {
    let core = front(&format!("{CORE}/lib.rs"));
    let border = front(&format!("{BORDER}/lib.rs"));
    let elsewhere: BTreeSet<String> = ELSEWHERE.map(|(name, _)| name.to_owned()).into();
    assert!(core.len() > 50, "{core:?}");
    let missing: Vec<_> = core
        .iter()
        .filter(|name| !border.contains(*name) && !elsewhere.contains(*name))
        .collect();
    assert!(missing.is_empty(), "the core offers {missing:?}");
}

/// Enums by their names, each with the names of its variants.
fn enums(folder: &Path, into: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            enums(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            for item in parsed(&path).items {
                if let Item::Enum(item) = item
                    && matches!(item.vis, Visibility::Public(_))
                {
                    let variants = item.variants.iter();
                    let variants = variants.map(|variant| variant.ident.to_string());
                    // Where the machine has one of the same name, the one of the surface counts.
                    let name = item.ident.to_string();
                    let of_the_surface = path.starts_with(api());
                    if of_the_surface || !into.contains_key(&name) {
                        into.insert(name, variants.collect());
                    }
                }
            }
        }
    }
}

/// Records are taken apart field by field where they are converted, which the compiler checks; enums that may grow are not.
#[test]
fn every_case_of_an_enum_has_its_like() {
    let (mut core, mut border) = (BTreeMap::new(), BTreeMap::new());
    enums(Path::new(CORE), &mut core);
    enums(Path::new(BORDER), &mut border);
    // Places that the surface does not own, so that a later file of the same name does not hide them.
    for (name, file) in [
        ("Reason", "session/state.rs"),
        ("Proxy", "server/profile.rs"),
    ] {
        let items = parsed(format!("{CORE}/{file}")).items;
        let found = items.into_iter().find_map(|item| match item {
            Item::Enum(item) if item.ident == name => Some(item.variants),
            _ => None,
        });
        let variants = found.unwrap().into_iter();
        let variants = variants.map(|variant| variant.ident.to_string());
        core.insert(name.to_owned(), variants.collect());
    }
    let own = [
        "SteadfastError",
        "HostError",
        "ErrorDetail",
        "KeyWritten",
        "LogLevel",
    ];
    let mut compared = 0;
    for (name, variants) in border {
        if own.contains(&name.as_str()) {
            continue;
        }
        assert_eq!(core.get(&name), Some(&variants), "{name}");
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn every_message_can_be_translated() {
    let constants = parsed(format!("{CORE}/api/message.rs")).items;
    let constants = constants
        .iter()
        .filter(|item| matches!(item, Item::Const(_)));
    let ids: BTreeSet<String> = messages().into_iter().map(|one| one.id).collect();
    assert_eq!(ids.len(), constants.count());
}

/// Every error of the core that carries something.
fn that_carry_something() -> Vec<steadfast::Error> {
    use steadfast::Error;
    vec![
        Error::InvalidAddress { reason: "reason" },
        Error::InvalidArgument {
            argument: "argument",
        },
        Error::File {
            reason: "reason".to_owned(),
        },
        Error::TooLarge { limit: 1 },
        Error::InsecureConnection { reason: "reason" },
        Error::Moved {
            to: "https://chat.example.com".to_owned(),
        },
        Error::RateLimited {
            retry_after: Duration::from_secs(1),
        },
        Error::Refused {
            status: 403,
            id: Some("api.id".to_owned()),
        },
        Error::StoreNewer { found: 4, known: 3 },
    ]
}

#[test]
fn what_an_error_carries_crosses_the_border() {
    let items = parsed(format!("{CORE}/error.rs")).items;
    let errors = items.into_iter().find_map(|item| match item {
        Item::Enum(item) if item.ident == "Error" => Some(item.variants),
        _ => None,
    });
    let carrying: Vec<String> = errors
        .unwrap()
        .into_iter()
        .filter(|variant| !matches!(variant.fields, Fields::Unit))
        .map(|variant| variant.ident.to_string())
        .collect();
    let made: Vec<String> = that_carry_something()
        .iter()
        .map(|error| {
            let text = format!("{error:?}");
            text.split([' ', '{']).next().unwrap_or_default().to_owned()
        })
        .collect();
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(made), sorted(carrying));
    for error in that_carry_something() {
        let (code, reaction) = (error.code(), Reaction::from(error.reaction()));
        let crossed = SteadfastError::from(error);
        assert_eq!(
            (crossed.code().as_str(), crossed.reaction()),
            (code, reaction)
        );
        assert!(crossed.detail().is_some(), "{code}");
    }
    let refused = SteadfastError::from(steadfast::Error::Refused {
        status: 403,
        id: Some("api.id".to_owned()),
    });
    assert_eq!(
        refused.detail(),
        Some(ErrorDetail::Refusal {
            status: 403,
            server_error_id: Some("api.id".to_owned())
        })
    );
}

#[test]
fn the_kind_of_an_error_says_how_to_react() {
    use steadfast::Error;
    for (error, retryable, sign_in) in [
        (Error::NoSuchAccount, false, false),
        (Error::InvalidCredentials, false, false),
        (Error::Offline, true, false),
        (Error::SessionEnded, false, true),
        (Error::KeyStoreUnavailable, true, false),
    ] {
        let crossed = SteadfastError::from(error.clone());
        assert_eq!(crossed.is_retryable(), retryable, "{error}");
        assert_eq!(crossed.requires_sign_in(), sign_in, "{error}");
        assert_eq!(crossed.text(), error.to_string());
    }
}
