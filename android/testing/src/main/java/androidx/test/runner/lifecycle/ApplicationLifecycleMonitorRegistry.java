package androidx.test.runner.lifecycle;

/** Holds the one ApplicationLifecycleMonitor of a test. */
public final class ApplicationLifecycleMonitorRegistry {
    private static volatile ApplicationLifecycleMonitor instance;

    private ApplicationLifecycleMonitorRegistry() {}

    public static void registerInstance(ApplicationLifecycleMonitor registered) {
        instance = registered;
    }

    public static ApplicationLifecycleMonitor getInstance() {
        ApplicationLifecycleMonitor registered = instance;
        if (registered == null) {
            throw new IllegalStateException("no ApplicationLifecycleMonitor is registered");
        }
        return registered;
    }
}
