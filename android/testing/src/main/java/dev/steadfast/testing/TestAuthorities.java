package dev.steadfast.testing;

import java.io.InputStream;
import java.io.OutputStream;
import java.security.Key;
import java.security.KeyStoreSpi;
import java.security.Provider;
import java.security.PublicKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateEncodingException;
import java.util.Collections;
import java.util.Date;
import java.util.Enumeration;
import java.util.Map;
import java.util.TreeMap;

/** An `AndroidCAStore` for tests, which Robolectric has none of: whatever it is told to hold. */
public final class TestAuthorities {
    /** A certificate that cannot be written as DER. */
    public static final byte[] WITHOUT_DER = {};

    /** A certificate at which the system's own classes fail. */
    public static final byte[] UNREADABLE = {0};

    private static volatile Map<String, byte[]> authorities = Map.of();

    private TestAuthorities() {}

    /** Installs it with these authorities: DER by the platform's names, such as `system:…` and `user:…`. */
    public static void install(Map<String, byte[]> wanted) {
        authorities = new TreeMap<>(wanted);
        Security.removeProvider(TestProvider.NAME);
        Security.addProvider(new TestProvider());
    }

    /** Takes it away again. */
    public static void uninstall() {
        Security.removeProvider(TestProvider.NAME);
    }

    private static final class TestProvider extends Provider {
        static final String NAME = "TestAuthorities";
        private static final long serialVersionUID = 1L;

        TestProvider() {
            super(NAME, "1", "authorities in memory, for tests");
            put("KeyStore.AndroidCAStore", Store.class.getName());
        }
    }

    private static final class Encoded extends Certificate {
        private static final long serialVersionUID = 1L;
        private final byte[] der;

        Encoded(byte[] der) {
            super("X.509");
            this.der = der;
        }

        @Override
        public byte[] getEncoded() throws CertificateEncodingException {
            if (der == WITHOUT_DER) {
                throw new CertificateEncodingException("no DER");
            }
            return der.clone();
        }

        @Override
        public void verify(PublicKey key) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void verify(PublicKey key, String provider) {
            throw new UnsupportedOperationException();
        }

        @Override
        public PublicKey getPublicKey() {
            throw new UnsupportedOperationException();
        }

        @Override
        public String toString() {
            return "Encoded";
        }
    }

    /** Lists the authorities. */
    public static final class Store extends KeyStoreSpi {
        @Override
        public Enumeration<String> engineAliases() {
            return Collections.enumeration(authorities.keySet());
        }

        @Override
        public boolean engineContainsAlias(String alias) {
            return authorities.containsKey(alias);
        }

        @Override
        public int engineSize() {
            return authorities.size();
        }

        @Override
        public boolean engineIsCertificateEntry(String alias) {
            return authorities.containsKey(alias);
        }

        @Override
        public Certificate engineGetCertificate(String alias) {
            byte[] der = authorities.get(alias);
            if (der == UNREADABLE) {
                throw new IllegalStateException("a certificate of another time");
            }
            return der == null ? null : new Encoded(der);
        }

        @Override
        public void engineLoad(InputStream stream, char[] password) {}

        @Override
        public Key engineGetKey(String alias, char[] password) {
            return null;
        }

        @Override
        public Certificate[] engineGetCertificateChain(String alias) {
            return null;
        }

        @Override
        public Date engineGetCreationDate(String alias) {
            return null;
        }

        @Override
        public boolean engineIsKeyEntry(String alias) {
            return false;
        }

        @Override
        public String engineGetCertificateAlias(Certificate certificate) {
            return null;
        }

        @Override
        public void engineSetKeyEntry(String alias, Key key, char[] password, Certificate[] chain) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void engineSetKeyEntry(String alias, byte[] key, Certificate[] chain) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void engineSetCertificateEntry(String alias, Certificate certificate) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void engineDeleteEntry(String alias) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void engineStore(OutputStream stream, char[] password) {
            throw new UnsupportedOperationException();
        }
    }
}
