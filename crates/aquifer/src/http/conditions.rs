//! What a request asks for of a file that never changes: preconditions and ranges (RFC 9110, sections 13 and 14).
//!
//! Files have no date of modification, so conditions about dates do not count, as the RFC wants it.

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, Method, header};

#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    Whole,
    Part(Range<u64>),
    /// Nothing: the client has it.
    NotModified,
    /// Another file than this one.
    Other,
    /// Bytes that there are not.
    Outside,
}

/// What to answer a request for a file of that strong `etag` and so many bytes.
pub fn asked(method: &Method, headers: &HeaderMap, etag: &str, bytes: u64) -> Asked {
    if text(headers, header::IF_MATCH).is_some_and(|tags| !listed(tags).any(|tag| matches(tag, etag))) {
        return Asked::Other;
    }
    let weak = |tag: &str| matches(tag.strip_prefix("W/").unwrap_or(tag), etag);
    if text(headers, header::IF_NONE_MATCH).is_some_and(|tags| listed(tags).any(weak)) {
        return Asked::NotModified;
    }
    // A range of another version of the file is worth nothing; and only a GET has ranges.
    let has_ranges = method == Method::GET && text(headers, header::IF_RANGE).is_none_or(|tag| tag == etag);
    match text(headers, header::RANGE).filter(|_| has_ranges).and_then(|range| single_range(range, bytes)) {
        None => Asked::Whole,
        Some(range) if range.is_empty() => Asked::Outside,
        Some(range) => Asked::Part(range),
    }
}

/// Our tags have no commas in them, so a foreign one that has is cut into pieces that match nothing.
fn listed(tags: &str) -> impl Iterator<Item = &str> {
    tags.split(',').map(str::trim)
}

fn matches(tag: &str, etag: &str) -> bool {
    tag == "*" || tag == etag
}

/// The bytes that `Range` asks for. Empty if there are none; `None`, which means all, if it asks for several ranges or
/// cannot be read, as HTTP allows.
fn single_range(text: &str, bytes: u64) -> Option<Range<u64>> {
    let (unit, range) = text.split_once('=')?;
    let (first, last) = range.split_once('-').filter(|_| unit.eq_ignore_ascii_case("bytes"))?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        return Some(bytes.saturating_sub(number(last)?)..bytes);
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    let end = last.saturating_add(1).min(bytes);
    Some(first.min(end)..end)
}

/// Digits; what is too large for us is larger than any file.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let ten = |text| single_range(text, 10);
        assert_eq!(ten("bytes=0-3"), Some(0..4));
        assert_eq!(ten("Bytes=4-"), Some(4..10));
        assert_eq!(ten("bytes=-3"), Some(7..10));
        assert_eq!(ten("bytes=-99"), Some(0..10));
        assert_eq!(ten("bytes=8-99"), Some(8..10));
        assert_eq!(ten("bytes=8-99999999999999999999"), Some(8..10));
        assert_eq!(ten("bytes=-99999999999999999999"), Some(0..10));
        for outside in ["bytes=10-", "bytes=-0", "bytes=99999999999999999999-"] {
            assert!(ten(outside).is_some_and(|range| range.is_empty()), "{outside}");
        }
        for ignored in ["bytes=3-1", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=-", "bytes=+1-2", "bytes", ""] {
            assert_eq!(ten(ignored), None, "{ignored}");
        }
    }

    #[test]
    fn preconditions_come_in_their_order() {
        let asked = |method: Method, fields: &[(HeaderName, &'static str)]| {
            let headers = fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
            asked(&method, &headers, "\"a\"", 10)
        };
        let get = |fields: &[(HeaderName, &'static str)]| asked(Method::GET, fields);
        let range = (header::RANGE, "bytes=0-3");
        assert_eq!(get(&[(header::IF_MATCH, "\"b\", \"a\"")]), Asked::Whole);
        assert_eq!(get(&[(header::IF_MATCH, "*")]), Asked::Whole);
        assert_eq!(get(&[(header::IF_MATCH, "\"b\""), (header::IF_NONE_MATCH, "\"a\"")]), Asked::Other);
        assert_eq!(get(&[(header::IF_MATCH, "W/\"a\"")]), Asked::Other, "weak tags match nothing here");
        assert_eq!(get(&[(header::IF_NONE_MATCH, "\"b\",W/\"a\""), range.clone()]), Asked::NotModified);
        assert_eq!(get(&[(header::IF_NONE_MATCH, "\"b\""), range.clone()]), Asked::Part(0..4));
        assert_eq!(get(&[(header::IF_RANGE, "W/\"a\""), range.clone()]), Asked::Whole);
        assert_eq!(get(&[(header::IF_RANGE, "Sat, 21 Nov 2026 20:00:00 GMT"), range.clone()]), Asked::Whole);
        assert_eq!(get(&[(header::IF_MODIFIED_SINCE, "Sat, 21 Nov 2099 20:00:00 GMT")]), Asked::Whole);
        assert_eq!(asked(Method::HEAD, &[range]), Asked::Whole, "ranges are of GET only");
    }
}
