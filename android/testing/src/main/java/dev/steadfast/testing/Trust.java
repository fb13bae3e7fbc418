package dev.steadfast.testing;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** TLS for those who trust the authority of a test. In Java, so that tests of a shrunk app, which have no Kotlin, can use it. */
public final class Trust {
    private Trust() {}

    /** TLS that trusts this authority, in PEM, and shows nothing of its own. */
    public static SSLContext trusting(String authority) throws IOException {
        try {
            ByteArrayInputStream pem = new ByteArrayInputStream(authority.getBytes(StandardCharsets.UTF_8));
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setCertificateEntry("authority", CertificateFactory.getInstance("X.509").generateCertificate(pem));
            TrustManagerFactory trusted = TrustManagerFactory.getInstance("PKIX");
            trusted.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, trusted.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException failed) {
            throw new IOException(failed);
        }
    }
}
