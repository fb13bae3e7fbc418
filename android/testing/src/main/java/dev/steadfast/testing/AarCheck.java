package dev.steadfast.testing;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

/**
 * Looks at an AAR as it is about to be published: that it has what an Android build expects of it, and that each native
 * library is of the ABI that its folder says and can be loaded where memory pages are 16 KB.
 */
public final class AarCheck {
    /** Every ABI and the ELF machine that it is. */
    private static final Map<String, Integer> MACHINES = Map.of("arm64-v8a", 183, "armeabi-v7a", 40, "x86_64", 62);

    private static final int PAGE = 16 * 1024;

    /** What an app takes from it, with the rules for backups that its manifest names. */
    private static final List<String> NEEDED =
            List.of(
                    "AndroidManifest.xml",
                    "classes.jar",
                    "R.txt",
                    "proguard.txt",
                    "res/xml/steadfast_data_extraction_rules.xml",
                    "res/xml/steadfast_full_backup_content.xml");

    private AarCheck() {}

    /** `AarCheck FILE.aar [ABI …]`: prints what is in it, and fails with what is wrong or if one of these ABIs is missing. */
    public static void main(String[] arguments) throws IOException {
        Path aar = Path.of(arguments[0]);
        List<String> wrong = problems(aar, List.of(arguments).subList(1, arguments.length));
        if (!wrong.isEmpty()) {
            throw new IllegalStateException(aar.getFileName() + ": " + String.join("; ", wrong));
        }
        System.out.println(summary(aar));
    }

    /** What is wrong with it, as one that has to hold a library for each of these ABIs; empty if nothing. */
    public static List<String> problems(Path aar, List<String> abis) throws IOException {
        List<String> wrong = new ArrayList<>();
        Map<String, byte[]> entries = entries(aar);
        for (String abi : abis) {
            if (!entries.containsKey("jni/" + abi + "/libsteadfast.so")) {
                wrong.add("no libsteadfast.so for " + abi);
            }
        }
        for (String needed : NEEDED) {
            if (!entries.containsKey(needed)) {
                wrong.add(needed + " is missing");
            }
        }
        byte[] classes = entries.get("classes.jar");
        if (classes != null && !names(classes).contains("dev/steadfast/Steadfast.class")) {
            wrong.add("classes.jar holds no dev.steadfast.Steadfast");
        }
        entries.forEach((name, content) -> {
            if (name.startsWith("jni/")) {
                String[] path = name.split("/");
                String problem = path.length == 3 ? problem(path[1], content) : "lies in no folder of an ABI";
                if (problem != null) {
                    wrong.add(name + " " + problem);
                }
            }
        });
        return wrong;
    }

    /** What is wrong with a native library of this ABI; null if nothing. */
    static String problem(String abi, byte[] library) {
        Integer machine = MACHINES.get(abi);
        if (machine == null) {
            return "is of an ABI that is not built";
        }
        ByteBuffer elf = ByteBuffer.wrap(library).order(ByteOrder.LITTLE_ENDIAN);
        if (library.length < 64 || elf.getInt(0) != 0x464c457f) {
            return "is no ELF file";
        }
        if (elf.getShort(18) != machine) {
            return "is of machine " + elf.getShort(18) + ", not " + machine;
        }
        boolean wide = library[4] == 2;
        long headers = wide ? elf.getLong(32) : elf.getInt(28);
        int size = elf.getShort(wide ? 54 : 42);
        int count = elf.getShort(wide ? 56 : 44);
        if (headers <= 0 || count <= 0 || headers + (long) size * count > library.length) {
            return "is cut off";
        }
        for (int index = 0; index < count; index++) {
            int at = (int) headers + size * index;
            boolean loaded = elf.getInt(at) == 1;
            long alignment = wide ? elf.getLong(at + 48) : elf.getInt(at + 28);
            // Devices with large pages run no 32-bit code.
            if (loaded && wide && alignment % PAGE != 0) {
                return "is aligned to " + alignment + " bytes, not to pages of 16 KB";
            }
        }
        return null;
    }

    private static String summary(Path aar) throws IOException {
        StringBuilder text = new StringBuilder(aar.getFileName() + ": " + Files.size(aar) + " bytes;");
        Set<String> abis = new TreeSet<>();
        try (ZipFile zip = new ZipFile(aar.toFile())) {
            zip.stream()
                    .filter(entry -> entry.getName().startsWith("jni/") && !entry.isDirectory())
                    .forEach(entry -> abis.add(
                            entry.getName().split("/")[1] + " " + entry.getSize() + " bytes, " + entry.getCompressedSize() + " packed"));
        }
        return text.append(abis.isEmpty() ? " no native libraries" : " " + String.join("; ", abis)).toString();
    }

    private static Map<String, byte[]> entries(Path zip) throws IOException {
        try (InputStream file = Files.newInputStream(zip)) {
            return entries(file);
        }
    }

    private static Set<String> names(byte[] zip) throws IOException {
        return entries(new ByteArrayInputStream(zip)).keySet();
    }

    private static Map<String, byte[]> entries(InputStream stream) throws IOException {
        Map<String, byte[]> entries = new TreeMap<>();
        try (ZipInputStream zip = new ZipInputStream(stream)) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                if (!entry.isDirectory()) {
                    entries.put(entry.getName(), zip.readAllBytes());
                }
            }
        }
        return entries;
    }
}
