package dev.steadfast.testing;

import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
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

    private final Program program;
    private final String authority;

    private TestServer(Program program) throws IOException {
        this.program = program;
        authority = program.authority();
    }

    /** Starts one on a port of its own, with these further arguments. */
    public static TestServer start(String... arguments) throws IOException {
        List<String> all = new ArrayList<>(List.of("--tls"));
        all.addAll(List.of(arguments));
        return new TestServer(Program.start("steadfast-testserver", all));
    }

    /** Its address. */
    public String url() {
        return program.url();
    }

    /** The file with the authority that its certificate is of, in PEM. */
    public File authorityFile() {
        return program.authorityFile();
    }

    /** The authority that its certificate is of, in PEM. */
    public String authority() {
        return authority;
    }

    /** Turns a switch: its name and its arguments as a JSON object. Gives the answer, as JSON. */
    public String turn(String name, String json) throws IOException {
        return program.post(name, json);
    }

    /** Reads `state`, `requests`, `pushes` or `live_sockets`, as JSON. */
    public String read(String name) throws IOException {
        return program.get(name);
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
        program.close();
    }
}
