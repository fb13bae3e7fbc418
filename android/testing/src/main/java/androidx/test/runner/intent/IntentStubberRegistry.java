package androidx.test.runner.intent;

/** Holds the one IntentStubber of a test, if it has one. */
public final class IntentStubberRegistry {
    private static volatile IntentStubber instance;

    private IntentStubberRegistry() {}

    public static void load(IntentStubber stubber) {
        instance = stubber;
    }

    public static boolean isLoaded() {
        return instance != null;
    }

    public static IntentStubber getInstance() {
        IntentStubber stubber = instance;
        if (stubber == null) {
            throw new IllegalStateException("no IntentStubber is loaded");
        }
        return stubber;
    }

    public static void reset() {
        instance = null;
    }
}
