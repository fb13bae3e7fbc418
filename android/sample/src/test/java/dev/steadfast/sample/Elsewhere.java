package dev.steadfast.sample;

import dev.steadfast.testing.TestServer;
import dev.steadfast.testing.Trust;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLSocketFactory;

/** Somebody signed in on another device, which is no app of this project: it speaks the server's own API. */
final class Elsewhere {
    /** What the other devices say that they are: user agent and, where there is one, the id of the device. */
    static final Map<String, String[]> KINDS = kinds();

    private final TestServer server;
    private final SSLSocketFactory sockets;
    private final String agent;
    private String token;

    private Elsewhere(TestServer server, String agent) throws IOException {
        this.server = server;
        this.agent = agent;
        this.sockets = Trust.trusting(server.authority()).getSocketFactory();
    }

    /** Signs in on a device of that kind. */
    static Elsewhere signIn(TestServer server, String kind, String user, String password) throws IOException {
        String[] device = KINDS.get(kind);
        Elsewhere elsewhere = new Elsewhere(server, device[0]);
        String body = String.format("{\"login_id\":\"%s\",\"password\":\"%s\",\"device_id\":\"%s\"}", user, password, device[1]);
        HttpsURLConnection login = elsewhere.open("POST", server.url() + "/api/v4/users/login", body, Map.of());
        if (login.getResponseCode() != 200) {
            throw new IOException("signing in elsewhere gave " + login.getResponseCode());
        }
        elsewhere.token = login.getHeaderField("Token");
        return elsewhere;
    }

    /** Whether the device is signed in still. */
    boolean isSignedIn() throws IOException {
        int status = call("GET", "/api/v4/users/me", null).getResponseCode();
        if (status != 200 && status != 401) {
            throw new IOException("asking who one is gave " + status);
        }
        return status == 200;
    }

    /** The ids of this user's sessions that an Android app of this project began. */
    List<String> sessionsOfTheApp() throws IOException {
        String list = read(call("GET", "/api/v4/users/me/sessions", null));
        List<String> found = new ArrayList<>();
        Matcher sessions = Pattern.compile("\"id\":\"([a-z0-9]{26})\".*?\"props\":\\{(.*?)\\}").matcher(list);
        while (sessions.find()) {
            if (sessions.group(2).contains("\"os\":\"Android\"") && sessions.group(2).contains("Mobile App")) {
                found.add(sessions.group(1));
            }
        }
        return found;
    }

    /** Ends one of this user's sessions, as the page of active sessions does. */
    void endSession(String session) throws IOException {
        done(call("POST", "/api/v4/users/me/sessions/revoke", "{\"session_id\":\"" + session + "\"}"));
    }

    /** As an administrator: ends every session of a user. */
    void revokeSessionsOf(String user) throws IOException {
        String found = read(call("GET", "/api/v4/users/username/" + user, null));
        Matcher id = Pattern.compile("\"id\":\"([a-z0-9]{26})\"").matcher(found);
        if (!id.find()) {
            throw new IOException("there is no user " + user);
        }
        done(call("POST", "/api/v4/users/" + id.group(1) + "/sessions/revoke/all", "{}"));
    }

    /** As an administrator: ends every session of everybody. */
    void revokeEverySession() throws IOException {
        done(call("POST", "/api/v4/users/sessions/revoke/all", "{}"));
    }

    private HttpsURLConnection call(String method, String path, String body) throws IOException {
        return open(method, server.url() + path, body, Map.of("Authorization", "Bearer " + token));
    }

    private HttpsURLConnection open(String method, String url, String body, Map<String, String> headers) throws IOException {
        HttpsURLConnection connection = (HttpsURLConnection) new URL(url).openConnection();
        connection.setSSLSocketFactory(sockets);
        connection.setRequestMethod(method);
        connection.setInstanceFollowRedirects(false);
        connection.setRequestProperty("User-Agent", agent);
        headers.forEach(connection::setRequestProperty);
        if (body != null) {
            connection.setDoOutput(true);
            connection.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
        }
        return connection;
    }

    private static void done(HttpsURLConnection connection) throws IOException {
        if (connection.getResponseCode() != 200) {
            throw new IOException(connection.getURL() + " gave " + connection.getResponseCode());
        }
    }

    private static String read(HttpsURLConnection connection) throws IOException {
        done(connection);
        try (InputStream answer = connection.getInputStream()) {
            return new String(answer.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static Map<String, String[]> kinds() {
        Map<String, String[]> kinds = new LinkedHashMap<>();
        String chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";
        kinds.put("Macintosh", new String[] {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) " + chrome, ""});
        kinds.put("Windows", new String[] {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + chrome, ""});
        kinds.put(
                "Native Desktop App",
                new String[] {
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                            + "Mattermost/5.9.0 Chrome/130.0.6723.191 Electron/33.4.11 Safari/537.36",
                    ""
                });
        kinds.put("iPhone Native App", new String[] {"Mattermost Mobile/2.43.0+799 (iOS; 18.5; iPhone 15 Pro)", "apple_rn-v2:0a1b"});
        kinds.put(
                "iPhone Native Classic App",
                new String[] {
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
                    "apple:0a1b"
                });
        kinds.put(
                "Android Native Classic App",
                new String[] {
                    "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
                            + "Version/4.0 Chrome/130.0.6723.191 Mobile Safari/537.36",
                    "android:0a1b"
                });
        return kinds;
    }
}
