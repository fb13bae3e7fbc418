package dev.steadfast.testing;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A program of this project in a process of its own, which says in one line of JSON where it listens, and is told what to
 * do over HTTP. It ends with whoever started it, even if that is killed.
 */
public final class Program implements AutoCloseable {
    private final Process process;
    private final String url;
    private final File authorityFile;
    private final String control;

    private Program(Process process, String line) throws IOException {
        this.process = process;
        url = field(line, "url");
        control = field(line, "control_url");
        authorityFile = new File(field(line, "ca_file"));
    }

    /** Starts one that takes `--until-stdin-ends`, with these further arguments. */
    public static Program start(String name, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(file(name).getPath());
        command.add("--until-stdin-ends");
        command.addAll(arguments);
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String line = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)).readLine();
        if (line == null) {
            throw new IOException(name + " did not start");
        }
        return new Program(process, line);
    }

    /** A program of this project, as Cargo built it. */
    public static File file(String name) {
        File project = new File("../..");
        String told = System.getenv("CARGO_TARGET_DIR");
        File target = told == null ? new File(project, "target") : new File(told);
        // Cargo is always started at the top of the project.
        File folder = target.isAbsolute() || told == null ? target : new File(project, told);
        return new File(folder, "debug/" + name).getAbsoluteFile();
    }

    /** Its address. */
    public String url() {
        return url;
    }

    /** The file with the authority that its certificate is of, in PEM. */
    public File authorityFile() {
        return authorityFile;
    }

    /** The authority that its certificate is of, in PEM. */
    public String authority() throws IOException {
        return Files.readString(authorityFile.toPath());
    }

    /** Asks its control port for something; gives the answer, as JSON. */
    public String get(String path) throws IOException {
        return answer((HttpURLConnection) new URL(control + "/" + path).openConnection());
    }

    /** Has its control port do something; gives the answer, as JSON. */
    public String post(String path, String json) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(control + "/" + path).openConnection();
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        connection.getOutputStream().write(json.getBytes(StandardCharsets.UTF_8));
        return answer(connection);
    }

    /** Stops it. */
    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException interrupted) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    private static String answer(HttpURLConnection connection) throws IOException {
        if (connection.getResponseCode() != HttpURLConnection.HTTP_OK) {
            throw new IOException(connection.getURL() + ": " + new String(connection.getErrorStream().readAllBytes(), StandardCharsets.UTF_8));
        }
        return new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    private static String field(String json, String name) throws IOException {
        Matcher value = Pattern.compile("\"" + name + "\":\"([^\"]*)\"").matcher(json);
        if (!value.find()) {
            throw new IOException("the program did not say its " + name);
        }
        return value.group(1);
    }
}
