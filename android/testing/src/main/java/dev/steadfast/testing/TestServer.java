package dev.steadfast.testing;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The project's own server (`tests/server`) in a process of its own, with TLS: it answers as Mattermost does, and has
 * switches for what a real one does only on bad days. Users: alice, bob and sysadmin.
 */
public final class TestServer implements AutoCloseable {
    /** Password of alice. */
    public static final String ALICE = "Passw0rd!alice";

    /** Password of bob. */
    public static final String BOB = "Passw0rd!bob";

    /** Password of sysadmin, who is an administrator. */
    public static final String ADMIN = "Sys@dmin-pass1";

    private final Process process;
    private final String url;
    private final String authority;
    private final String switches;

    private TestServer(Process process, String line) throws IOException {
        this.process = process;
        url = field(line, "url");
        switches = field(line, "control_url");
        authority = Files.readString(new File(field(line, "ca_file")).toPath());
    }

    /** Starts one on a port of its own, with these further arguments. */
    public static TestServer start(String... arguments) throws IOException {
        String[] command = new String[arguments.length + 2];
        command[0] = binary("steadfast-testserver").getPath();
        command[1] = "--tls";
        System.arraycopy(arguments, 0, command, 2, arguments.length);
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        BufferedReader output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        String line = output.readLine();
        if (line == null) {
            throw new IOException("the server did not start");
        }
        return new TestServer(process, line);
    }

    /** A program of this project, as Cargo built it. */
    public static File binary(String name) {
        String target = System.getenv("CARGO_TARGET_DIR");
        File folder = target != null ? new File(target) : new File("../../target");
        return new File(folder, "debug/" + name).getAbsoluteFile();
    }

    /** Its address. */
    public String url() {
        return url;
    }

    /** The authority that its certificate is of, in PEM. */
    public String authority() {
        return authority;
    }

    /** Turns a switch: its name and its arguments as a JSON object. Gives the answer, as JSON. */
    public String turn(String name, String json) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(switches + "/" + name).openConnection();
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        connection.getOutputStream().write(json.getBytes(StandardCharsets.UTF_8));
        return answer(connection);
    }

    /** Reads `state`, `requests`, `pushes` or `live_sockets`, as JSON. */
    public String read(String name) throws IOException {
        return answer((HttpURLConnection) new URL(switches + "/" + name).openConnection());
    }

    /** Ends every session of a user, as an administrator does, at a time when none of them is young any more. */
    public void revokeSessionsLater(String user) throws IOException {
        turn("clock_advance", "{\"by\":60000}");
        Matcher ids = Pattern.compile("\"id\":\"([a-z0-9]{26})\"").matcher(turn("sessions", "{\"user\":\"" + user + "\"}"));
        while (ids.find()) {
            turn("revoke_session", "{\"session\":\"" + ids.group(1) + "\"}");
        }
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
            throw new IOException(new String(connection.getErrorStream().readAllBytes(), StandardCharsets.UTF_8));
        }
        return new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    private static String field(String json, String name) throws IOException {
        Matcher value = Pattern.compile("\"" + name + "\":\"([^\"]*)\"").matcher(json);
        if (!value.find()) {
            throw new IOException("the server did not say its " + name);
        }
        return value.group(1);
    }
}
