package dev.steadfast.testing;

import android.system.ErrnoException;
import android.system.Os;
import android.system.OsConstants;
import android.system.StructStat;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;

/**
 * `lstat` as the system has it: Robolectric's own says of whatever is asked for that it is there. Tests name the files that
 * the system fails to look up.
 */
@Implements(Os.class)
public final class TestOs {
    private static final Map<String, Integer> FAILURES = new ConcurrentHashMap<>();

    /** Looking this file up fails with this number until {@link #heal}. */
    public static void fail(String path, int errno) {
        FAILURES.put(path, errno);
    }

    /** Every file can be looked up again. */
    public static void heal() {
        FAILURES.clear();
    }

    @Implementation
    public static StructStat lstat(String path) throws ErrnoException {
        Integer failure = FAILURES.get(path);
        if (failure != null) {
            throw new ErrnoException("lstat", failure);
        }
        try {
            BasicFileAttributes found =
                    Files.readAttributes(Path.of(path), BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
            int kind = found.isDirectory() ? OsConstants.S_IFDIR : OsConstants.S_IFREG;
            return new StructStat(0, 0, kind, 1, 0, 0, 0, found.size(), 0, 0, 0, 0, 0);
        } catch (NoSuchFileException absent) {
            throw new ErrnoException("lstat", OsConstants.ENOENT);
        } catch (AccessDeniedException denied) {
            throw new ErrnoException("lstat", OsConstants.EACCES);
        } catch (FileSystemException other) {
            boolean inAFile = String.valueOf(other.getReason()).contains("Not a directory");
            throw new ErrnoException("lstat", inAFile ? OsConstants.ENOTDIR : OsConstants.EIO);
        } catch (IOException failed) {
            throw new ErrnoException("lstat", OsConstants.EIO);
        }
    }
}
