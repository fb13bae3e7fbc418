package dev.steadfast.okhttp

import dev.steadfast.core.ErrorDetail
import dev.steadfast.core.SteadfastException
import okhttp3.RequestBody
import okio.Buffer
import okio.Sink
import okio.Timeout
import okio.buffer
import okio.sink
import java.io.Closeable
import java.io.File
import java.net.ProtocolException

/**
 * What a request sends, as its body writes it: held while it is small, and laid into a file as soon as it is not, so that a
 * film costs no more memory than a line of text. To be closed, which leaves nothing of it.
 */
internal class Outgoing(
    private val folder: File,
    private val toFile: Boolean,
    private val goOn: () -> Unit,
) : Closeable {
    private val held = Buffer()
    private var into: Sink? = null

    /** Where it lies; null while it is held. */
    var file: File? = null
        private set

    /** All of it, if it is held. */
    val bytes: ByteArray get() = held.readByteArray()

    fun take(body: RequestBody) {
        if (body.isDuplex()) throw ProtocolException("the core does not send while it receives")
        val sink = Writing().buffer()
        body.writeTo(sink)
        // Some bodies close what they write to.
        if (sink.isOpen) sink.flush()
        into?.close()
    }

    private fun write(
        source: Buffer,
        byteCount: Long,
    ) {
        goOn()
        val together = held.size + byteCount
        if (into == null && together > HELD) {
            if (toFile) {
                lay()
            } else if (together > MOST) {
                throw tooLarge()
            }
        }
        (into ?: held).write(source, byteCount)
    }

    private fun lay() {
        val place = File.createTempFile("steadfast-body-", null, folder)
        file = place
        // On a desktop the folder may be everybody's.
        place.setReadable(false, false)
        place.setWritable(false, false)
        place.setReadable(true, true)
        place.setWritable(true, true)
        into = place.sink().also { it.write(held, held.size) }
    }

    override fun close() {
        held.clear()
        try {
            into?.close()
        } finally {
            file?.delete()
        }
    }

    private fun tooLarge() =
        SteadfastCallException(SteadfastException.CorrectInput("too_large", "a body is larger than the limit", ErrorDetail.Limit(MOST)))

    private inner class Writing : Sink {
        override fun write(
            source: Buffer,
            byteCount: Long,
        ) = this@Outgoing.write(source, byteCount)

        override fun flush() = Unit

        override fun timeout(): Timeout = Timeout.NONE

        override fun close() = Unit
    }

    private companion object {
        /** As much as a picture that was made small, or what is fetched at once. */
        const val HELD = 1L shl 20

        /** What the core takes as the body of a request. */
        const val MOST = 16L shl 20
    }
}
