package dev.steadfast.okhttp

/** The bytes of a file that a caller wants, both ends counted; to the end of the file if there is no [last]. */
internal class Wanted(
    val first: Long,
    val last: Long?,
) {
    /** How it begins, or goes on [from] there: at most [size] bytes, as a request asks for them. */
    fun piece(
        from: Long,
        size: Long,
    ): String = "bytes=$from-${minOf(last ?: Long.MAX_VALUE, from + size - 1)}"

    companion object {
        private val SINGLE = Regex("bytes=(\\d+)-(\\d*)")

        /**
         * What a `Range` asks for, if that is all from some byte on, or up to another one, and more than [size] bytes. Null
         * for anything else, a range that counts from the end and several ranges among it.
         */
        fun of(
            range: String,
            size: Long,
        ): Wanted? {
            val (from, to) = SINGLE.matchEntire(range)?.destructured ?: return null
            val first = from.toLongOrNull()?.takeIf { it < Long.MAX_VALUE - size } ?: return null
            val last = if (to.isEmpty()) null else to.toLongOrNull() ?: return null
            return Wanted(first, last).takeIf { last == null || last - first >= size }
        }
    }
}

/** What an answer says it is a part of. */
internal class Part(
    val first: Long,
    val last: Long,
    val total: Long,
) {
    val size: Long get() = last - first + 1

    companion object {
        private val FORM = Regex("bytes (\\d+)-(\\d+)/(\\d+)")

        /** Null for what is no part of bytes, or of a file whose size the server does not know. */
        fun of(contentRange: String): Part? {
            val numbers = FORM.matchEntire(contentRange)?.groupValues?.drop(1) ?: return null
            val (first, last, total) = numbers.map { it.toLongOrNull() ?: return null }
            return Part(first, last, total).takeIf { last in first..<total }
        }
    }
}
