package dev.steadfast.android;

import static dev.steadfast.testing.WaitingKt.SAFETY_MILLIS;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.app.Activity;
import android.app.Application;
import android.content.Intent;
import android.net.Uri;
import android.os.UserManager;
import dev.steadfast.ConfigBuilder;
import dev.steadfast.JavaAccount;
import dev.steadfast.JavaSteadfast;
import dev.steadfast.Listener;
import dev.steadfast.SignInBuilder;
import dev.steadfast.core.Device;
import dev.steadfast.core.DeviceKind;
import dev.steadfast.core.Link;
import dev.steadfast.core.Notice;
import dev.steadfast.core.Obligation;
import dev.steadfast.core.Reminder;
import dev.steadfast.core.Shows;
import dev.steadfast.core.Snapshot;
import dev.steadfast.core.Standing;
import dev.steadfast.core.SteadfastException;
import dev.steadfast.core.WebCookies;
import dev.steadfast.core.WebView;
import dev.steadfast.testing.TestKeystore;
import dev.steadfast.testing.TestServer;
import dev.steadfast.testing.TestWorld;
import java.io.File;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.Shadows;

/** An Android app without a line of Kotlin: it starts the core, signs in, is told of everything, and closes. */
@RunWith(RobolectricTestRunner.class)
public final class JavaSteadfastAndroidTest {
    @Rule public final TestWorld world = new TestWorld();

    private final Application application = RuntimeEnvironment.getApplication();
    private final Executor direct = Runnable::run;
    private JavaSteadfastAndroid android;
    private JavaSteadfast core;

    @Before
    public void start() {
        TestKeystore.install();
        Shadows.shadowOf(application.getSystemService(UserManager.class)).setUserUnlocked(true);
        AndroidOptions options =
                new AndroidOptionsBuilder()
                        .showNotifications(false)
                        .configure(config -> new ConfigBuilder(world.trusting(config)).webView(WebView.COOKIES_FOR_ACCOUNTS).build())
                        .build();
        android = JavaSteadfastAndroid.start(application, options);
        core = android.getCore();
        Robolectric.buildActivity(Activity.class).create().start().resume().visible().windowFocusChanged(true);
        // Waits until the core has heard of that; nothing is there to be taken over.
        android.takeOverOlderApps().join();
    }

    @After
    public void close() {
        android.close().join();
        TestKeystore.uninstall();
    }

    @Test
    public void it_signs_in_is_told_where_the_account_stands_and_closes() throws Exception {
        Heard<List<JavaAccount>> accounts = new Heard<>();
        core.onAccounts(direct, accounts);
        JavaAccount alice = signIn();
        android.onScreen(alice.getId());
        assertEquals(List.of(alice), accounts.until(list -> !list.isEmpty()));
        Heard<Snapshot> states = new Heard<>();
        alice.onState(direct, states);
        assertEquals(Shows.Content.INSTANCE, states.until(now -> now.getLink() == Link.Live.INSTANCE).getShows());
        assertEquals(1, alice.activeSessions().join().size());
        Heard<dev.steadfast.RealtimeEvent> events = new Heard<>();
        alice.onEvents(direct, events);
        android.close().join();
        assertEquals("closed", events.ends.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS));
        CompletionException closed = assertThrows(CompletionException.class, () -> alice.activeSessions().join());
        assertEquals("closed", ((SteadfastException) closed.getCause()).code());
    }

    @Test
    public void it_is_told_what_there_is_to_show_and_what_to_take_back() throws Exception {
        Heard<List<Notice>> notices = new Heard<>();
        Heard<List<Long>> withdrawn = new Heard<>();
        Heard<List<Reminder>> reminders = new Heard<>();
        core.onNotices(direct, notices);
        core.onWithdrawnNotices(direct, withdrawn);
        core.onReminders(direct, reminders);
        JavaAccount alice = signIn();
        assertEquals(alice.getId(), reminders.until(list -> !list.isEmpty()).get(0).getAccount());
        world.getServer().turn("clock_advance", "{\"by\":60000}");
        world.getServer().turn("replica_lag", "{\"lag\":3600000}");
        world.getServer().turn("clear_token_cache", "{}");
        assertEquals(Standing.ENDED, alice.verify(SAFETY_MILLIS).join());
        Notice told = notices.until(list -> !list.isEmpty()).get(0);
        assertEquals(alice.getId(), told.getAccount());
        core.acknowledgeNotice(told.getId()).join();
        // It was no end at all.
        world.getServer().turn("replica_lag", "{\"lag\":0}");
        alice.verify(SAFETY_MILLIS).join();
        assertEquals(List.of(told.getId()), withdrawn.until(list -> !list.isEmpty()));
        core.acknowledgeNotice(told.getId()).join();
        alice.continueSession().join();
        assertEquals(Shows.Content.INSTANCE, alice.getState().getShows());
    }

    @Test
    public void it_is_told_what_it_owes() throws Exception {
        Heard<List<Long>> due = new Heard<>();
        Heard<List<Obligation>> obligations = new Heard<>();
        core.onCookiesDue(direct, due);
        core.onObligations(direct, obligations);
        JavaAccount alice = signIn();
        assertEquals(List.of(alice.getId()), due.until(list -> !list.isEmpty()));
        // Again for as long as something changed meanwhile.
        while (core.getChanges().getCookiesDue().contains(alice.getId())) {
            WebCookies cookies = alice.webCookies().join();
            alice.webCookiesWritten(cookies.getGeneration()).join();
        }
        due.until(List::isEmpty);
        alice.forget().join();
        Obligation owed = obligations.until(list -> !list.isEmpty()).get(0);
        assertEquals(alice.getId(), owed.getAccount());
        core.acknowledgeObligation(owed.getId()).join();
        obligations.until(List::isEmpty);
    }

    @Test
    public void it_is_told_what_became_of_the_browsers_link() throws Exception {
        Heard<SsoOutcome> outcomes = new Heard<>();
        android.onSsoOutcomes(direct, outcomes);
        Intent link = new Intent(Intent.ACTION_VIEW, Uri.parse("mmauth://callback?MMAUTHTOKEN=stolen"));
        Robolectric.buildActivity(SsoCallbackActivity.class, link).create();
        SsoOutcome.Failed failed = (SsoOutcome.Failed) outcomes.until(outcome -> true);
        assertEquals("callback_refused", ((SteadfastException) failed.getReason()).code());
    }

    @Test
    public void it_is_told_why_a_vault_does_not_open() throws Exception {
        core.ready().join();
        String folder = new File(application.getNoBackupFilesDir(), "steadfast").getPath();
        Device device = new Device(DeviceKind.Android.INSTANCE, "2.43.0", "799", "15", "Pixel");
        JavaSteadfast second = JavaSteadfast.start(new ConfigBuilder(folder, device).build(), world.keys());
        Heard<Optional<String>> problems = new Heard<>();
        second.onOpeningProblem(direct, why -> problems.next(Optional.ofNullable(why).map(SteadfastException::code)));
        assertEquals("store_in_use", problems.until(Optional::isPresent).get());
        android.close().join();
        problems.until(Optional::isEmpty);
        second.close().join();
    }

    private JavaAccount signIn() {
        return core.signIn(new SignInBuilder(world.getServer().url(), "alice", TestServer.ALICE).build()).join();
    }

    /** A listener that keeps what it hears. */
    private static final class Heard<T> implements Listener<T> {
        final BlockingQueue<String> ends = new LinkedBlockingQueue<>();
        private final BlockingQueue<T> values = new LinkedBlockingQueue<>();

        @Override
        public void next(T value) {
            values.add(value);
        }

        @Override
        public void ended(SteadfastException why) {
            ends.add(why.code());
        }

        /** Waits for one of this kind. */
        T until(Predicate<T> kind) throws InterruptedException {
            while (true) {
                T value = values.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS);
                assertTrue("it was not told", value != null);
                if (kind.test(value)) {
                    return value;
                }
            }
        }
    }
}
