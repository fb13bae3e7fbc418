package dev.steadfast.testing;

import static org.junit.Assert.assertEquals;
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
        View view = Robolectric.buildActivity(Page.class).setup().get().getWindow().getDecorView();
        int width = view.getWidth();
        int height = view.getHeight();
        Bitmap bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888);
        bitmap.eraseColor(Color.WHITE);
        view.draw(new Canvas(bitmap));
        int dark = 0;
        for (int x = 0; x < width; x++) {
            for (int y = 0; y < height; y++) {
                if (Color.luminance(bitmap.getPixel(x, y)) < 0.2f) {
                    dark++;
                }
            }
        }
        File folder = new File(System.getProperty("steadfast.pictures"));
        assertTrue(folder.isDirectory() || folder.mkdirs());
        try (FileOutputStream file = new FileOutputStream(new File(folder, "stand-in.png"))) {
            bitmap.compress(Bitmap.CompressFormat.PNG, 100, file);
        }
        assertTrue("only " + dark + " dark points", dark > 500);
        assertEquals(width * height, bitmap.getAllocationByteCount() / 4);
    }
}
