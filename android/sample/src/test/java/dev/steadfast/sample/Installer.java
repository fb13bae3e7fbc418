package dev.steadfast.sample;

import android.app.Application;
import android.content.ComponentName;
import android.content.IntentFilter;
import android.content.pm.ActivityInfo;
import android.content.res.Resources;
import android.os.Bundle;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.robolectric.Shadows;
import org.robolectric.shadows.ShadowPackageManager;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * Installs the app as its merged manifest says. Robolectric does it by itself only with a binary manifest, which needs a tool
 * of the Android SDK.
 */
final class Installer {
    private static final String FRAMEWORK = "@android:";

    private Installer() {}

    static void install(Application application, File file) throws Exception {
        Element manifest = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file).getDocumentElement();
        Element declared = all(manifest, "application").get(0);
        Class.forName(declared.getAttribute("android:name")).asSubclass(Application.class).cast(application);
        ShadowPackageManager packages = Shadows.shadowOf(application.getPackageManager());
        application.getApplicationInfo().nonLocalizedLabel = declared.getAttribute("android:label");
        Bundle values = new Bundle();
        for (Element value : all(declared, "meta-data")) {
            values.putInt(value.getAttribute("android:name"), resource(value.getAttribute("android:resource")));
        }
        packages.getInternalMutablePackageInfo(application.getPackageName()).applicationInfo.metaData = values;
        for (Element activity : all(declared, "activity")) {
            ActivityInfo information = new ActivityInfo();
            information.packageName = application.getPackageName();
            information.applicationInfo = application.getApplicationInfo();
            information.name = Class.forName(activity.getAttribute("android:name")).getName();
            String theme = activity.getAttribute("android:theme");
            information.theme = resource(theme.isEmpty() ? declared.getAttribute("android:theme") : theme);
            information.configChanges = changes(activity.getAttribute("android:configChanges"));
            packages.addOrUpdateActivity(information);
            for (Element filter : all(activity, "intent-filter")) {
                packages.addIntentFilterForActivity(
                        new ComponentName(information.packageName, information.name), filter(filter));
            }
        }
    }

    /** Those that a page lives through; for all others it is made anew. */
    private static int changes(String declared) {
        int changes = 0;
        for (String name : declared.split("\\|")) {
            switch (name) {
                case "" -> {}
                case "keyboard" -> changes |= ActivityInfo.CONFIG_KEYBOARD;
                case "keyboardHidden" -> changes |= ActivityInfo.CONFIG_KEYBOARD_HIDDEN;
                case "navigation" -> changes |= ActivityInfo.CONFIG_NAVIGATION;
                case "orientation" -> changes |= ActivityInfo.CONFIG_ORIENTATION;
                case "screenLayout" -> changes |= ActivityInfo.CONFIG_SCREEN_LAYOUT;
                case "screenSize" -> changes |= ActivityInfo.CONFIG_SCREEN_SIZE;
                case "smallestScreenSize" -> changes |= ActivityInfo.CONFIG_SMALLEST_SCREEN_SIZE;
                default -> throw new AssertionError("no change is called " + name);
            }
        }
        return changes;
    }

    private static IntentFilter filter(Element declared) {
        IntentFilter filter = new IntentFilter();
        all(declared, "action").forEach(action -> filter.addAction(action.getAttribute("android:name")));
        all(declared, "category").forEach(category -> filter.addCategory(category.getAttribute("android:name")));
        for (Element data : all(declared, "data")) {
            filter.addDataScheme(data.getAttribute("android:scheme"));
            filter.addDataAuthority(data.getAttribute("android:host"), null);
        }
        return filter;
    }

    private static int resource(String name) {
        String[] parts = name.substring(FRAMEWORK.length()).split("/");
        int found = Resources.getSystem().getIdentifier(parts[1], parts[0], "android");
        if (!name.startsWith(FRAMEWORK) || found == 0) {
            throw new AssertionError("no " + name);
        }
        return found;
    }

    private static List<Element> all(Element parent, String name) {
        List<Element> found = new ArrayList<>();
        NodeList elements = parent.getElementsByTagName(name);
        for (int index = 0; index < elements.getLength(); index++) {
            found.add((Element) elements.item(index));
        }
        return found;
    }
}
