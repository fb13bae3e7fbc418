package dev.steadfast.sample;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import dev.steadfast.testing.TestServer;
import java.util.List;
import org.junit.AfterClass;
import org.junit.BeforeClass;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;

/**
 * The app as R8 left it, with the rules that the AAR carries, over the real core: classes of the library have other names
 * here or are gone. In Java, and without a class of the library, so that nothing but the shrunk app brings any.
 */
@RunWith(RobolectricTestRunner.class)
@Config(application = SampleApp.class)
public final class ShrunkTest {
    private static TestServer server;

    @BeforeClass
    public static void start() throws Exception {
        server = TestServer.start();
        Phone.setUp(server.authority());
    }

    @AfterClass
    public static void stop() {
        server.close();
    }

    @Test
    public void aShrunkAppSignsInListsItsSessionsAndIsSignedOutByTheServer() throws Exception {
        assertThrows(ClassNotFoundException.class, () -> Class.forName("dev.steadfast.sample.SessionsPage"));
        Phone phone = new Phone();
        phone.open();
        phone.signIn(server.url(), "alice", TestServer.ALICE);
        phone.see("Connected");
        phone.press("Active Sessions");
        List<String> row = phone.card("Android");
        assertTrue(row.toString(), row.contains("This device"));
        phone.press("Back");
        // No session is so young that its end does not count at the first look.
        server.turn("clock_advance", "{\"by\":20000}");
        phone.putAway();
        phone.seeGone("Connected");
        Elsewhere.signIn(server, "Windows", "sysadmin", TestServer.ADMIN).revokeSessionsOf("alice");
        phone.anHourPasses();
        assertEquals(
                List.of("Session Expired: Please log in to continue receiving notifications."), phone.notifications());
        phone.takeOut();
        phone.see("Your session has expired. Please log in again.");
    }
}
