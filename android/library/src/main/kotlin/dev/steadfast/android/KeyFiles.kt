package dev.steadfast.android

import android.system.ErrnoException
import android.system.Os
import android.system.OsConstants
import java.io.File
import java.io.FileNotFoundException
import java.io.FileOutputStream
import java.io.IOException

/**
 * Small files that are there whole or not at all, whatever the process dies of. The caller says when the folder may be
 * looked at: before the first unlock it looks empty.
 */
internal class KeyFiles(
    private val folder: File,
) {
    /** The content; null if there is no such file, for certain. */
    @Throws(IOException::class)
    fun read(name: String): ByteArray? {
        val file = file(name)
        return try {
            file.readBytes()
        } catch (unreadable: FileNotFoundException) {
            if (!isSurelyAbsent(file) || !folderIsUsable()) throw unreadable
            null
        }
    }

    @Throws(IOException::class)
    fun write(
        name: String,
        content: ByteArray,
    ) {
        if (!folder.isDirectory && !folder.mkdirs()) throw IOException("no folder")
        val beside = File(folder, "$name.new")
        FileOutputStream(beside).use { stream ->
            stream.write(content)
            stream.fd.sync()
        }
        if (!beside.renameTo(file(name))) {
            beside.delete()
            throw IOException("not renamed")
        }
        syncFolder(folder)
    }

    /** It is gone for good when this returns. */
    @Throws(IOException::class)
    fun delete(name: String) {
        for (file in listOf(file(name), File(folder, "$name.new"))) {
            if (!file.delete() && !isSurelyAbsent(file)) throw IOException("not deleted")
        }
        syncFolder(folder)
    }

    private fun file(name: String) = File(folder, "$name.key")

    private fun folderIsUsable(): Boolean {
        val nearest = if (isSurelyAbsent(folder)) folder.parentFile else folder
        return nearest != null && nearest.isDirectory && nearest.canRead()
    }
}

/**
 * Whether there is no such file. Java's own answer is also no for one that the system failed to look up.
 *
 * @throws IOException if that cannot be said
 */
internal fun isSurelyAbsent(file: File): Boolean =
    try {
        Os.lstat(file.path)
        false
    } catch (failed: ErrnoException) {
        if (failed.errno != OsConstants.ENOENT) throw IOException("not looked up", failed)
        true
    }

/** A rename is on the disk when its folder is. Where the system refuses that for folders, its file system orders it. */
internal fun syncFolder(folder: File) {
    try {
        val descriptor = Os.open(folder.path, OsConstants.O_RDONLY, 0)
        try {
            Os.fsync(descriptor)
        } finally {
            Os.close(descriptor)
        }
    } catch (_: ErrnoException) {
        return
    }
}
