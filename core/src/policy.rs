//! Every duration and limit of the product, each with its reason. Nothing else in the core states a number of this kind.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A span from which a value is drawn at random.
pub type Window = RangeInclusive<Duration>;

const fn seconds(value: u64) -> Duration {
    Duration::from_secs(value)
}

const fn minutes(value: u64) -> Duration {
    Duration::from_secs(value * 60)
}

const fn window(from: u64, to: u64) -> Window {
    seconds(from)..=seconds(to)
}

/// JSON ping while Focused. An idle user must be out within 2–30 s of a revocation (MM-T938), and the server itself says
/// nothing; the phase is random, so that a fleet does not ask in step.
pub const HEARTBEAT_FOCUSED: Duration = seconds(10);
/// JSON ping while Running: visible without focus, or in the grace before suspension. Half the cost, still within 30 s.
pub const HEARTBEAT_RUNNING: Duration = seconds(25);
/// No byte for this long after an unanswered ping means that the connection is dead. Half-open sockets accept writes for
/// ever, so only what arrives counts; slow networks need the time.
pub const DEAD_LINK: Duration = seconds(10);
/// Wait between the first evidence of a gone session and the second look. One answer is never enough: a server whose
/// database is away answers like one that revoked the session, and outages are longer than a round trip.
pub const SECOND_LOOK: Window = window(2, 4);
/// No `hello` for this long after an upgrade is a hint. The server drops an unauthenticated socket after 5 s.
pub const HELLO_WATCHDOG: Duration = seconds(10);
/// A connection that is not up by then is given up. One with a client certificate has [`CERTIFICATE_DEADLINE`] on top, so that
/// a user who is asked does not look like a network that does not answer.
pub const CONNECT_TIMEOUT: Duration = seconds(10);
/// A request that is not answered whole by then is given up.
pub const REQUEST_DEADLINE: Duration = seconds(30);
/// A question of a round in the background (what is owed, what an older app left) that is not answered by then is given up
/// once the network has changed since it was asked: its answer may have been lost with the last one, and the whole round waits
/// for it. Not with the change itself, since a network that flaps would then let no question be answered; a slow one answers
/// within this.
pub const LOST_WITH_ITS_NETWORK: Duration = seconds(5);
/// Waits between looks while the server's database is unhealthy or its health is silent; the last one repeats. Outages
/// answer like revocations, so nothing ends on this ladder.
pub const LADDER: [Window; 5] = [
    window(5, 10),
    window(20, 40),
    window(120, 120),
    window(600, 600),
    window(900, 900),
];
/// Waits before the four pieces of evidence on the long ladder, for servers whose health cannot be known and for networks
/// that rewrite headers.
pub const LONG_LADDER: [Duration; 4] = [seconds(0), seconds(30), minutes(2), minutes(10)];
/// The long ladder ends a session only if its pieces span at least this.
pub const LONG_LADDER_SPAN: Duration = minutes(12);
/// Health answers without a database status before the long ladder begins.
pub const HEALTH_ABSENT_LIMIT: u32 = 2;
/// Evidence about a session younger than this, by the server's own clock, does not count: a replica may not know it yet.
pub const YOUNG_SESSION: Duration = seconds(15);
/// Waits between looks at whose a session is that the browser brought, while the server refuses its token: together
/// [`YOUNG_SESSION`].
pub const NEW_TOKEN_WAITS: [Duration; 4] = [seconds(1), seconds(2), seconds(4), seconds(8)];
/// A session that has existed for this long by the device's running time is not young, whatever the server's clock says: a
/// clock that was set back must not keep evidence from counting for ever.
pub const YOUNG_SESSION_BOUND: Duration = minutes(1);
/// How long the sealed token is kept after a verdict, so that a wrong one heals without a password.
pub const RESTORE_WINDOW: Duration = minutes(15);
/// When the kept token is asked about, counted from the end, each ± [`RESTORE_SPREAD_PERCENT`].
pub const RESTORE_LOOKS: [Duration; 4] = [seconds(30), minutes(2), minutes(5), minutes(15)];
/// Random spread of [`RESTORE_LOOKS`], in percent either way.
pub const RESTORE_SPREAD_PERCENT: u32 = 30;
/// How long an ended account's data is kept before the app is asked to erase it. A weekend must not cost drafts.
pub const ERASE_AFTER: Duration = minutes(30 * 24 * 60);
/// How often it is looked whether an end is that long ago.
pub const ERASE_LOOK: Duration = minutes(24 * 60);
/// Online time without any usable answer after which sign-in is offered.
pub const UNVERIFIABLE_AFTER: Duration = minutes(24 * 60);
/// Unusable answers needed besides [`UNVERIFIABLE_AFTER`].
pub const UNVERIFIABLE_ANSWERS: u32 = 20;
/// Online time for which an account may stay Suspect before sign-in is offered.
pub const SUSPECT_LIMIT: Duration = minutes(60);
/// Answers needed besides [`SUSPECT_LIMIT`].
pub const SUSPECT_ANSWERS: u32 = 8;
/// Unusable 401s in a row before the config experiment asks whether an intermediary rewrites answers.
pub const EXPERIMENT_AFTER: u32 = 3;
/// Validation interval while the socket cannot be had (proxies that eat upgrades), Focused only.
pub const POLLING: Window = window(20, 25);
/// Refused upgrades, while HTTPS works, before polling begins.
pub const UPGRADES_REFUSED_LIMIT: u32 = 3;
/// First step of the reconnect curve; each further one doubles.
pub const RECONNECT_BASE: Duration = seconds(2);
/// Ceiling of the reconnect curve. Full jitter is drawn below it.
pub const RECONNECT_CAP: Duration = seconds(30);
/// Ceiling after [`RECONNECT_LONG_AFTER`] of failure.
pub const RECONNECT_LONG_CAP: Duration = seconds(60);
/// Failure for this long raises the ceiling.
pub const RECONNECT_LONG_AFTER: Duration = minutes(10);
/// Jitter of a dial after a network change, a resume or a user's action.
pub const DIAL_NOW_JITTER: Duration = Duration::from_millis(250);
/// Spread of the first retry after the server ended a live socket, so that a restart does not bring the whole fleet back
/// in one second.
pub const FIRST_RETRY_SPREAD: Duration = seconds(15);
/// The pace is forgotten only after the link was live for this long: a flapping server must not look healthy.
pub const PACE_RESET_AFTER: Duration = seconds(30);
/// Ceiling for a server's `Retry-After`.
pub const RETRY_AFTER_CAP: Duration = minutes(5);
/// Jitter added on top of `Retry-After`, in percent.
pub const RETRY_AFTER_JITTER_PERCENT: u32 = 20;
/// How long an Android app that left the screen counts as Running before it counts as Suspended.
pub const BACKGROUND_GRACE: Duration = seconds(15);
/// Becoming Focused after being away for longer than this validates.
pub const FOCUS_VALIDATES_AFTER: Duration = minutes(1);
/// A `Valid` verdict mutes request hints of the same path for this long.
pub const HINT_MUTE: Duration = seconds(60);
/// Dials per minute and account, whatever asks for them.
pub const DIALS_PER_MINUTE: u32 = 10;
/// Validations started by request hints per minute and account. Socket FAIL, resume and the user's action have an
/// allowance of their own of the same size.
pub const HINTED_VALIDATIONS_PER_MINUTE: u32 = 4;
/// How much longer than the health query the question after the server's id may take. Both are sent at the same moment, so
/// a server that answers both is seldom held up by it, and one that hides its id holds up no verdict for longer. Not above
/// [`ANSWER_SLACK`], or the machine gives the question up first.
pub const INSTALLATION_PATIENCE: Duration = seconds(5);
/// Bytes of a body on which a verdict may rest.
pub const VERDICT_BODY_LIMIT: usize = 64 * 1024;
/// Bytes of the body of one of the app's own requests.
pub const REQUEST_BODY_LIMIT: usize = 16 * 1024 * 1024;
/// Bytes of one socket message.
pub const SOCKET_MESSAGE_LIMIT: usize = 4 * 1024 * 1024;
/// Request ids that are remembered, to refuse a replayed answer.
pub const REQUEST_IDS_REMEMBERED: usize = 64;
/// How long a request whose answer was a 401 waits for the validation that it caused.
pub const REQUEST_WAITS_FOR_VERDICT: Duration = seconds(5);
/// Deadline of a call into the platform's key store, from when it begins; then it counts as unavailable, and the next call
/// begins although this one has not returned. A Keystore that looks for a lost key takes some seconds for each.
pub const KEY_STORE_DEADLINE: Duration = seconds(10);
/// Deadline of a read while another call is past its deadline and has not returned: the deadlines of keys that hang add up for
/// whoever waits last. Longer than the 2.6 s in which the Android key store tries four times. A write keeps the whole deadline:
/// the user waits for it, and a chip that makes a key takes its time.
pub const KEY_STORE_DEADLINE_BESIDE_A_HANGING_CALL: Duration = seconds(3);
/// Calls into the key store that may be left behind without having returned, each on a thread of its own. A store in which as
/// many keys hang does not answer for another one either.
pub const KEY_STORE_CALLS_LEFT_BEHIND: usize = 8;
/// What the platform gets for the client certificate in a handshake, its signature included: it may ask the user.
pub const CERTIFICATE_DEADLINE: Duration = seconds(10);
/// How long `suspend` waits for commits before it closes the file. The system kills an app that holds a lock.
pub const SUSPEND_DEADLINE: Duration = seconds(3);
/// Realtime events kept for a slow reader, then Gap.
pub const EVENT_QUEUE: usize = 1_000;
/// Users in a page of the list, where the caller names no number. The server gives at most 200.
pub const USERS_PER_PAGE: i64 = 100;
/// How long a sign-in through the browser may take. Long enough for a second factor on another device; short, because its
/// verifier lies in the vault meanwhile.
pub const PENDING_SIGN_IN_LIFETIME: Duration = minutes(10);
/// Longest link from the browser that is looked at; a server's own is below 1 KiB.
pub const CALLBACK_LENGTH_LIMIT: usize = 8 * 1024;
/// How long the question before every session is ended may stay open. An administrator reads it first.
pub const CONFIRMATION_LIFETIME: Duration = minutes(5);
/// Bytes of disk kept in reserve, so that a sign-out can be stored on a full disk.
pub const DISK_RESERVE: u64 = 256 * 1024;
/// Time the vault waits for another process's lock.
pub const VAULT_BUSY_TIMEOUT: Duration = seconds(5);
/// Time a scrub waits for a reader of the vault. Short, because a blocked scrub is tried again and a suspension waits for it.
pub const SCRUB_BUSY_TIMEOUT: Duration = Duration::from_millis(250);
/// First wait between tries of work in the background (what is owed to the server, what an older app left, what is to be read
/// of a session and its server); each further one doubles.
pub const BACKGROUND_RETRY_BASE: Duration = seconds(5);
/// The outbox looks again no sooner than this, so that a clock that jumps cannot make it spin.
pub const OUTBOX_SHORTEST_WAIT: Duration = seconds(1);
/// Ceiling of the waits between tries of work in the background.
pub const BACKGROUND_RETRY_CAP: Duration = minutes(15);
/// How long a sign-out is owed before a server that states another installation's id is asked, with the token, whether it
/// knows the session: a name that leads elsewhere by mistake is put right within a day, a server that was given a new id stays.
pub const OWED_ELSEWHERE: Duration = minutes(24 * 60);
/// How long a background check, or the handling of a push, may take at most. Systems give such a task about
/// 30 s and may end it early; a second look needs about six, and up to five more where the server does not answer for its id.
pub const BACKGROUND_CHECK: Duration = seconds(15);
/// Part of the time of a background check that is kept for closing what it opened.
pub const CHECK_WINDS_UP: Duration = Duration::from_millis(500);
/// Part of the time of a background check that is kept for storing what the user is to be told.
pub const CHECK_STORES: Duration = Duration::from_millis(500);
/// In a background check, a wipe order whose time has passed waits this long for an answer: less than the check takes.
pub const WIPE_WAITS_IN_A_CHECK: Duration = seconds(10);
/// How long acknowledgement ids of pushes are remembered, so that none counts twice. Push services give up after 28 days.
pub const SEEN_PUSHES: Duration = minutes(30 * 24 * 60);
/// An expiry that has passed is told this long after the session was asked about because of it, if that brought no answer:
/// time for an answer, for a look at the list, and for a network that is just coming up.
pub const EXPIRY_TOLD_AFTER: Duration = seconds(60);
/// Bytes of a push that are looked at. The services carry at most 4 KiB.
pub const PUSH_LIMIT: usize = 16 * 1024;
/// A difference between the server's clock and the device's below this does not move a reminder: it is the way's own delay.
pub const CLOCK_TOLERANCE: Duration = minutes(2);
/// The list of sessions is read for a new expiry no more often than this. The server moves an expiry at most every five
/// minutes (`ExtendSessionExpiryIfNeeded`), and a list that cannot be read must not be asked for with each post.
pub const EXPIRY_READS: Duration = minutes(1);
/// A wipe push without any usable answer for this long wipes.
pub const WIPE_DEADLINE: Duration = minutes(10);
/// A socket that the server drops within this time after `hello` was dropped right after it: the server closes a socket that
/// is not authenticated at its fifth second.
pub const DROPPED_RIGHT_AFTER_HELLO: Duration = seconds(6);
/// Sockets in a row dropped right after `hello` before that is a hint. One may be chance.
pub const DROPS_AFTER_HELLO: u32 = 2;
/// A socket that the server ends at this age is a hint by itself: at its fifth second the server closes the socket of a
/// session that was revoked before (seen on 11.6), and a user must be out within 30 s of that too (MM-T938). A restart finds
/// few sockets of that age.
pub const FIFTH_SECOND: Window = window(4, 6);
/// A ping without an answer for this long ends the link even if bytes arrive: events go on arriving on a dead session's
/// socket, so they prove nothing.
pub const PONG_LIMIT: Duration = seconds(30);
/// A timer that fires later than this was held up with the whole process; what it was to find out is looked at afresh.
pub const LATE_TIMER: Duration = seconds(5);
/// Waits between tries of a transaction that could not be written; doubled each time, up to the ceiling.
pub const COMMIT_RETRY: Duration = seconds(1);
/// Ceiling of [`COMMIT_RETRY`].
pub const COMMIT_RETRY_CAP: Duration = seconds(60);
/// Wait between tries of a key store that is not readable now. Unlocking the device is the usual end of it, and the app is
/// told of that by the platform too.
pub const KEY_RETRY: Duration = seconds(30);
/// A key that could not be read for this long is hardly coming back by itself: the user may choose to sign in again or to sign
/// out without it. Shorter, and a key store that was busy for an afternoon would cost somebody a session that was well.
pub const KEY_OFFER_AFTER: Duration = minutes(24 * 60);
/// The same after this many starts of the app with the user before it, because who cannot get in starts the app again.
pub const KEY_OFFER_STARTS: u32 = 5;
/// How much longer than its own deadline a question may take before the machine gives it up.
pub const ANSWER_SLACK: Duration = seconds(5);
/// Paths whose hints are muted at a time; further ones are not muted.
pub const MUTED_PATHS: usize = 64;
/// Online time counted between two events at most. A process that was frozen was not online.
pub const ONLINE_STEP: Duration = minutes(15);
/// Longest text that is taken for an address. Servers refuse longer URLs anyway.
pub const ADDRESS_LENGTH_LIMIT: usize = 1_024;
/// Idle connections kept for an account: enough for the start of an app, few enough for a phone.
pub const POOLED_CONNECTIONS: usize = 4;
/// Head start of an address over the next one (RFC 8305 recommends 250 ms).
pub const HAPPY_EYEBALLS_STAGGER: Duration = Duration::from_millis(250);
/// Requests that may wait to be written. A peer that does not read must not make memory grow.
pub const SOCKET_COMMANDS_WAITING: usize = 64;
/// Messages that may wait to be taken. Beyond them the connection is not read, so the server feels the pressure.
pub const SOCKET_EVENTS_WAITING: usize = 16;
/// Bytes of a message to the server; it closes the connection of a client that sends more.
pub const SOCKET_REQUEST_LIMIT: usize = 8_192;
/// Bytes of such a message around its action and its data: the names and a number of any length.
pub const SOCKET_REQUEST_FRAME: usize = 64;
/// Longest name of an action; the server's own are below 32.
pub const ACTION_LENGTH_LIMIT: usize = 128;
/// A message of the app that has no reply by then is given up; the server replies within milliseconds.
pub const SEND_DEADLINE: Duration = seconds(10);
/// Messages of the app that may wait for their replies at a time.
pub const SENDS_WAITING: usize = 64;
/// A transfer of which not a byte moved for this long is given up. It has no deadline for the whole: a large file on a slow
/// network takes as long as it takes.
pub const TRANSFER_IDLE: Duration = seconds(30);
/// Bytes of a chunk read from a file.
pub const TRANSFER_CHUNK: usize = 32 * 1024;
/// Chunks of a transfer that may wait between the disk and the network. One that comes from the network is as large as the
/// buffer below it has grown, some 400 KiB, so each more that waits is felt.
pub const TRANSFER_CHUNKS: usize = 1;
/// Bytes that may wait to be written; the server refuses messages above 8,192 anyway.
pub const SOCKET_WRITE_BUFFER_LIMIT: usize = 256 * 1024;
/// How long a polite close may take.
pub const SOCKET_CLOSE_DEADLINE: Duration = seconds(1);
/// Look-ups at once. A look-up of the system cannot be cancelled and holds a thread; a dead resolver must not hold many.
pub const LOOKUPS_AT_ONCE: usize = 4;
/// Oldest server that is spoken to. Older ones are of a time before anything here was seen to hold.
pub const OLDEST_SERVER: (u32, u32) = (5, 16);
/// Oldest server that takes more than a device id with a session: the app's version, and whether notifications are off
/// (`app/actions/remote/entry/common.ts` of mattermost-mobile).
pub const TAKES_DEVICE_PROPERTIES: (u32, u32) = (10, 1);
/// No wait of the worker is longer than this: the runtime's timers stand still while the device sleeps, so after a wake the
/// time is looked at again soon.
pub const LONGEST_NAP: Duration = seconds(5);
/// Threads of the runtime: one for the sockets, one for what a burst of requests brings.
pub const RUNTIME_THREADS: usize = 2;
/// How long a close waits for the vault before it leaves it to finish by itself.
pub const CLOSE_DEADLINE: Duration = Duration::from_millis(900);
/// How often within [`WORKER_RESTART_WINDOW`] an account's worker that panicked is started again by itself. A fault that
/// comes back each time must not become a loop that drains the battery; one that comes of an accident is over by then.
pub const WORKER_RESTARTS: usize = 3;
/// See [`WORKER_RESTARTS`].
pub const WORKER_RESTART_WINDOW: Duration = minutes(60);
/// How long an open waits for another vault on the same folder to close: as long as a core takes that is just being closed.
pub const WRITER_LOCK_WAIT: Duration = seconds(1);
/// How long a web view keeps a session's cookies when nothing is known of the session's end. They only mirror a session that
/// the server ends by itself, so the length of a mobile session at a server's defaults is right.
pub const WEB_COOKIE_LIFETIME: Duration = minutes(30 * 24 * 60);
/// How often a reader looks again when the vault changed under its eyes: as good as never twice.
pub const READER_TRIES: usize = 5;
/// Bytes of the file in which other processes leave hints: some two hundred of them, and no more of the disk.
pub const HINT_FILE_LIMIT: u64 = 2 * 1024;
/// Bytes of a proxy's answer to CONNECT. It has no body that anybody reads.
pub const PROXY_ANSWER_LIMIT: usize = 8 * 1024;
/// Pins that a profile needs: a single one locks everybody out when the server's key is lost.
pub const PINS_AT_LEAST: usize = 2;
/// Deadline of a second look at a server that cannot be used: it only words an error that is known already.
pub const SECOND_PROBE: Duration = seconds(5);
