package dev.steadfast.testing;

import static org.junit.Assert.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/** What is published is whole, or the build says what is not. */
public final class PublishedCheckTest {
    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();

    @Before
    public void publish() throws Exception {
        byte[] classes = zip("dev/steadfast/Steadfast.class", "dev/steadfast/core/Core.class");
        put("steadfast-android", ".aar", zipOf("classes.jar", classes));
        put("steadfast-android", "-sources.jar", zip("dev/steadfast/Steadfast.kt", "dev/steadfast/core/Core.kt"));
        put("steadfast-android", "-javadoc.jar", zip("dev/steadfast/package-summary.html", "dev/steadfast/core/package-summary.html"));
        put("steadfast-okhttp", ".jar", zip("dev/steadfast/okhttp/Calls.class"));
        put("steadfast-okhttp", "-sources.jar", zip("dev/steadfast/okhttp/Calls.kt"));
        put("steadfast-okhttp", "-javadoc.jar", zip("dev/steadfast/okhttp/package-summary.html"));
        put("steadfast-desktop", ".jar", zip("linux-x86-64/libsteadfast.so"));
        put("steadfast-desktop", "-sources.jar", zip("core/src/lib.rs"));
        put("steadfast-desktop", "-javadoc.jar", zip("README.md"));
        for (String artifact : List.of("steadfast-android", "steadfast-okhttp", "steadfast-desktop")) {
            put(artifact, ".pom", "<project/>".getBytes());
        }
    }

    @Test
    public void whatIsWholePasses() throws IOException {
        assertEquals(List.of(), problems(true));
    }

    @Test
    public void documentationIsOnlyAskedOfARelease() throws IOException {
        Files.delete(path("steadfast-okhttp", "-javadoc.jar"));
        assertEquals(List.of(), problems(false));
        assertEquals(List.of("steadfast-okhttp-1.0-javadoc.jar is missing"), problems(true));
    }

    @Test
    public void whatIsMissingIsNamed() throws IOException {
        Files.delete(path("steadfast-desktop", "-sources.jar"));
        assertEquals(List.of("steadfast-desktop-1.0-sources.jar is missing"), problems(false));
    }

    @Test
    public void aSumOfSomethingElseIsSeen() throws Exception {
        Files.writeString(path("steadfast-okhttp", ".jar.md5"), "0".repeat(32));
        assertEquals(List.of("steadfast-okhttp-1.0.jar.md5 is missing or another's"), problems(false));
    }

    @Test
    public void aPackageWithoutSourcesOrDocumentationIsNamed() throws Exception {
        put("steadfast-android", "-sources.jar", zip("dev/steadfast/Steadfast.kt"));
        put("steadfast-android", "-javadoc.jar", zip("dev/steadfast/package-summary.html"));
        assertEquals(
                List.of(
                        "steadfast-android-1.0-sources.jar holds nothing of dev/steadfast/core",
                        "steadfast-android-1.0-javadoc.jar holds nothing of dev/steadfast/core"),
                problems(true));
    }

    @Test
    public void aPomWithAPropertyLeftInItIsSeen() throws Exception {
        put("steadfast-android", ".pom", "<url>${steadfast.home}</url>".getBytes());
        assertEquals(List.of("steadfast-android-1.0.pom holds a property that nobody filled in"), problems(true));
    }

    private List<String> problems(boolean isDocumented) throws IOException {
        return PublishedCheck.problems(folder.getRoot().toPath(), "1.0", isDocumented);
    }

    private Path path(String artifact, String end) {
        return folder.getRoot().toPath().resolve("dev/steadfast/" + artifact + "/1.0/" + artifact + "-1.0" + end);
    }

    private void put(String artifact, String end, byte[] content) throws Exception {
        Path path = path(artifact, end);
        Files.createDirectories(path.getParent());
        Files.write(path, content);
        Files.writeString(path(artifact, end + ".sha1"), String.format("%040x", sum("SHA-1", content)));
        Files.writeString(path(artifact, end + ".md5"), String.format("%032x", sum("MD5", content)));
    }

    private static BigInteger sum(String of, byte[] content) throws Exception {
        return new BigInteger(1, MessageDigest.getInstance(of).digest(content));
    }

    private static byte[] zip(String... names) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            for (String name : names) {
                zip.putNextEntry(new ZipEntry(name));
            }
        }
        return bytes.toByteArray();
    }

    private static byte[] zipOf(String name, byte[] content) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.putNextEntry(new ZipEntry(name));
            zip.write(content);
        }
        return bytes.toByteArray();
    }
}
