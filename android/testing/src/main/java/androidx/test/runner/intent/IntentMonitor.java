package androidx.test.runner.intent;

/** Tells of the intents that are sent. */
public interface IntentMonitor {
    void addIntentCallback(IntentCallback callback);

    void removeIntentCallback(IntentCallback callback);
}
