package dev.steadfast.testing;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

public final class PublicApiTest {
    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();

    @Test
    public void aChangeThatNobodyRecordedIsNamed() throws IOException {
        String classes = jar(PublicApi.class).getPath();
        Path record = folder.getRoot().toPath().resolve("api/some.api");
        PublicApi.main(new String[] {record.toString(), "true", classes});
        PublicApi.main(new String[] {record.toString(), "false", classes});

        String recorded = Files.readString(record);
        assertTrue(recorded.contains("public final class dev/steadfast/testing/PublicApi"));
        assertFalse("what only the package sees", recorded.contains("changes"));
        Files.writeString(record, recorded.replace("public static fun main", "public static fun start"));
        assertThrows(
                IllegalStateException.class, () -> PublicApi.main(new String[] {record.toString(), "false", classes}));
        Files.delete(record);
        assertThrows(
                IllegalStateException.class, () -> PublicApi.main(new String[] {record.toString(), "false", classes}));
    }

    @Test
    public void aJarWithoutClassesHasNoApi() throws IOException {
        assertThrows(IllegalArgumentException.class, () -> PublicApi.of(List.of(jar())));
    }

    @Test
    public void aChangeNamesItsClass() {
        String before = "public final class a/B {\n\tpublic final fun one ()V\n}\n\npublic final class a/C {\n}\n";
        String after = "public final class a/B {\n\tpublic final fun two ()V\n}\n\npublic final class a/C {\n}\n";
        assertEquals(
                List.of("- a/B: public final fun one ()V", "+ a/B: public final fun two ()V"),
                PublicApi.changes(before, after));
        assertEquals(List.of(), PublicApi.changes(before, before));
        assertEquals(List.of("- public final class a/C {"), PublicApi.changes(before, before.replace("public final class a/C {\n}\n", "")));
    }

    private File jar(Class<?>... classes) throws IOException {
        File jar = folder.newFile("some" + classes.length + ".jar");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(jar.toPath()))) {
            for (Class<?> one : classes) {
                String name = one.getName().replace('.', '/') + ".class";
                zip.putNextEntry(new ZipEntry(name));
                try (InputStream stream = one.getClassLoader().getResourceAsStream(name)) {
                    zip.write(stream.readAllBytes());
                }
                zip.closeEntry();
            }
        }
        return jar;
    }
}
