package dev.steadfast.example;

import dev.steadfast.ConfigBuilder;
import dev.steadfast.JavaAccount;
import dev.steadfast.JavaSteadfast;
import dev.steadfast.SignInBuilder;
import dev.steadfast.core.ActiveSession;
import dev.steadfast.core.Config;
import dev.steadfast.core.DesktopSystem;
import dev.steadfast.core.Device;
import dev.steadfast.core.DeviceKind;
import dev.steadfast.core.KeyStore;
import dev.steadfast.core.SignIn;
import dev.steadfast.core.SteadfastException;
import dev.steadfast.core.SteadfastKt;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * Signs in, lists the user's sessions, signs out. Arguments: a folder for the vault, the server's address, the login id, the
 * password, and, for a company's own authority, a file with it in PEM.
 */
public final class ActiveSessions {
    private static final long PATIENCE_SECONDS = 60;

    private ActiveSessions() {}

    /** @throws Exception if the core cannot be opened, the server not be reached, or it refuses */
    public static void main(String[] arguments) throws Exception {
        List<String> authorities = arguments.length > 4 ? List.of(Files.readString(Path.of(arguments[4]))) : List.of();
        show(Path.of(arguments[0]), arguments[1], arguments[2], arguments[3], authorities, System.out);
    }

    /** The same, told on {@code out}. */
    public static void show(
            Path folder, String server, String loginId, String password, List<String> authorities, PrintStream out)
            throws Exception {
        KeyStore keys = SteadfastKt.fileKeyStore(folder.resolve("keys").toString());
        JavaSteadfast steadfast = JavaSteadfast.start(config(folder, authorities), keys);
        try {
            SignIn typed = new SignInBuilder(server, loginId, password).build();
            JavaAccount account = steadfast.signIn(typed).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
            for (ActiveSession session : account.activeSessions().get(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                out.println(session.getLabel() + (session.getCurrent() ? " (this one)" : ""));
            }
            account.signOut().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
            out.println("signed out");
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof SteadfastException) {
                SteadfastException why = (SteadfastException) failed.getCause();
                out.println(why.code() + (why.isRetryable() ? ", worth another try" : ""));
            }
            throw failed;
        } finally {
            steadfast.close().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        }
    }

    private static Config config(Path folder, List<String> authorities) {
        Device device = new Device(new DeviceKind.Desktop(DesktopSystem.LINUX), "1.0.0", "1", "1", "PC");
        return new ConfigBuilder(folder.resolve("vault").toString(), device)
                .extraAuthorities(authorities)
                .build();
    }
}
