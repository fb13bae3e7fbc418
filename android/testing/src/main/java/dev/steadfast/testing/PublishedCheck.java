package dev.steadfast.testing;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

/**
 * Looks at the Maven repository that is about to be published: that each artifact has what Maven Central asks of one, and that
 * sources and documentation are of every package that apps get.
 */
public final class PublishedCheck {
    private static final Map<String, String> ARTIFACTS =
            new TreeMap<>(Map.of("steadfast-android", "aar", "steadfast-okhttp", "jar", "steadfast-desktop", "jar"));

    private static final Map<String, String> CHECKSUMS = new TreeMap<>(Map.of("sha1", "SHA-1", "md5", "MD5"));

    private PublishedCheck() {}

    /** `PublishedCheck FOLDER VERSION DOCUMENTED`: fails with what is wrong. Documentation is only made by a release. */
    public static void main(String[] arguments) throws IOException {
        List<String> wrong = problems(Path.of(arguments[0]), arguments[1], Boolean.parseBoolean(arguments[2]));
        if (!wrong.isEmpty()) {
            throw new IllegalStateException(String.join("; ", wrong));
        }
        System.out.println(ARTIFACTS.size() + " artifacts of version " + arguments[1] + " are whole");
    }

    /** What is wrong with this version in this repository; empty if nothing. */
    public static List<String> problems(Path repository, String version, boolean isDocumented) throws IOException {
        List<String> wrong = new ArrayList<>();
        for (Map.Entry<String, String> artifact : ARTIFACTS.entrySet()) {
            String name = artifact.getKey() + "-" + version;
            Path folder = repository.resolve(Path.of("dev", "steadfast", artifact.getKey(), version));
            Path main = folder.resolve(name + "." + artifact.getValue());
            Path sources = folder.resolve(name + "-sources.jar");
            Path documentation = folder.resolve(name + "-javadoc.jar");
            Path pom = folder.resolve(name + ".pom");
            List<Path> parts = new ArrayList<>(List.of(main, sources, pom));
            if (isDocumented) {
                parts.add(documentation);
            }
            List<Path> missing = parts.stream().filter(part -> !Files.isRegularFile(part)).collect(Collectors.toList());
            missing.forEach(part -> wrong.add(part.getFileName() + " is missing"));
            if (!missing.isEmpty()) {
                continue;
            }
            for (Path part : parts) {
                wrong.addAll(sums(part));
            }
            if (Files.readString(pom).contains("${")) {
                wrong.add(pom.getFileName() + " holds a property that nobody filled in");
            }
            for (String shipped : packages(main)) {
                if (!holds(sources, shipped + "/[^/]+\\.(kt|java)")) {
                    wrong.add(sources.getFileName() + " holds nothing of " + shipped);
                }
                if (isDocumented && !holds(documentation, shipped + "/package-summary.html")) {
                    wrong.add(documentation.getFileName() + " holds nothing of " + shipped);
                }
            }
        }
        return wrong;
    }

    private static List<String> sums(Path part) throws IOException {
        List<String> wrong = new ArrayList<>();
        for (Map.Entry<String, String> checksum : CHECKSUMS.entrySet()) {
            Path sum = part.resolveSibling(part.getFileName() + "." + checksum.getKey());
            try {
                byte[] digest = MessageDigest.getInstance(checksum.getValue()).digest(Files.readAllBytes(part));
                String hex = String.format("%0" + 2 * digest.length + "x", new BigInteger(1, digest));
                if (!Files.isRegularFile(sum) || !Files.readString(sum).strip().equals(hex)) {
                    wrong.add(sum.getFileName() + " is missing or another's");
                }
            } catch (NoSuchAlgorithmException unknown) {
                throw new IllegalStateException(unknown);
            }
        }
        return wrong;
    }

    /** The packages of ours whose classes are in it; an AAR has them in a JAR. */
    private static Set<String> packages(Path artifact) throws IOException {
        Set<String> packages = new TreeSet<>();
        try (ZipFile zip = new ZipFile(artifact.toFile())) {
            ZipEntry classes = zip.getEntry("classes.jar");
            byte[] jar = classes == null ? Files.readAllBytes(artifact) : zip.getInputStream(classes).readAllBytes();
            try (ZipInputStream inner = new ZipInputStream(new ByteArrayInputStream(jar))) {
                for (ZipEntry entry = inner.getNextEntry(); entry != null; entry = inner.getNextEntry()) {
                    String name = entry.getName();
                    if (name.startsWith("dev/steadfast/") && name.endsWith(".class")) {
                        packages.add(name.substring(0, name.lastIndexOf('/')));
                    }
                }
            }
        }
        return packages;
    }

    private static boolean holds(Path jar, String wanted) throws IOException {
        try (ZipFile zip = new ZipFile(jar.toFile());
                Stream<? extends ZipEntry> entries = zip.stream()) {
            return entries.anyMatch(entry -> entry.getName().matches("(.*/)?" + wanted));
        }
    }
}
