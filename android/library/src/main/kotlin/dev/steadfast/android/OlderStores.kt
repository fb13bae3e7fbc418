package dev.steadfast.android

import android.content.Context
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException

/** Texts by name, as an older app's library kept them. */
internal interface OlderStore {
    /**
     * Every text.
     *
     * @throws IOException if there is something that cannot be read; whether it holds anything is not known then
     */
    fun read(): Map<String, String>

    /**
     * Takes these out. They are gone for good when it returns; the rest stays as it was. That one is not there is no error.
     *
     * @throws IOException if they are not gone, or one is no longer what is given here: then nothing is taken out
     */
    fun remove(texts: Map<String, String>)
}

/**
 * Whether none of these is there any more.
 *
 * @throws IOException if one is there, and another than is given here
 */
private fun OlderStore.isWithout(texts: Map<String, String>): Boolean {
    val there = read().filterKeys { it in texts }
    if (there.any { (key, value) -> texts[key] != value }) throw IOException("changed since it was read")
    return there.isEmpty()
}

/** A file of `SharedPreferences`. */
internal class OlderPreferences(
    private val context: Context,
    private val name: String,
) : OlderStore {
    override fun read(): Map<String, String> {
        val folder = File(context.applicationInfo.dataDir, "shared_prefs")
        // The second is what a write that was cut off leaves.
        val files = listOf(File(folder, "$name.xml"), File(folder, "$name.xml.bak")).filterNot(::isSurelyAbsent)
        if (files.isEmpty()) return emptyMap()
        val all = preferences().all
        // Of a file that it cannot read the platform makes an empty one, and the next write makes that true.
        if (all.isEmpty() && files.none { EMPTY in it.readText() }) throw IOException("the preferences cannot be read")
        return all.mapNotNull { (key, value) -> (value as? String)?.let { key to it } }.toMap()
    }

    override fun remove(texts: Map<String, String>) {
        if (isWithout(texts)) return
        val edit = preferences().edit()
        texts.keys.forEach(edit::remove)
        if (!edit.commit()) throw IOException("the preferences were not written")
    }

    private fun preferences() = context.getSharedPreferences(name, Context.MODE_PRIVATE)

    private companion object {
        /** How the platform writes preferences without any. */
        const val EMPTY = "<map />"
    }
}

/**
 * A file of Jetpack's `DataStore` for preferences, in its own format: a Protocol Buffers map of a text to one of several kinds
 * of value. Read by hand, since the library would be the only reason for a dependency on androidx. What is not a text is kept
 * byte by byte.
 */
internal class OlderDataStore(
    context: Context,
    name: String,
) : OlderStore {
    private val file = File(context.filesDir, "datastore/$name.preferences_pb")

    override fun read(): Map<String, String> = records().mapNotNull { it.text }.toMap()

    override fun remove(texts: Map<String, String>) {
        if (isWithout(texts)) return
        val stays = records().filterNot { record -> record.text?.let { (key, _) -> key in texts } ?: false }
        // The same name as the library's own, so that what an interrupted write left is overwritten as well.
        val beside = File(file.path + ".tmp")
        FileOutputStream(beside).use { stream ->
            stays.forEach { stream.write(it.bytes) }
            stream.fd.sync()
        }
        if (!beside.renameTo(file)) throw IOException("not renamed")
        file.parentFile?.let(::syncFolder)
    }

    private fun records(): List<Record> = if (isSurelyAbsent(file)) emptyList() else records(file.readBytes())

    /** A field of the file, whole, and the text that it holds under a name, if it does. */
    private class Record(
        val bytes: ByteArray,
        val text: Pair<String, String>?,
    )

    private fun records(content: ByteArray): List<Record> {
        val wire = Wire(content)
        val records = ArrayList<Record>()
        while (wire.isMore()) {
            val start = wire.at
            val field = wire.field()
            val text = field.payload?.takeIf { field.number == ENTRIES }?.let(::text)
            records += Record(content.copyOfRange(start, wire.at), text)
        }
        return records
    }

    private fun text(entry: ByteArray): Pair<String, String>? {
        val key = Wire(entry).payload(KEY)
        val text = Wire(entry).payload(VALUE)?.let { Wire(it).payload(TEXT) }
        return if (key == null || text == null) null else utf8(key) to utf8(text)
    }

    private companion object {
        const val ENTRIES = 1
        const val KEY = 1
        const val VALUE = 2
        const val TEXT = 5
    }
}

/** The outer form of Protocol Buffers: numbered fields, some of them with a payload of bytes. */
private class Wire(
    private val content: ByteArray,
) {
    var at = 0
        private set

    class Field(
        val number: Int,
        val payload: ByteArray?,
    )

    fun isMore() = at < content.size

    /** The payload of the last field of that number, which is the one that counts. */
    fun payload(number: Int): ByteArray? = generateSequence { if (isMore()) field() else null }.lastOrNull { it.number == number }?.payload

    fun field(): Field {
        val tag = number()
        val payload =
            when ((tag and KIND).toInt()) {
                0 -> null.also { number() }
                1 -> null.also { take(Long.SIZE_BYTES.toLong()) }
                2 -> take(number())
                FOUR_BYTES -> null.also { take(Int.SIZE_BYTES.toLong()) }
                else -> throw IOException("an unknown kind of field")
            }
        return Field((tag ushr KIND_BITS).toInt(), payload)
    }

    private fun number(): Long {
        var value = 0L
        for (shift in 0 until Long.SIZE_BITS step SEVEN) {
            val byte = take(1)[0].toLong()
            value = value or ((byte and LOW) shl shift)
            if (byte >= 0) return value
        }
        throw IOException("a number without an end")
    }

    private fun take(count: Long): ByteArray {
        if (count < 0 || count > content.size - at) throw IOException("cut off")
        return content.copyOfRange(at, at + count.toInt()).also { at += count.toInt() }
    }

    private companion object {
        const val KIND = 7L
        const val KIND_BITS = 3
        const val FOUR_BYTES = 5
        const val SEVEN = 7
        const val LOW = 0x7fL
    }
}

/** @throws IOException if these are no text */
internal fun utf8(bytes: ByteArray): String =
    try {
        Charsets.UTF_8
            .newDecoder()
            .decode(ByteBuffer.wrap(bytes))
            .toString()
    } catch (malformed: CharacterCodingException) {
        throw IOException("no text", malformed)
    }
