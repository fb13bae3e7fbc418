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

    suspend fun answer(): Response {
        val body = request.body
        val inPieces = request.method == "GET" && request.header("Range") == null && request.header("If-Range") == null
        if (body != null) return response(send(body), null)
        if (!inPieces) return response(account.request(template), null)
        val first = account.request(piece(0))
        val whole = if (first.status == PARTIAL) total(first) else null
        return when {
            whole != null -> response(first, whole)

            // Nothing can be cut from an empty file, or the piece is none that was asked for.
            first.status == PARTIAL || first.status == UNSATISFIABLE -> response(account.request(template), null)

            else -> response(first, null)
        }
    }

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

    /** As it was asked for: an answer in pieces is one whole answer to the caller. */
    private fun response(
        answer: CoreResponse,
        whole: Long?,
    ): Response {
        val headers = Headers.Builder()
        answer.headers.filterNot { whole != null && it.name in OF_PIECES }.forEach { headers.addUnsafeNonAscii(it.name, it.value) }
        if (whole != null) headers["content-length"] = whole.toString()
        val type = headers["content-type"]?.toMediaTypeOrNull()
        return Response
            .Builder()
            .request(request)
            .protocol(Protocol.HTTP_1_1)
            .code(if (whole != null) OK else answer.status)
            .message("")
            .headers(headers.build())
            .body(body(answer, type, whole))
            .build()
    }

    private fun body(
        answer: CoreResponse,
        type: MediaType?,
        whole: Long?,
    ): ResponseBody =
        if (whole == null || answer.body.size.toLong() == whole) {
            answer.body.toResponseBody(type)
        } else {
            Pieces(answer, whole).buffer().asResponseBody(type, whole)
        }

    /** The rest of a file, each piece fetched when the reader comes to it. */
    private inner class Pieces(
        first: CoreResponse,
        private val whole: Long,
    ) : Source {
        private val version = version(first)
        private val here = Buffer().write(first.body)
        private var fetched = first.body.size.toLong()
        private var closed = false

        override fun read(
            sink: Buffer,
            byteCount: Long,
        ): Long {
            check(!closed) { "closed" }
            if (here.exhausted()) {
                if (fetched == whole) return -1
                fetch()
            }
            return here.read(sink, byteCount)
        }

        private fun fetch() {
            val next = call.wait { account.request(piece(fetched)) }
            val fits = next.status == PARTIAL && total(next) == whole && next.body.isNotEmpty()
            if (!fits || version(next) != version) throw IOException("the file changed while it was read")
            here.write(next.body)
            fetched += next.body.size
        }

        override fun timeout(): Timeout = Timeout.NONE

        override fun close() {
            closed = true
            here.clear()
        }
    }

    private fun piece(from: Long) = template.copy(headers = template.headers + NameValue("Range", "bytes=$from-${from + PIECE - 1}"))

    private fun version(answer: CoreResponse) = header(answer, "etag") ?: header(answer, "last-modified")

    private fun total(answer: CoreResponse): Long? = header(answer, "content-range")?.substringAfterLast('/')?.toLongOrNull()

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
