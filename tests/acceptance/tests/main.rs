//! The acceptance cases, a file per manual test case, and the bad days of a server and a network beside them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests that never ship"
)]

mod airplane;
mod another_installation;
mod backup;
mod bad_lines;
mod canary;
mod captive;
mod first_packets;
mod idle;
mod in_between;
mod key_store;
mod lost_events;
mod mfa;
mod mm_t1015;
mod mm_t2570;
mod mm_t297;
mod mm_t3182;
mod mm_t3183;
mod mm_t3273;
mod mm_t409;
mod mm_t418;
mod mm_t938;
mod mm_t939;
mod mm_t940;
mod mm_t941;
mod mm_t942;
mod offline_sign_out;
mod older_server;
mod other_protocols;
mod other_servers;
mod other_services;
mod other_tokens;
mod outage;
mod own_limits;
mod planted;
mod replica_lag;
mod restart;
mod retry_after;
mod server_down;
mod server_moods;
mod several_accounts;
mod token_header;
mod two_servers;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("device") {
        return match steadfast_lab::device::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        };
    }
    let planted = |name: String| name.starts_with("planted::");
    if std::env::args().nth(1).is_some_and(planted) {
        return steadfast_acceptance::run(&[("planted", planted::CASES)]);
    }
    steadfast_acceptance::run(&[
        ("mm_t1015", mm_t1015::CASES),
        ("mm_t2570", mm_t2570::CASES),
        ("mm_t297", mm_t297::CASES),
        ("mm_t3182", mm_t3182::CASES),
        ("mm_t3183", mm_t3183::CASES),
        ("mm_t3273", mm_t3273::CASES),
        ("mm_t409", mm_t409::CASES),
        ("mm_t418", mm_t418::CASES),
        ("mm_t938", mm_t938::CASES),
        ("mm_t940", mm_t940::CASES),
        ("mm_t941", mm_t941::CASES),
        ("another_installation", another_installation::CASES),
        ("backup", backup::CASES),
        ("bad_lines", bad_lines::CASES),
        ("canary", canary::CASES),
        ("captive", captive::CASES),
        ("first_packets", first_packets::CASES),
        ("in_between", in_between::CASES),
        ("key_store", key_store::CASES),
        ("lost_events", lost_events::CASES),
        ("mfa", mfa::CASES),
        ("offline_sign_out", offline_sign_out::CASES),
        ("older_server", older_server::CASES),
        ("other_protocols", other_protocols::CASES),
        ("other_servers", other_servers::CASES),
        ("other_services", other_services::CASES),
        ("other_tokens", other_tokens::CASES),
        ("outage", outage::CASES),
        ("own_limits", own_limits::CASES),
        ("replica_lag", replica_lag::CASES),
        ("restart", restart::CASES),
        ("retry_after", retry_after::CASES),
        ("several_accounts", several_accounts::CASES),
        ("airplane", airplane::CASES),
        ("idle", idle::CASES),
        ("mm_t939", mm_t939::CASES),
        ("mm_t942", mm_t942::CASES),
        ("server_down", server_down::CASES),
        ("server_moods", server_moods::CASES),
        ("token_header", token_header::CASES),
        ("two_servers", two_servers::CASES),
    ])
}
