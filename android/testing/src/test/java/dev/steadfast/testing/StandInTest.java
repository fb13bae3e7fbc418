package dev.steadfast.testing;

import static org.junit.Assert.assertTrue;

import android.app.Activity;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Color;
import android.os.Build;
import android.os.Bundle;
import android.view.View;
import android.widget.TextView;
import java.io.File;
import java.io.FileOutputStream;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;

@RunWith(RobolectricTestRunner.class)
@Config(sdk = {24, 35})
public final class StandInTest {
    public static final class Page extends Activity {
        @Override
        protected void onCreate(Bundle saved) {
            super.onCreate(saved);
            TextView text = new TextView(this);
            text.setText("SDK " + Build.VERSION.SDK_INT);
            text.setTextSize(48);
            text.setTextColor(Color.BLACK);
            text.setBackgroundColor(Color.WHITE);
            text.setId(android.R.id.text1);
            setContentView(text);
        }
    }

    @Test
    public void anActivityComesUpOnTheOldestAndTheNewestSystem() {
        Page page = Robolectric.buildActivity(Page.class).setup().get();
        assertTrue(page.getWindow().getDecorView().isShown());
    }

    @Test
    @GraphicsMode(GraphicsMode.Mode.NATIVE)
    @Config(sdk = 35)
    public void aPictureOfAPageHasItsTextInIt() throws Exception {
        View view = Robolectric.buildActivity(Page.class).setup().get().findViewById(android.R.id.text1);
        int width = view.getWidth();
        int height = view.getHeight();
        Bitmap bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888);
        view.draw(new Canvas(bitmap));
        int dark = 0;
        int light = 0;
        for (int x = 0; x < width; x++) {
            for (int y = 0; y < height; y++) {
                float luminance = Color.luminance(bitmap.getPixel(x, y));
                if (luminance < 0.2f) {
                    dark++;
                } else if (luminance > 0.8f) {
                    light++;
                }
            }
        }
        File folder = new File(System.getProperty("steadfast.pictures"));
        assertTrue(folder.isDirectory() || folder.mkdirs());
        try (FileOutputStream file = new FileOutputStream(new File(folder, "stand-in.png"))) {
            bitmap.compress(Bitmap.CompressFormat.PNG, 100, file);
        }
        assertTrue(dark + " dark points, " + light + " light ones", dark > 500 && light > 10 * dark);
    }
}
