package androidx.test.runner.lifecycle;

import android.app.Activity;

/** Told of every stage of every activity. */
public interface ActivityLifecycleCallback {
    void onActivityLifecycleChanged(Activity activity, Stage stage);
}
