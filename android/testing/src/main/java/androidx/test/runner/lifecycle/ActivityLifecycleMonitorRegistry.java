package androidx.test.runner.lifecycle;

/** Holds the one ActivityLifecycleMonitor of a test. */
public final class ActivityLifecycleMonitorRegistry {
    private static volatile ActivityLifecycleMonitor instance;

    private ActivityLifecycleMonitorRegistry() {}

    public static void registerInstance(ActivityLifecycleMonitor registered) {
        instance = registered;
    }

    public static ActivityLifecycleMonitor getInstance() {
        ActivityLifecycleMonitor registered = instance;
        if (registered == null) {
            throw new IllegalStateException("no ActivityLifecycleMonitor is registered");
        }
        return registered;
    }
}
