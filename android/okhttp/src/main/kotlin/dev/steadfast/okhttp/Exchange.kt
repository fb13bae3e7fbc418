package dev.steadfast.okhttp

import dev.steadfast.Account
import dev.steadfast.TransferState
import dev.steadfast.core.Body
import dev.steadfast.core.Method
import dev.steadfast.core.NameValue
import dev.steadfast.core.Upload
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import okhttp3.Headers
import okhttp3.HttpUrl
import okhttp3.HttpUrl.Companion.toHttpUrl
import okhttp3.MediaType
import okhttp3.MediaType.Companion.toMediaTypeOrNull
import okhttp3.Protocol
import okhttp3.Request
import okhttp3.RequestBody
import okhttp3.Response
import okhttp3.ResponseBody
import okhttp3.ResponseBody.Companion.asResponseBody
import okhttp3.ResponseBody.Companion.toResponseBody
import okio.Buffer
import okio.Source
import okio.Timeout
import okio.buffer
import java.io.File
import java.io.IOException
import java.net.ProtocolException
import dev.steadfast.core.Request as CoreRequest
import dev.steadfast.core.Response as CoreResponse

/** A request on its way through the core, and the answer on its way back. */
internal class Exchange(
    private val account: Account,
    private val request: Request,
    private val folder: File,
    private val call: Waiting,
) {
    private val template = coreRequest()

    /** The caller names a range of its own. */
    private val ranged = request.header("Range") != null

    suspend fun answer(): Response {
        val body = request.body
        if (body != null) return response(send(body), null)
        val wanted = wanted() ?: return response(account.request(template), null)
        val first = account.request(piece(wanted, wanted.first))
        val part = part(first, wanted, wanted.first)
        return when {
            part != null -> response(first, asked(wanted, part.total))

            // The piece is none that was asked for.
            first.status == PARTIAL -> response(account.request(template), null)

            // Nothing can be cut from an empty file.
            first.status == UNSATISFIABLE && !ranged -> response(account.request(template), null)

            else -> response(first, null)
        }
    }

    /** What is fetched in pieces; null for what goes as it is. */
    private fun wanted(): Wanted? =
        when {
            request.method != "GET" -> null
            ranged -> request.headers("Range").singleOrNull()?.let { Wanted.of(it, PIECE) }
            request.header("If-Range") == null -> Wanted(0, null)
            else -> null
        }

    /** What there is of it in a file of that size. */
    private fun asked(
        wanted: Wanted,
        total: Long,
    ) = Part(wanted.first, minOf(wanted.last ?: Long.MAX_VALUE, total - 1), total)

    private suspend fun send(body: RequestBody): CoreResponse {
        val type = body.contentType()?.toString() ?: "application/octet-stream"
        val streams = template.method == Method.POST || template.method == Method.PUT
        return Outgoing(folder, streams, call::goOn).use {
            it.take(body)
            val file = it.file
            if (file == null) account.request(template.copy(body = Body(type, it.bytes))) else upload(file, type)
        }
    }

    private suspend fun upload(
        file: File,
        type: String,
    ): CoreResponse =
        account
            .upload(Upload(template.method, template.path, type, file.path, template.query, template.headers))
            // The core has it open from the first step on: should the process end now, nothing is left of it.
            .onEach { file.delete() }
            .filterIsInstance<TransferState.Finished>()
            .first()
            .response

    /** As it was asked for: to the caller an answer in pieces is one, [whole] or the whole of the range that it named. */
    private fun response(
        answer: CoreResponse,
        whole: Part?,
    ): Response {
        val headers = Headers.Builder()
        answer.headers.filterNot { whole != null && it.name in OF_PIECES }.forEach { headers.addUnsafeNonAscii(it.name, it.value) }
        if (whole != null) {
            headers["content-length"] = whole.size.toString()
            if (ranged) headers["content-range"] = "bytes ${whole.first}-${whole.last}/${whole.total}"
        }
        val type = headers["content-type"]?.toMediaTypeOrNull()
        return Response
            .Builder()
            .request(request)
            .protocol(Protocol.HTTP_1_1)
            .code(if (whole != null && !ranged) OK else answer.status)
            .message("")
            .headers(headers.build())
            .body(body(answer, type, whole))
            .build()
    }

    private fun body(
        answer: CoreResponse,
        type: MediaType?,
        whole: Part?,
    ): ResponseBody =
        if (whole == null || answer.body.size.toLong() == whole.size) {
            answer.body.toResponseBody(type)
        } else {
            Pieces(answer, whole).buffer().asResponseBody(type, whole.size)
        }

    /** The rest of a file or of a range of it, each piece fetched when the reader comes to it. */
    private inner class Pieces(
        first: CoreResponse,
        private val whole: Part,
    ) : Source {
        private val wanted = Wanted(whole.first, whole.last)
        private val version = version(first)
        private val here = Buffer().write(first.body)
        private var next = whole.first + first.body.size
        private var closed = false

        override fun read(
            sink: Buffer,
            byteCount: Long,
        ): Long {
            check(!closed) { "closed" }
            if (here.exhausted()) {
                if (next > whole.last) return -1
                fetch()
            }
            return here.read(sink, byteCount)
        }

        private fun fetch() {
            val piece = call.wait { account.request(piece(wanted, next)) }
            val fits = part(piece, wanted, next)?.total == whole.total && version(piece) == version
            if (!fits) throw IOException("the file changed while it was read")
            here.write(piece.body)
            next += piece.body.size
        }

        override fun timeout(): Timeout = Timeout.NONE

        override fun close() {
            closed = true
            here.clear()
        }
    }

    private fun piece(
        of: Wanted,
        from: Long,
    ): CoreRequest {
        val others = template.headers.filterNot { it.name.equals("Range", ignoreCase = true) }
        return template.copy(headers = others + NameValue("Range", of.piece(from, PIECE)))
    }

    /** What part of the file an answer is, if it is one that was asked for and begins [from] there. */
    private fun part(
        answer: CoreResponse,
        of: Wanted,
        from: Long,
    ): Part? {
        val part = header(answer, "content-range")?.takeIf { answer.status == PARTIAL }?.let(Part::of)
        val fits = part != null && part.first == from && part.last <= (of.last ?: part.last)
        return part?.takeIf { fits && it.size == answer.body.size.toLong() }
    }

    private fun version(answer: CoreResponse) = header(answer, "etag") ?: header(answer, "last-modified")

    private fun header(
        answer: CoreResponse,
        name: String,
    ) = answer.headers.find { it.name == name }?.value

    private fun coreRequest(): CoreRequest {
        val url = request.url
        val headers =
            request.headers.filterNot { (name, _) ->
                name.lowercase() in OF_THE_CORE
            }.map { (name, value) -> NameValue(name, value) }
        return CoreRequest(method(), path(url), query(url), headers)
    }

    private fun method(): Method =
        when (request.method) {
            "GET" -> Method.GET
            "POST" -> Method.POST
            "PUT" -> Method.PUT
            "PATCH" -> Method.PATCH
            "DELETE" -> Method.DELETE
            "HEAD" -> Method.HEAD
            else -> throw ProtocolException("the core does not send ${request.method}")
        }

    /** The path below the server's own sub-path. */
    private fun path(url: HttpUrl): String {
        val server = account.state.value.serverUrl.toHttpUrl()
        val below = server.encodedPath.trimEnd('/')
        val same = url.scheme == server.scheme && url.host == server.host && url.port == server.port
        if (!same || !url.encodedPath.startsWith("$below/")) throw IOException("not an address of this account's server")
        return url.encodedPath.removePrefix(below)
    }

    private fun query(url: HttpUrl) =
        (0 until url.querySize).map {
            NameValue(url.queryParameterName(it), url.queryParameterValue(it).orEmpty())
        }

    private companion object {
        const val OK = 200
        const val PARTIAL = 206
        const val UNSATISFIABLE = 416

        /** Bytes fetched at once: a picture in one, a film in steps that a phone does not feel. */
        const val PIECE = 1L shl 20

        val OF_PIECES = setOf("content-range", "content-length")

        /** What OkHttp's callers set out of habit and the core sets itself. */
        val OF_THE_CORE =
            setOf(
                "accept-encoding",
                "connection",
                "content-length",
                "content-type",
                "host",
                "keep-alive",
                "transfer-encoding",
                "user-agent",
            )
    }
}
