package androidx.test.runner.intent;

import android.content.Intent;

/** Told of every intent that is sent. */
public interface IntentCallback {
    void onIntentSent(Intent intent);
}
