package androidx.test.runner.intent;

/** Holds the one IntentMonitor of a test. */
public final class IntentMonitorRegistry {
    private static volatile IntentMonitor instance;

    private IntentMonitorRegistry() {}

    public static void registerInstance(IntentMonitor registered) {
        instance = registered;
    }

    public static IntentMonitor getInstance() {
        IntentMonitor registered = instance;
        if (registered == null) {
            throw new IllegalStateException("no IntentMonitor is registered");
        }
        return registered;
    }
}
