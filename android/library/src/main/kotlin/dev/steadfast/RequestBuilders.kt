package dev.steadfast

import dev.steadfast.core.Body
import dev.steadfast.core.ByteRange
import dev.steadfast.core.Download
import dev.steadfast.core.Method
import dev.steadfast.core.NameValue
import dev.steadfast.core.Request
import dev.steadfast.core.Upload
import dev.steadfast.core.UserQuery

/** A [Request] for callers in Java. */
public class RequestBuilder(
    method: Method,
    path: String,
) {
    private var request = Request(method, path)

    /** One more of [Request.query]. */
    public fun query(
        name: String,
        value: String,
    ): RequestBuilder = with { copy(query = query + NameValue(name, value)) }

    /** One more of [Request.headers]. */
    public fun header(
        name: String,
        value: String,
    ): RequestBuilder = with { copy(headers = headers + NameValue(name, value)) }

    /** As [Request.body]. */
    public fun body(
        contentType: String,
        content: ByteArray,
    ): RequestBuilder = with { copy(body = Body(contentType, content)) }

    /** A body of JSON. */
    public fun json(text: String): RequestBuilder = body("application/json", text.encodeToByteArray())

    /** As it stands now. */
    public fun build(): Request = request

    private fun with(change: Request.() -> Request) = apply { request = request.change() }
}

/** An [Upload] for callers in Java: a `POST`, if nothing else is said. */
public class UploadBuilder(
    path: String,
    contentType: String,
    file: String,
) {
    private var upload = Upload(Method.POST, path, contentType, file)

    /** As [Upload.method]. */
    public fun method(method: Method): UploadBuilder = with { copy(method = method) }

    /** One more of [Upload.query]. */
    public fun query(
        name: String,
        value: String,
    ): UploadBuilder = with { copy(query = query + NameValue(name, value)) }

    /** One more of [Upload.headers]. */
    public fun header(
        name: String,
        value: String,
    ): UploadBuilder = with { copy(headers = headers + NameValue(name, value)) }

    /** As it stands now. */
    public fun build(): Upload = upload

    private fun with(change: Upload.() -> Upload) = apply { upload = upload.change() }
}

/** A [Download] for callers in Java: the whole file, if nothing else is said. */
public class DownloadBuilder(
    path: String,
    file: String,
) {
    private var download = Download(path, file)

    /** As [Download.range]; both bytes are included. */
    public fun range(
        first: Long,
        last: Long,
    ): DownloadBuilder = with { copy(range = ByteRange(first, last)) }

    /** One more of [Download.query]. */
    public fun query(
        name: String,
        value: String,
    ): DownloadBuilder = with { copy(query = query + NameValue(name, value)) }

    /** One more of [Download.headers]. */
    public fun header(
        name: String,
        value: String,
    ): DownloadBuilder = with { copy(headers = headers + NameValue(name, value)) }

    /** As it stands now. */
    public fun build(): Download = download

    private fun with(change: Download.() -> Download) = apply { download = download.change() }
}

/** A [UserQuery] for callers in Java: the first page of everybody, if nothing else is said. */
public class UserQueryBuilder {
    private var query = UserQuery()

    /** As [UserQuery.term]; null for everybody. */
    public fun term(term: String?): UserQueryBuilder = with { copy(term = term) }

    /** As [UserQuery.page]. */
    public fun page(page: Long): UserQueryBuilder = with { copy(page = page) }

    /** As [UserQuery.perPage]. */
    public fun perPage(perPage: Long): UserQueryBuilder = with { copy(perPage = perPage) }

    /** As it stands now. */
    public fun build(): UserQuery = query

    private fun with(change: UserQuery.() -> UserQuery) = apply { query = query.change() }
}
