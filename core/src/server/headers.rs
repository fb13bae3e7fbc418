//! Response headers as facts. A header that came more than once with different values is as good as absent: nobody can say
//! which of them the server wrote.

use std::time::{Duration, SystemTime};

use http::header::{self, HeaderMap, HeaderName};

use crate::session::UnixMillis;

/// The text of a header that came once, or several times with the same value.
pub(super) fn single(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.any(|other| other != first) {
        return None;
    }
    first.to_str().ok().map(str::to_owned)
}

/// The server's clock, from `Date`.
pub(super) fn date(headers: &HeaderMap) -> Option<UnixMillis> {
    let date = httpdate::parse_http_date(&single(headers, &header::DATE)?).ok()?;
    let since = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(UnixMillis)
}

/// Seconds for which a cache kept the answer: the largest `Age`; one that cannot be read counts as the largest number.
pub(super) fn age_seconds(headers: &HeaderMap) -> Option<u64> {
    headers
        .get_all(header::AGE)
        .iter()
        .map(|value| {
            let text = value.to_str().map_or("", str::trim);
            text.parse().unwrap_or(u64::MAX)
        })
        .max()
}

/// How long the server wants to be left alone: seconds, or a date measured against the answer's own `Date`, never against
/// the device's clock. Not clamped. The longest of several counts.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let now = date(headers);
    headers
        .get_all(header::RETRY_AFTER)
        .iter()
        .filter_map(|value| {
            let text = value.to_str().ok()?.trim();
            if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
            }
            let at = httpdate::parse_http_date(text).ok()?;
            let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            let at = UnixMillis(i64::try_from(since.as_millis()).ok()?);
            Some(at.since(now?))
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = &'a [(&'static str, &'a str)];

    fn headers(pairs: Pairs<'_>) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    /// Hazard A12.
    #[test]
    fn retry_after_is_read_against_the_answers_own_date() {
        let now = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let cases: [(Pairs<'_>, Option<u64>); 12] = [
            (&[("retry-after", "0")], Some(0)),
            (&[("retry-after", "120")], Some(120)),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "1e9")], None),
            (&[("retry-after", "")], None),
            (&[("retry-after", "1.5")], None),
            (
                &[("retry-after", "99999999999999999999999")],
                Some(u64::MAX),
            ),
            (
                &[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"), now],
                Some(60),
            ),
            (
                &[("retry-after", "Sunday, 06-Nov-94 08:50:37 GMT"), now],
                Some(60),
            ),
            (
                &[("retry-after", "Sun Nov  6 08:50:37 1994"), now],
                Some(60),
            ),
            (
                &[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), now],
                Some(0),
            ),
            (&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")], None),
        ];
        for (pairs, expected) in cases {
            let read = retry_after(&headers(pairs));
            assert_eq!(read, expected.map(Duration::from_secs), "{pairs:?}");
        }
    }

    /// Hazard A12.
    #[test]
    fn a_retry_after_that_is_not_ascii_is_ignored() {
        let mut map = HeaderMap::new();
        map.append(
            header::RETRY_AFTER,
            http::HeaderValue::from_bytes("²".as_bytes()).unwrap(),
        );
        assert_eq!(retry_after(&map), None);
    }

    #[test]
    fn contradicting_headers_count_as_absent() {
        let name = HeaderName::from_static("x-request-id");
        let same = headers(&[("x-request-id", "a"), ("x-request-id", "a")]);
        let different = headers(&[("x-request-id", "a"), ("x-request-id", "b")]);
        assert_eq!(single(&same, &name).as_deref(), Some("a"));
        assert_eq!(single(&different, &name), None);
    }

    /// Hazard A33.
    #[test]
    fn an_unreadable_age_counts_as_old() {
        assert_eq!(age_seconds(&headers(&[])), None);
        assert_eq!(age_seconds(&headers(&[("age", "0")])), Some(0));
        assert_eq!(
            age_seconds(&headers(&[("age", "0"), ("age", "7")])),
            Some(7)
        );
        assert_eq!(age_seconds(&headers(&[("age", "old")])), Some(u64::MAX));
    }
}
