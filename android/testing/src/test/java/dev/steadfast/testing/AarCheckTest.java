package dev.steadfast.testing;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

public final class AarCheckTest {
    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();

    @Test
    public void aWholeOneIsGood() throws IOException {
        Map<String, byte[]> entries = whole();
        entries.put("jni/arm64-v8a/libsteadfast.so", elf64(183, 0x4000));
        entries.put("jni/armeabi-v7a/libsteadfast.so", elf32(40, 0x1000));
        assertEquals(List.of(), AarCheck.problems(aar(entries), List.of()));
    }

    @Test
    public void whatIsMissingIsNamed() throws IOException {
        Map<String, byte[]> entries = whole();
        entries.remove("R.txt");
        entries.remove("res/xml/steadfast_full_backup_content.xml");
        entries.put("classes.jar", zip(Map.of("other.class", new byte[0])));
        assertEquals(
                List.of(
                        "R.txt is missing",
                        "res/xml/steadfast_full_backup_content.xml is missing",
                        "classes.jar holds no dev.steadfast.Steadfast"),
                AarCheck.problems(aar(entries), List.of()));
    }

    @Test
    public void aReleaseHasEveryAbi() throws IOException {
        Map<String, byte[]> entries = whole();
        entries.put("jni/arm64-v8a/libsteadfast.so", elf64(183, 0x4000));
        entries.put("jni/x86_64/libother.so", elf64(62, 0x4000));
        assertEquals(
                List.of("no libsteadfast.so for x86_64"), AarCheck.problems(aar(entries), List.of("arm64-v8a", "x86_64")));
    }

    @Test
    public void aLibraryOfAnotherMachineIsNamed() throws IOException {
        Map<String, byte[]> entries = whole();
        entries.put("jni/x86_64/libsteadfast.so", elf64(183, 0x4000));
        entries.put("jni/libsteadfast.so", elf64(62, 0x4000));
        List<String> problems = AarCheck.problems(aar(entries), List.of());
        assertEquals(2, problems.size());
        assertTrue(problems.get(0).contains("lies in no folder"));
        assertTrue(problems.get(1).contains("is of machine 183, not 62"));
    }

    @Test
    public void smallPagesAreRefusedWhereLargeOnesExist() {
        assertTrue(AarCheck.problem("arm64-v8a", elf64(183, 0x1000)).contains("aligned to 4096 bytes"));
        assertNull(AarCheck.problem("arm64-v8a", elf64(183, 0x10000)));
        assertNull(AarCheck.problem("armeabi-v7a", elf32(40, 0x1000)));
    }

    @Test
    public void whatIsNoLibraryIsRefused() {
        assertEquals("is no ELF file", AarCheck.problem("x86_64", new byte[100]));
        assertEquals("is no ELF file", AarCheck.problem("x86_64", new byte[3]));
        assertEquals("is of an ABI that is not built", AarCheck.problem("mips", elf64(8, 0x4000)));
        ByteBuffer cut = ByteBuffer.wrap(elf64(62, 0x4000)).order(ByteOrder.LITTLE_ENDIAN);
        cut.putShort(56, (short) 900);
        assertEquals("is cut off", AarCheck.problem("x86_64", cut.array()));
    }

    private static Map<String, byte[]> whole() throws IOException {
        Map<String, byte[]> entries = new LinkedHashMap<>();
        entries.put("AndroidManifest.xml", new byte[0]);
        entries.put("R.txt", new byte[0]);
        entries.put("proguard.txt", new byte[0]);
        entries.put("res/xml/steadfast_data_extraction_rules.xml", new byte[0]);
        entries.put("res/xml/steadfast_full_backup_content.xml", new byte[0]);
        entries.put("classes.jar", zip(Map.of("dev/steadfast/Steadfast.class", new byte[0])));
        return entries;
    }

    private Path aar(Map<String, byte[]> entries) throws IOException {
        return Files.write(folder.getRoot().toPath().resolve("some.aar"), zip(entries));
    }

    private static byte[] zip(Map<String, byte[]> entries) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                zip.putNextEntry(new ZipEntry(entry.getKey()));
                zip.write(entry.getValue());
            }
        }
        return bytes.toByteArray();
    }

    /** A header and one loaded segment. */
    private static byte[] elf64(int machine, long alignment) {
        ByteBuffer elf = ByteBuffer.allocate(64 + 56).order(ByteOrder.LITTLE_ENDIAN);
        elf.putInt(0, 0x464c457f).put(4, (byte) 2).putShort(18, (short) machine);
        elf.putLong(32, 64).putShort(54, (short) 56).putShort(56, (short) 1);
        elf.putInt(64, 1).putLong(64 + 48, alignment);
        return elf.array();
    }

    private static byte[] elf32(int machine, int alignment) {
        ByteBuffer elf = ByteBuffer.allocate(52 + 32).order(ByteOrder.LITTLE_ENDIAN);
        elf.putInt(0, 0x464c457f).put(4, (byte) 1).putShort(18, (short) machine);
        elf.putInt(28, 52).putShort(42, (short) 32).putShort(44, (short) 1);
        elf.putInt(52, 1).putInt(52 + 28, alignment);
        return elf.array();
    }
}
