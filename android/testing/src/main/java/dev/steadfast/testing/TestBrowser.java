package dev.steadfast.testing;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLSocketFactory;

/** A browser, and at it a user who signs in on the page of the identity provider. */
public final class TestBrowser {
    private static final String AGENT =
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

    private final SSLSocketFactory sockets;
    private final List<String> cookies = new ArrayList<>();

    private TestBrowser(String authority) throws IOException {
        sockets = Trust.trusting(authority).getSocketFactory();
    }

    /**
     * Opens the page, on a server whose certificate is of that authority, and signs in there as that user; gives the link by
     * which the browser goes back to the app.
     */
    public static String signIn(String authority, String url, String user) throws IOException {
        TestBrowser browser = new TestBrowser(authority);
        String page = browser.submit(url, browser.page("GET", url, null), "user=" + user + "&");
        // Some providers answer with a form that the page sends by itself.
        while (page.contains("id=\"onward\"")) {
            page = browser.submit(url, page, "");
        }
        return first("<a href=\"([^\"]*)\"", page);
    }

    private String submit(String base, String page, String typed) throws IOException {
        StringBuilder fields = new StringBuilder(typed);
        Matcher hidden = Pattern.compile("type=\"hidden\" name=\"([^\"]*)\" value=\"([^\"]*)\"").matcher(page);
        while (hidden.find()) {
            String value = URLEncoder.encode(plain(hidden.group(2)), StandardCharsets.UTF_8);
            fields.append(hidden.group(1)).append('=').append(value).append('&');
        }
        String action = first("action=\"([^\"]*)\"", page);
        return page("POST", new URL(new URL(base), action).toString(), fields.toString());
    }

    private static String first(String pattern, String html) throws IOException {
        Matcher found = Pattern.compile(pattern).matcher(html);
        if (!found.find()) {
            throw new IOException("no " + pattern + ": " + html);
        }
        return plain(found.group(1));
    }

    private String page(String method, String url, String form) throws IOException {
        HttpsURLConnection connection = (HttpsURLConnection) new URL(url).openConnection();
        connection.setSSLSocketFactory(sockets);
        connection.setRequestMethod(method);
        connection.setInstanceFollowRedirects(false);
        connection.setRequestProperty("User-Agent", AGENT);
        connection.setRequestProperty("Content-Type", "application/x-www-form-urlencoded");
        if (!cookies.isEmpty()) {
            connection.setRequestProperty("Cookie", String.join("; ", cookies));
        }
        if (form != null) {
            connection.setDoOutput(true);
            connection.getOutputStream().write(form.getBytes(StandardCharsets.UTF_8));
        }
        int status = connection.getResponseCode();
        List<String> set = connection.getHeaderFields().getOrDefault("Set-Cookie", List.of());
        set.forEach(cookie -> cookies.add(cookie.split(";", 2)[0]));
        if (status / 100 == 3) {
            return page("GET", new URL(new URL(url), connection.getHeaderField("Location")).toString(), null);
        }
        if (status != 200) {
            throw new IOException(url + " gave " + status);
        }
        try (InputStream answer = connection.getInputStream()) {
            return new String(answer.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static String plain(String html) {
        return html.replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", "\"").replace("&#39;", "'").replace("&amp;", "&");
    }
}
