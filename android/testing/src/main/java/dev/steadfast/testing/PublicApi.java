package dev.steadfast.testing;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jetbrains.kotlin.abi.tools.AbiFilters;
import org.jetbrains.kotlin.abi.tools.AbiTools;

/**
 * What a caller can see of the classes that are published, as text beside the sources: whoever changes it changes the record
 * too, and whoever reads the change sees what it does to apps. As Kotlin's own tools write it: without what is `internal`.
 */
public final class PublicApi {
    /** How the bindings cross the border is nobody's API. */
    private static final Set<String> PLUMBING = Set.of(
            "dev.steadfast.core.Ffi*",
            "dev.steadfast.core.ForeignBytes*",
            "dev.steadfast.core.RustBuffer*",
            "dev.steadfast.core.Uniffi*");

    private static final int SHOWN = 40;

    private PublicApi() {}

    /** `PublicApi RECORD REGENERATE JAR…`: compares the API of the JARs with the record, or writes it where that is `true`. */
    public static void main(String[] arguments) throws IOException {
        Path record = Path.of(arguments[0]);
        List<File> jars = Arrays.stream(arguments).skip(2).map(File::new).collect(Collectors.toList());
        String now = of(jars);
        if (Boolean.parseBoolean(arguments[1])) {
            Files.createDirectories(record.getParent());
            Files.writeString(record, now);
            return;
        }
        List<String> changes = changes(Files.exists(record) ? Files.readString(record) : "", now);
        if (!changes.isEmpty()) {
            String shown = String.join("\n", changes.subList(0, Math.min(SHOWN, changes.size())));
            throw new IllegalStateException("the public API is not that of " + record.getFileName() + " (" + changes.size()
                    + " lines differ); if that is meant, -Dsteadfast.regenerate=true records it, and CHANGELOG.md says it:\n"
                    + shown);
        }
        System.out.println(record.getFileName() + ": " + now.lines().filter(line -> line.startsWith("public ")).count()
                + " public classes, as recorded");
    }

    /** The API of the classes in these JARs. */
    static String of(List<File> jars) {
        StringBuilder text = new StringBuilder();
        AbiFilters filters = new AbiFilters(Set.of(), PLUMBING, Set.of(), Set.of());
        AbiTools.Companion.getInstance(PublicApi.class.getClassLoader()).printJvmDump(text, jars, filters);
        if (text.length() == 0) {
            throw new IllegalArgumentException("no public class in " + jars);
        }
        return text.toString();
    }

    /** What is gone (`-`) and what is new (`+`), each with the class that it belongs to. */
    static List<String> changes(String recorded, String now) {
        Set<String> before = lines(recorded);
        Set<String> after = lines(now);
        List<String> changes = new ArrayList<>();
        before.stream().filter(line -> !after.contains(line)).forEach(line -> changes.add("- " + line));
        after.stream().filter(line -> !before.contains(line)).forEach(line -> changes.add("+ " + line));
        return changes;
    }

    private static Set<String> lines(String text) {
        Set<String> lines = new LinkedHashSet<>();
        String owner = "";
        for (String line : text.lines().collect(Collectors.toList())) {
            if (line.startsWith("\t")) {
                lines.add(owner + ": " + line.strip());
            } else if (line.startsWith("public ")) {
                owner = line.replaceAll("^.* (class|interface) (\\S+).*$", "$2");
                lines.add(line);
            }
        }
        return lines;
    }
}
