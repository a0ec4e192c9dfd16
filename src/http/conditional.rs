//! Conditional requests: preconditions in the order of RFC 9110 section 13.2.2.

use super::date;
use super::etag::{EntityTag, list_matches};
use super::fields::{Field, Fields};
use super::method::Method;

/// What is known about the selected representation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Validators<'a> {
    /// Its entity tag. A weak one also says that the time may still hide a change.
    pub etag: Option<EntityTag<'a>>,
    /// Its Last-Modified time in seconds since 1970.
    pub modified_secs: Option<u64>,
}

/// What the preconditions allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answer as if there were no preconditions.
    Proceed {
        /// Whether a Range field is there and to be honoured (GET, and If-Range holds).
        ranges: bool,
    },
    /// 304
    NotModified,
    /// 412
    PreconditionFailed,
}

/// Whether a request has any precondition or asks for a range; most have none.
#[must_use]
pub fn is_asked(fields: &Fields<'_>) -> bool {
    const ALL: [Field; 5] = [
        Field::IfMatch,
        Field::IfNoneMatch,
        Field::IfModifiedSince,
        Field::IfUnmodifiedSince,
        Field::Range,
    ];
    ALL.into_iter().any(|field| fields.has(field))
}

/// Evaluates the preconditions of a request for a representation that exists. To be asked only
/// where the answer without preconditions would be 2xx.
#[must_use]
pub fn evaluate(method: Method, fields: &Fields<'_>, validators: &Validators<'_>) -> Outcome {
    if fields.has(Field::IfMatch) {
        let same = |tag: &EntityTag<'_>| validators.etag.is_some_and(|own| own.strong_eq(tag));
        if !list_matches(fields.all(Field::IfMatch), same) {
            return Outcome::PreconditionFailed;
        }
    } else if modified_after(fields, Field::IfUnmodifiedSince, validators) == Some(true) {
        return Outcome::PreconditionFailed;
    }
    if fields.has(Field::IfNoneMatch) {
        let same = |tag: &EntityTag<'_>| validators.etag.is_some_and(|own| own.weak_eq(tag));
        if list_matches(fields.all(Field::IfNoneMatch), same) {
            let retrieval = method.is_retrieval();
            return if retrieval { Outcome::NotModified } else { Outcome::PreconditionFailed };
        }
    } else if method.is_retrieval()
        && modified_after(fields, Field::IfModifiedSince, validators) == Some(false)
    {
        return Outcome::NotModified;
    }
    let ranges = method == Method::Get && fields.has(Field::Range) && if_range(fields, validators);
    Outcome::Proceed { ranges }
}

/// Whether the representation changed after the date in `field`. `None` when the field is
/// absent, repeated or no date, or when no modification time is known: then it is ignored.
fn modified_after(fields: &Fields<'_>, field: Field, validators: &Validators<'_>) -> Option<bool> {
    let since = date::parse(fields.single(field)?)?;
    Some(validators.modified_secs? > since)
}

/// RFC 9110 section 13.1.5: a strong tag that is the same, or the exact date where the time is
/// a strong validator. Anything else means the whole representation.
fn if_range(fields: &Fields<'_>, validators: &Validators<'_>) -> bool {
    let Some(value) = fields.single(Field::IfRange) else { return true };
    if let Some(tag) = EntityTag::parse(value) {
        return validators.etag.is_some_and(|own| own.strong_eq(&tag));
    }
    let strong = validators.etag.is_none_or(|own| !own.weak);
    let date = date::parse(value);
    strong && date.is_some() && date == validators.modified_secs
}

#[cfg(test)]
mod tests {
    use httparse::Header;

    use super::*;

    const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const FULL: Outcome = Outcome::Proceed { ranges: false };
    const PART: Outcome = Outcome::Proceed { ranges: true };
    const SAME: Outcome = Outcome::NotModified;
    const FAIL: Outcome = Outcome::PreconditionFailed;

    fn outcome(method: Method, lines: &[(&str, &str)], weak: bool) -> Outcome {
        let headers: Vec<Header<'_>> =
            lines.iter().map(|&(name, value)| Header { name, value: value.as_bytes() }).collect();
        let etag = Some(EntityTag { weak, opaque: b"x" });
        let validators = Validators { etag, modified_secs: Some(784_111_777) };
        evaluate(method, &Fields::new(&headers), &validators)
    }

    #[test]
    fn single_preconditions_of_get() {
        let cases = [
            ("If-Match", "\"x\"", FULL),
            ("If-Match", "*", FULL),
            ("If-Match", "\"y\", \"x\"", FULL),
            ("If-Match", "\"y\"", FAIL),
            ("If-Match", "W/\"x\"", FAIL),
            ("If-Match", "x", FAIL),
            ("If-Match", "", FAIL),
            ("If-None-Match", "\"x\"", SAME),
            ("If-None-Match", "W/\"x\"", SAME),
            ("If-None-Match", "*", SAME),
            ("If-None-Match", "\"y\"", FULL),
            ("If-None-Match", "x", FULL),
            ("If-Modified-Since", NOW, SAME),
            ("If-Modified-Since", AFTER, SAME),
            ("If-Modified-Since", BEFORE, FULL),
            ("If-Modified-Since", "yesterday", FULL),
            ("If-Unmodified-Since", NOW, FULL),
            ("If-Unmodified-Since", AFTER, FULL),
            ("If-Unmodified-Since", BEFORE, FAIL),
            ("If-Unmodified-Since", "yesterday", FULL),
        ];
        for (name, value, wanted) in cases {
            assert_eq!(outcome(Method::Get, &[(name, value)], false), wanted, "{name}: {value}");
        }
    }

    #[test]
    fn other_methods() {
        assert_eq!(outcome(Method::Head, &[("If-None-Match", "\"x\"")], false), SAME);
        assert_eq!(outcome(Method::Put, &[("If-None-Match", "*")], false), FAIL);
        assert_eq!(outcome(Method::Post, &[("If-Modified-Since", NOW)], false), FULL);
        assert_eq!(outcome(Method::Head, &[("Range", "bytes=0-0")], false), FULL);
    }

    #[test]
    fn precedence() {
        let cases: [(&[(&str, &str)], Outcome); 7] = [
            (&[("If-Match", "\"x\""), ("If-Unmodified-Since", BEFORE)], FULL),
            (&[("If-None-Match", "\"y\""), ("If-Modified-Since", NOW)], FULL),
            (&[("If-Match", "\"y\""), ("If-None-Match", "\"x\"")], FAIL),
            (&[("If-Match", "\"x\""), ("If-None-Match", "\"x\"")], SAME),
            (&[("If-Unmodified-Since", NOW), ("If-Modified-Since", NOW)], SAME),
            (&[("If-None-Match", "\"y\""), ("If-None-Match", "\"x\"")], SAME),
            (&[("If-Modified-Since", NOW), ("If-Modified-Since", NOW)], FULL),
        ];
        for (lines, wanted) in cases {
            assert_eq!(outcome(Method::Get, lines, false), wanted, "{lines:?}");
        }
    }

    #[test]
    fn ranges_under_conditions() {
        let range = ("Range", "bytes=0-0");
        let cases = [
            ("\"x\"", false, PART),
            ("\"y\"", false, FULL),
            ("W/\"x\"", false, FULL),
            ("W/\"x\"", true, FULL),
            ("\"x\"", true, FULL),
            (NOW, false, PART),
            (NOW, true, FULL),
            (AFTER, false, FULL),
            (BEFORE, false, FULL),
            ("x", false, FULL),
            ("\"x\", \"y\"", false, FULL),
        ];
        for (value, weak, wanted) in cases {
            let lines = [range, ("If-Range", value)];
            assert_eq!(outcome(Method::Get, &lines, weak), wanted, "{value} {weak}");
        }
        assert_eq!(outcome(Method::Get, &[range], false), PART);
        assert_eq!(outcome(Method::Get, &[("If-Range", "\"x\"")], false), FULL);
        assert_eq!(outcome(Method::Get, &[range, ("If-None-Match", "\"x\"")], false), SAME);
        let twice = [range, ("If-Range", "\"x\""), ("If-Range", "\"x\"")];
        assert_eq!(outcome(Method::Get, &twice, false), FULL);
    }

    #[test]
    fn what_is_not_asked_changes_nothing() {
        for (name, asked) in [
            ("If-Match", true),
            ("If-None-Match", true),
            ("If-Modified-Since", true),
            ("If-Unmodified-Since", true),
            ("Range", true),
            ("If-Range", false),
            ("Host", false),
        ] {
            let headers = [Header { name, value: b"\"x\"" }];
            assert_eq!(is_asked(&Fields::new(&headers)), asked, "{name}");
            let changes = outcome(Method::Get, &[(name, "\"y\"")], false) != FULL;
            assert!(asked || !changes, "{name}");
        }
    }
}
