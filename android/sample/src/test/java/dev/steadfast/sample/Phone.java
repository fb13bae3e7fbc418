package dev.steadfast.sample;

import android.app.Activity;
import android.app.Application;
import android.app.Notification;
import android.app.NotificationManager;
import android.app.job.JobParameters;
import android.app.job.JobScheduler;
import android.app.job.JobService;
import android.content.Context;
import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Color;
import android.net.ConnectivityManager;
import android.net.LinkProperties;
import android.net.Network;
import android.net.NetworkCapabilities;
import android.net.Uri;
import android.os.Build;
import android.os.Bundle;
import android.os.Looper;
import android.os.SystemClock;
import android.text.Layout;
import android.view.View;
import android.view.ViewGroup;
import android.widget.EditText;
import android.widget.HorizontalScrollView;
import android.widget.ScrollView;
import android.widget.TextView;
import dev.steadfast.testing.TestAuthorities;
import dev.steadfast.testing.TestKeystore;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.Shadows;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadows.ShadowNetwork;
import org.robolectric.shadows.ShadowNetworkCapabilities;
import org.robolectric.util.ReflectionHelpers;

/**
 * The phone in a person's hand: they read what is on the screen, type and press, put the phone away and take it out again.
 * Knows the app by its package and its words alone, so that it handles a shrunk one too.
 */
final class Phone {
    /** A safety net on a busy machine; nothing takes that long. */
    private static final Duration SAFETY = Duration.ofSeconds(90);

    /** How long the library lets the app run off screen. */
    private static final Duration GRACE = Duration.ofSeconds(15);

    /** What the system gives an opened one, in points of the screen. */
    private static final int NOTIFICATION_HEIGHT = 280;

    private final Application application = RuntimeEnvironment.getApplication();
    private final Network network = ShadowNetwork.newInstance(100);
    private ActivityController<? extends Activity> page;

    /** A phone on which the sample is installed. */
    Phone() {
        this(new File("target/merged/AndroidManifest.xml"));
    }

    /** A phone on which the app of this merged manifest is installed. */
    Phone(File manifest) {
        try {
            Installer.install(application, manifest);
        } catch (Exception failed) {
            throw new AssertionError(failed);
        }
    }

    /** Before an app starts: a phone that trusts the authorities of these servers, and whose key store works. */
    static void setUp(String... authorities) throws Exception {
        Map<String, byte[]> trusted = new HashMap<>();
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        for (String authority : authorities) {
            ByteArrayInputStream pem = new ByteArrayInputStream(authority.getBytes(StandardCharsets.UTF_8));
            trusted.put("system:" + trusted.size(), factory.generateCertificate(pem).getEncoded());
        }
        TestAuthorities.install(trusted);
        TestKeystore.install();
    }

    /** Opens the app from the launcher. */
    void open() {
        Intent launch = application.getPackageManager().getLaunchIntentForPackage(application.getPackageName());
        page = Robolectric.buildActivity(activity(launch.getComponent().getClassName()), launch);
        page.setup();
        page.windowFocusChanged(true);
        idle();
    }

    /** Leaves the app for the home screen; it is in its grace. */
    void leave() {
        page.pause();
        page.windowFocusChanged(false);
        page.stop();
        idle();
    }

    /** Leaves the app for longer than its grace. */
    void putAway() {
        leave();
        Shadows.shadowOf(Looper.getMainLooper()).idleFor(GRACE);
    }

    /** Takes the app to the front again. */
    void takeOut() {
        page.restart().start().resume().visible();
        page.windowFocusChanged(true);
        idle();
    }

    /** What was on the screen is gone with the process. */
    void forgetPage() {
        page.pause();
        page.windowFocusChanged(false);
        page.stop().destroy();
    }

    /** The system ends the process of an app that was left, and keeps what the page saved. Gives that. */
    Bundle endProcess() {
        Bundle saved = new Bundle();
        page.saveInstanceState(saved).destroy();
        return saved;
    }

    /** Opens the app again as it was left. */
    void openAgain(Bundle saved) {
        page = Robolectric.buildActivity(page.get().getClass(), page.getIntent());
        page.create(saved).start().restoreInstanceState(saved).resume().visible();
        page.windowFocusChanged(true);
        idle();
    }

    /** The person turns the phone, has everything shown dark, or larger: what the system calls that. */
    void change(String qualifiers) {
        RuntimeEnvironment.setQualifiers(qualifiers);
        changed();
    }

    /** Has text shown larger by so much. */
    void enlargeText(float factor) {
        RuntimeEnvironment.setFontScale(factor);
        changed();
    }

    private void changed() {
        Activity before = page.get();
        page.configurationChange();
        if (page.get() != before) {
            page.visible();
        }
        page.windowFocusChanged(true);
        idle();
    }

    /** The system's back. */
    @SuppressWarnings("deprecation") // It works on every system that the app says it was made for.
    void back() {
        page.get().onBackPressed();
        idle();
    }

    /** Whether the app was left by going back. */
    boolean isLeft() {
        return page.get().isFinishing();
    }

    /** There is no app that opens pages of the web. */
    void removeBrowsers() {
        Shadows.shadowOf(application).checkActivities(true);
    }

    /** The network is there, as the system sees it. */
    void networkUp() throws IOException {
        NetworkCapabilities capabilities = ShadowNetworkCapabilities.newInstance();
        Shadows.shadowOf(capabilities).addCapability(NetworkCapabilities.NET_CAPABILITY_VALIDATED);
        LinkProperties link = new LinkProperties();
        ConnectivityManager manager = application.getSystemService(ConnectivityManager.class);
        Shadows.shadowOf(manager).setNetworkCapabilities(network, capabilities);
        Shadows.shadowOf(manager).setLinkProperties(network, link);
        until("somebody listens to the network", () -> !callbacks().isEmpty());
        for (ConnectivityManager.NetworkCallback callback : callbacks()) {
            callback.onAvailable(network);
            callback.onCapabilitiesChanged(network, capabilities);
            callback.onLinkPropertiesChanged(network, link);
        }
    }

    /** Airplane mode. */
    void networkDown() throws IOException {
        networkUp();
        callbacks().forEach(callback -> callback.onLost(network));
    }

    /** The browser follows a link to the app. */
    void followLink(String link) throws Exception {
        Intent intent = new Intent(Intent.ACTION_VIEW, Uri.parse(link)).setPackage(application.getPackageName());
        String name = application.getPackageManager().queryIntentActivities(intent, 0).get(0).activityInfo.name;
        Robolectric.buildActivity(activity(name), intent).create();
        idle();
    }

    /** Where the app sent the browser. */
    String sentBrowserTo() {
        Intent[] sent = new Intent[1];
        until("the browser opens", () -> (sent[0] = Shadows.shadowOf(application).getNextStartedActivity()) != null);
        return sent[0].getDataString();
    }

    /** An hour passes: the system runs the app's jobs. */
    void anHourPasses() throws Exception {
        JobScheduler scheduler = application.getSystemService(JobScheduler.class);
        until("a job is scheduled", () -> !scheduler.getAllPendingJobs().isEmpty());
        String name = scheduler.getAllPendingJobs().get(0).getService().getClassName();
        JobService service = Robolectric.setupService(Class.forName(name).asSubclass(JobService.class));
        if (service.onStartJob(ReflectionHelpers.newInstance(JobParameters.class))) {
            until("the job is done", () -> Shadows.shadowOf(service).getIsJobFinished());
        }
    }

    /** The texts of the notifications that the system shows. */
    List<String> notifications() {
        idle();
        return posted().stream()
                .map(one -> one.extras.getCharSequence(Notification.EXTRA_TEXT).toString())
                .collect(Collectors.toList());
    }

    /** Taps the notification, with the app running behind other ones. */
    void tapNotification() {
        page.newIntent(Shadows.shadowOf(posted().get(0).contentIntent).getSavedIntent());
        takeOut();
    }

    /** Taps the notification, with the app's process gone. */
    void openByNotification() {
        Intent tap = Shadows.shadowOf(posted().get(0).contentIntent).getSavedIntent();
        page = Robolectric.buildActivity(page.get().getClass(), tap);
        page.setup();
        page.windowFocusChanged(true);
        idle();
    }

    /** The newest notification, as the system draws it. */
    @SuppressWarnings("deprecation") // Styles of later systems draw it otherwise; its content is the same.
    View drawnNotification() {
        Notification notification = posted().get(0);
        // Else it would be of a far future: the system's clock stands in 1970 here.
        SystemClock.setCurrentTimeMillis(notification.when);
        Context context = page.get();
        Notification.Builder builder = Notification.Builder.recoverBuilder(context, notification);
        return builder.createBigContentView().apply(context, new android.widget.FrameLayout(context));
    }

    /** Whether the screen shows exactly this text. */
    boolean shows(String text) {
        return find(text) != null;
    }

    /** Waits until the screen shows exactly this text. */
    void see(String text) {
        until("\"" + text + "\"", () -> shows(text));
    }

    /** Waits until the screen no longer shows it. */
    void seeGone(String text) {
        until("no \"" + text + "\"", () -> !shows(text));
    }

    /** Presses what has this text. */
    void press(String text) {
        until("\"" + text + "\" to press", () -> {
            TextView view = find(text);
            return view != null && view.isEnabled() && view.isClickable();
        });
        press(find(text));
    }

    /** Presses what has this text, unless the screen has changed before. */
    void pressIfThere(String text) {
        TextView view = find(text);
        if (view != null && view.isEnabled() && view.isClickable()) {
            press(view);
        }
    }

    /** Presses what has this text as often as a finger can, before anything comes of it. */
    void pressTwice(String text) {
        see(text);
        TextView view = find(text);
        for (int press = 0; press < 2; press++) {
            if (view.isEnabled()) {
                view.performClick();
            }
        }
        idle();
    }

    /** Presses what has this text on the card with that one. */
    void press(String text, String card) {
        press(on(card, text));
    }

    /** What stands on the card with this text, from its top. */
    List<String> card(String text) {
        see(text);
        return texts((View) find(text).getParent());
    }

    /** Types into the field with this hint. */
    void type(String hint, String text) {
        until("a field \"" + hint + "\"", () -> field(hint) != null);
        field(hint).setText(text);
    }

    /** What stands in the field with this hint. */
    String typed(String hint) {
        until("a field \"" + hint + "\"", () -> field(hint) != null);
        return field(hint).getText().toString();
    }

    /** Whether there is a field with this hint. */
    boolean asksFor(String hint) {
        return field(hint) != null;
    }

    /** Signs in from the page that asks for a server. */
    void signIn(String server, String user, String password) {
        type("Server URL", server);
        press("Connect");
        type("Email or Username", user);
        type("Password", password);
        press("Log In");
        see("Signed in as " + user);
    }

    /** Everything that the screen shows, from its top. */
    List<String> screen() {
        return texts(root());
    }

    /** Texts that cannot be read to their end, not even by scrolling. */
    List<String> cutOff() {
        idle();
        return all(root()).stream().filter(Phone::isCutOff).map(view -> view.getText().toString()).collect(Collectors.toList());
    }

    /** Keeps a picture of the screen. */
    void picture(String name) throws IOException {
        picture(name, root());
    }

    /** Keeps a picture of a view, where this Android can draw one here. */
    void picture(String name, View view) throws IOException {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.O) {
            return;
        }
        if (!view.isLaidOut()) {
            int wide = View.MeasureSpec.makeMeasureSpec(root().getWidth(), View.MeasureSpec.EXACTLY);
            view.measure(wide, View.MeasureSpec.makeMeasureSpec(NOTIFICATION_HEIGHT, View.MeasureSpec.EXACTLY));
            view.layout(0, 0, view.getMeasuredWidth(), view.getMeasuredHeight());
        }
        Bitmap bitmap = Bitmap.createBitmap(view.getWidth(), view.getHeight(), Bitmap.Config.ARGB_8888);
        bitmap.eraseColor(Color.WHITE);
        view.draw(new Canvas(bitmap));
        File folder = new File(System.getProperty("steadfast.pictures"));
        if (!folder.isDirectory() && !folder.mkdirs()) {
            throw new IOException("no folder " + folder);
        }
        try (FileOutputStream file = new FileOutputStream(new File(folder, name + ".png"))) {
            bitmap.compress(Bitmap.CompressFormat.PNG, 100, file);
        }
    }

    /** Waits until it is so. What the core has to say reaches the main thread by itself, so that is let run. */
    void until(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + SAFETY.toNanos();
        idle();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("waited for " + what + "; the screen shows " + (page == null ? "nothing" : screen()));
            }
            LockSupport.parkNanos(2_000_000);
            idle();
        }
    }

    private void idle() {
        Shadows.shadowOf(Looper.getMainLooper()).idle();
    }

    private List<ConnectivityManager.NetworkCallback> callbacks() {
        return new ArrayList<>(Shadows.shadowOf(application.getSystemService(ConnectivityManager.class)).getNetworkCallbacks());
    }

    private List<Notification> posted() {
        return Shadows.shadowOf(application.getSystemService(NotificationManager.class)).getAllNotifications();
    }

    private void press(View view) {
        if (!view.performClick()) {
            throw new AssertionError("nothing happens on " + view);
        }
        idle();
    }

    private View root() {
        return page.get().getWindow().getDecorView();
    }

    private TextView find(String text) {
        return all(root()).stream().filter(view -> text.contentEquals(view.getText())).findFirst().orElse(null);
    }

    private TextView on(String card, String text) {
        see(card);
        View parent = (View) find(card).getParent();
        return all(parent).stream()
                .filter(view -> text.contentEquals(view.getText()))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + text + " on the card " + card));
    }

    private EditText field(String hint) {
        return (EditText)
                all(root()).stream()
                        .filter(view -> view instanceof EditText && hint.contentEquals(view.getHint()))
                        .findFirst()
                        .orElse(null);
    }

    private static List<String> texts(View view) {
        return all(view).stream()
                .filter(one -> !(one instanceof EditText))
                .map(one -> one.getText().toString())
                .collect(Collectors.toList());
    }

    private static boolean isCutOff(TextView view) {
        if (view instanceof EditText) {
            return false;
        }
        Layout text = view.getLayout();
        int room = view.getHeight() - view.getCompoundPaddingTop() - view.getCompoundPaddingBottom();
        if (text == null || text.getHeight() > room || text.getEllipsisCount(text.getLineCount() - 1) > 0) {
            return true;
        }
        View inner = view;
        while (inner.getParent() instanceof View && !(inner instanceof HorizontalScrollView || inner instanceof ScrollView)) {
            View outer = (View) inner.getParent();
            boolean scrolls = outer instanceof HorizontalScrollView || outer instanceof ScrollView;
            if (!scrolls && (inner.getBottom() > outer.getHeight() || inner.getRight() > outer.getWidth())) {
                return true;
            }
            inner = outer;
        }
        return false;
    }

    /** The texts that a person sees below a view. */
    private static List<TextView> all(View view) {
        List<TextView> found = new ArrayList<>();
        if (view.getVisibility() != View.VISIBLE) {
            return found;
        }
        if (view instanceof TextView) {
            found.add((TextView) view);
        }
        if (view instanceof ViewGroup) {
            ViewGroup group = (ViewGroup) view;
            for (int index = 0; index < group.getChildCount(); index++) {
                found.addAll(all(group.getChildAt(index)));
            }
        }
        return found;
    }

    private static Class<? extends Activity> activity(String name) {
        try {
            return Class.forName(name).asSubclass(Activity.class);
        } catch (ClassNotFoundException missing) {
            throw new AssertionError(missing);
        }
    }
}
