package dev.steadfast.testing;

import android.security.keystore.KeyGenParameterSpec;
import android.security.keystore.KeyPermanentlyInvalidatedException;
import android.security.keystore.StrongBoxUnavailableException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.InvalidAlgorithmParameterException;
import java.security.Key;
import java.security.KeyStoreException;
import java.security.KeyStoreSpi;
import java.security.Provider;
import java.security.ProviderException;
import java.security.SecureRandom;
import java.security.Security;
import java.security.UnrecoverableKeyException;
import java.security.cert.Certificate;
import java.security.spec.AlgorithmParameterSpec;
import java.util.Base64;
import java.util.Collections;
import java.util.Date;
import java.util.Enumeration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import javax.crypto.KeyGeneratorSpi;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * An `AndroidKeyStore` for tests, which Robolectric has none of: keys in memory, and failures as they are told of real
 * devices. It keeps to what the real one promises about names, and says nothing about hardware.
 */
public final class TestKeystore {
    private static final Map<String, SecretKey> KEYS = new ConcurrentHashMap<>();
    private static final Map<String, KeyGenParameterSpec> SPECS = new ConcurrentHashMap<>();
    private static final ConcurrentLinkedDeque<Optional<Throwable>> FAILURES = new ConcurrentLinkedDeque<>();
    private static final AtomicInteger CALLS = new AtomicInteger();
    private static final AtomicReference<Throwable> KEY_FAILURE = new AtomicReference<>();
    private static final Set<String> INVALIDATED = ConcurrentHashMap.newKeySet();
    private static final AtomicInteger TO_GARBLE = new AtomicInteger();
    private static volatile Throwable always;
    private static volatile Throwable strongBox = new StrongBoxUnavailableException("no StrongBox");
    private static volatile boolean dead;
    private static volatile Path file;
    private static volatile Consumer<String> beforeDeleting = alias -> {};
    private static volatile Consumer<String> beforeGiving = alias -> {};

    private TestKeystore() {}

    /** Installs it, empty and without failures, for the tests that follow. */
    public static void install() {
        KEYS.clear();
        SPECS.clear();
        FAILURES.clear();
        CALLS.set(0);
        KEY_FAILURE.set(null);
        INVALIDATED.clear();
        TO_GARBLE.set(0);
        always = null;
        strongBox = new StrongBoxUnavailableException("no StrongBox");
        dead = false;
        file = null;
        beforeDeleting = alias -> {};
        beforeGiving = alias -> {};
        Security.removeProvider(TestProvider.NAME);
        Security.addProvider(new TestProvider());
    }

    /** As {@link #install()}, with the keys that lie in this file, where they stay when the process is killed. */
    public static void install(Path kept) throws IOException {
        install();
        if (Files.exists(kept)) {
            for (String line : Files.readAllLines(kept)) {
                String[] parts = line.split(" ");
                KEYS.put(parts[0], new SecretKeySpec(Base64.getDecoder().decode(parts[1]), "AES"));
            }
        }
        file = kept;
    }

    /** Takes it away again. */
    public static void uninstall() {
        Security.removeProvider(TestProvider.NAME);
    }

    /** Is told the name of each key that is about to be deleted. */
    public static void beforeDeleting(Consumer<String> told) {
        beforeDeleting = told;
    }

    /** Is told the name of each key that is about to be given, or said not to be there. */
    public static void beforeGiving(Consumer<String> told) {
        beforeGiving = told;
    }

    /** The next calls fail with these, one each, and succeed where one is null; afterwards it works again. */
    public static void failNext(Throwable... failures) {
        for (Throwable failure : failures) {
            FAILURES.add(Optional.ofNullable(failure));
        }
    }

    /** The next key that is asked for is answered by this failure. */
    public static void failNextKey(Throwable failure) {
        KEY_FAILURE.set(failure);
    }

    /** Every call fails with this; null for none. */
    public static void failAlways(Throwable failure) {
        always = failure;
    }

    /** There is a StrongBox from now on. */
    public static void addStrongBox() {
        strongBox = null;
    }

    /** Whoever asks for a key in StrongBox gets this failure. */
    public static void failStrongBox(Throwable failure) {
        strongBox = failure;
    }

    /**
     * The daemon behind it is gone. Up to Android 11 the system's classes then say of every key that there is none, and that
     * it was deleted; only making one fails.
     */
    public static void die() {
        dead = true;
    }

    /** The daemon is back, with every key. */
    public static void revive() {
        dead = false;
    }

    /** The system has invalidated every key that there is, for good. */
    public static void invalidate() {
        INVALIDATED.addAll(KEYS.keySet());
    }

    /** What the next keys that are made seal, they cannot open. */
    public static void garbleNewKeys(int count) {
        TO_GARBLE.set(count);
    }

    /** Every key is gone, as after a restored backup or a cleared credential storage. */
    public static void lose() {
        KEYS.clear();
        SPECS.clear();
    }

    /** Every key is another one than it was, under the same name. */
    public static void replaceKeys() {
        KEYS.replaceAll((alias, key) -> newKey());
    }

    /** What was asked for when this key was made; null if there is none. */
    public static KeyGenParameterSpec spec(String alias) {
        return SPECS.get(alias);
    }

    /** Names of all keys. */
    public static Set<String> aliases() {
        return new java.util.TreeSet<>(KEYS.keySet());
    }

    /** How many calls reached it. */
    public static int calls() {
        return CALLS.get();
    }

    private static SecretKey newKey() {
        byte[] bytes = new byte[32];
        new SecureRandom().nextBytes(bytes);
        return new SecretKeySpec(bytes, "AES");
    }

    private static synchronized void keep() {
        if (file == null) {
            return;
        }
        StringBuilder lines = new StringBuilder();
        KEYS.forEach((alias, key) ->
                lines.append(alias).append(' ').append(Base64.getEncoder().encodeToString(key.getEncoded())).append('\n'));
        try {
            Path beside = file.resolveSibling("keystore.new");
            Files.writeString(beside, lines);
            Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException failed) {
            throw new ProviderException("the test's keys cannot be kept", failed);
        }
    }

    private static Throwable nextFailure() {
        CALLS.incrementAndGet();
        Optional<Throwable> next = FAILURES.poll();
        return next != null ? next.orElse(null) : always;
    }

    /** Registers the two services under the platform's name. */
    private static final class TestProvider extends Provider {
        static final String NAME = "AndroidKeyStore";
        private static final long serialVersionUID = 1L;

        TestProvider() {
            super(NAME, "1", "keys in memory, for tests");
            put("KeyStore." + NAME, MemoryKeyStore.class.getName());
            put("KeyGenerator.AES", MemoryKeyGenerator.class.getName());
        }
    }

    /** Reads and deletes keys. */
    public static final class MemoryKeyStore extends KeyStoreSpi {
        @Override
        public Key engineGetKey(String alias, char[] password) throws UnrecoverableKeyException {
            Throwable failure = nextFailure();
            if (failure instanceof UnrecoverableKeyException) {
                throw (UnrecoverableKeyException) failure;
            }
            rethrow(failure);
            beforeGiving.accept(alias);
            Throwable ofKey = KEY_FAILURE.getAndSet(null);
            if (ofKey != null) {
                sneak(ofKey);
            }
            if (dead) {
                return null;
            }
            if (INVALIDATED.contains(alias)) {
                sneak(new KeyPermanentlyInvalidatedException());
            }
            return KEYS.get(alias);
        }

        @Override
        public void engineDeleteEntry(String alias) throws KeyStoreException {
            Throwable failure = nextFailure();
            if (failure instanceof KeyStoreException) {
                throw (KeyStoreException) failure;
            }
            rethrow(failure);
            beforeDeleting.accept(alias);
            if (!dead) {
                KEYS.remove(alias);
                SPECS.remove(alias);
                INVALIDATED.remove(alias);
                keep();
            }
        }

        @Override
        public boolean engineContainsAlias(String alias) {
            rethrow(nextFailure());
            return !dead && KEYS.containsKey(alias);
        }

        @Override
        public boolean engineIsKeyEntry(String alias) {
            return engineContainsAlias(alias);
        }

        @Override
        public Enumeration<String> engineAliases() {
            return Collections.enumeration(KEYS.keySet());
        }

        @Override
        public int engineSize() {
            return KEYS.size();
        }

        @Override
        public Certificate[] engineGetCertificateChain(String alias) {
            return null;
        }

        @Override
        public Certificate engineGetCertificate(String alias) {
            return null;
        }

        @Override
        public Date engineGetCreationDate(String alias) {
            return KEYS.containsKey(alias) ? new Date(0) : null;
        }

        @Override
        public void engineSetKeyEntry(String alias, Key key, char[] password, Certificate[] chain) {
            throw new UnsupportedOperationException("keys are generated, never imported");
        }

        @Override
        public void engineSetKeyEntry(String alias, byte[] key, Certificate[] chain) {
            throw new UnsupportedOperationException("keys are generated, never imported");
        }

        @Override
        public void engineSetCertificateEntry(String alias, Certificate certificate) {
            throw new UnsupportedOperationException("there are no certificates here");
        }

        @Override
        public boolean engineIsCertificateEntry(String alias) {
            return false;
        }

        @Override
        public String engineGetCertificateAlias(Certificate certificate) {
            return null;
        }

        @Override
        public void engineStore(OutputStream stream, char[] password) {
            throw new UnsupportedOperationException("the platform keeps it");
        }

        @Override
        public void engineLoad(InputStream stream, char[] password) {
            rethrow(nextFailure());
        }
    }

    /** Makes AES keys. */
    public static final class MemoryKeyGenerator extends KeyGeneratorSpi {
        private KeyGenParameterSpec spec;

        @Override
        protected void engineInit(AlgorithmParameterSpec parameters, SecureRandom random)
                throws InvalidAlgorithmParameterException {
            if (!(parameters instanceof KeyGenParameterSpec)) {
                throw new InvalidAlgorithmParameterException("a KeyGenParameterSpec is needed");
            }
            spec = (KeyGenParameterSpec) parameters;
        }

        @Override
        protected void engineInit(SecureRandom random) {
            throw new UnsupportedOperationException("a KeyGenParameterSpec is needed");
        }

        @Override
        protected void engineInit(int size, SecureRandom random) {
            throw new UnsupportedOperationException("a KeyGenParameterSpec is needed");
        }

        @Override
        protected SecretKey engineGenerateKey() {
            rethrow(nextFailure());
            if (dead) {
                throw new ProviderException("Failed to generate key");
            }
            if (android.os.Build.VERSION.SDK_INT >= 28 && spec.isStrongBoxBacked()) {
                rethrow(strongBox);
            }
            boolean garbles = TO_GARBLE.getAndUpdate(left -> Math.max(0, left - 1)) > 0;
            SecretKey key = garbles ? new GarblingKey() : newKey();
            KEYS.put(spec.getKeystoreAlias(), key);
            SPECS.put(spec.getKeystoreAlias(), spec);
            INVALIDATED.remove(spec.getKeystoreAlias());
            keep();
            return key;
        }
    }

    /** Another key each time that it is used. */
    private static final class GarblingKey implements SecretKey {
        private static final long serialVersionUID = 1L;

        @Override
        public String getAlgorithm() {
            return "AES";
        }

        @Override
        public String getFormat() {
            return "RAW";
        }

        @Override
        public byte[] getEncoded() {
            return newKey().getEncoded();
        }
    }

    /** KeyStore.getKey does not declare what Android's throws of an invalidated key. */
    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak(Throwable failure) throws T {
        throw (T) failure;
    }

    private static void rethrow(Throwable failure) {
        if (failure == null) {
            return;
        }
        if (failure instanceof RuntimeException) {
            throw (RuntimeException) failure;
        }
        if (failure instanceof Error) {
            throw (Error) failure;
        }
        throw new ProviderException("Keystore operation failed", failure);
    }
}
