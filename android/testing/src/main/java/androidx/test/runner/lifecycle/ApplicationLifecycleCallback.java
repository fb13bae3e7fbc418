package androidx.test.runner.lifecycle;

import android.app.Application;

/** Told of every stage of the application. */
public interface ApplicationLifecycleCallback {
    void onApplicationLifecycleChanged(Application application, ApplicationStage stage);
}
