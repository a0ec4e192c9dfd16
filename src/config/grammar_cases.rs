//! What the grammar takes and refuses: JSON by RFC 8259, except for comments and empty files.

use super::diagnose::Report;
use super::text::{DEPTH_MAX, FILE_BYTES_MAX, VALUES_MAX, parse};
use super::tree::{Data, Value};

fn faults(text: &[u8]) -> usize {
    let mut report = Report::default();
    parse(0, text, &mut report);
    report.counts().total()
}

fn tree(text: &str) -> Value<'_> {
    let mut report = Report::default();
    let value = parse(0, text.as_bytes(), &mut report);
    assert!(!report.has_errors(), "{text}: {report:?}");
    value.unwrap().value
}

#[rustfmt::skip]
const TAKEN: &[&[u8]] = &[
    // containers
    b"[]", b"{}", b"[[]]", b"[[]   ]", b"[{}]", b"[[],[[]]]", b" [1]", b"[1] ", b"[1]\n", b"\n[\t1\r\n]",
    b"[\"\"]", b"[null, 1, \"1\", {}]", b"[null,null,null,1]", b"[2] \n\n", b"{\"\":0}", b"{\"a\":[]}",
    b"{\"a\":\"b\",\"a\":\"c\"}", b"{\"a\":\"b\",\"a\":\"b\"}", b"{\"min\": -1.0e+28, \"max\": 1.0e+28}",
    b"{\"x\":[{\"id\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}]}", b"{\n\"a\": \"b\"\n}",
    b"{\"foo\\u0000bar\": 42}", b"{\"title\":\"\\u041f\\u043e\\u043b\"}", b"{\"a\":{\"b\":{\"c\":{}}}}",
    // bare top-level values
    b"false", b"true", b"null", b"42", b"-0.1", b"\"asd\"", b"\"\"", b" \"x\" ",
    // numbers
    b"[0]", b"[-0]", b"[0e+1]", b"[0e1]", b"[ 4]", b"[-1]", b"[-123]", b"[1E22]", b"[1E-2]", b"[1E+2]",
    b"[123e45]", b"[123.456e78]", b"[1e-2]", b"[1e+2]", b"[123]", b"[123.456789]", b"[20e1]", b"[-0.0]",
    b"[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
    b"[123123123123123123123123123123123]", b"[1.5e+9999]", b"[0.4e00669999999999999999999999999969]",
    // strings
    b"[\"\\u0060\\u012a\\u12AB\"]", b"[\"\\uD801\\udc37\"]", b"[\"\\ud83d\\ude39\\ud83d\\udc8d\"]",
    b"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", b"[\"\\\\u0000\"]", b"[\"\\\"\"]", b"[\"a/*b*/c/*d//e\"]",
    b"[\"\\\\a\"]", b"[\"\\\\n\"]", b"[\"\\u0012\"]", b"[\"\\uFFFF\"]", b"[ \"asd\"]", b"[\"\\uDBFF\\uDFFF\"]",
    b"[\"new\\u00A0line\"]", b"[\"\\u0000\"]", b"[\"\\u002c\"]", b"[\"\\uD834\\uDd1e\"]", b"[\"\\u200B\"]",
    b"[\"\\u2064\"]", b"[\"\\uA66D\"]", b"[\"\\u0022\"]", b"[\"\\u005C\"]", b"[\"\x7f\"]", b"[\"a\x7fa\"]",
    "[\"\u{10ffff}\"]".as_bytes(), "[\"\u{ffff}\"]".as_bytes(),
    "[\"\u{2028}\u{2029}\"]".as_bytes(), "[\"\u{3c0}\"]".as_bytes(), "[\"asd \u{20ac}\u{1d11e}\"]".as_bytes(),
    b"[\"\\uFDD0\\uFFFE\"]", b"[\"\\u0061\\u30af\\u30EA\\u30b9\"]", b"[\"# no comment // either\"]",
    // literals
    b"[false]", b"[null]", b"[true]", b"[true,false,null]",
    // what is ours: comments and empty files
    b"", b" ", b"\n", b"# only this", b"// only this\n", b"# a\n{}", b"{} # b", b"{\"a\":1# c\n}",
    b"{# {[\"\n}", b"{\"a\"://c\n1}", b"[1,#\n2]", b"[1//\n]", b"#\r\n{}\r\n", b"{\"a\":\"b\"}//", b"# \xe9\xff\n{}",
    b"{\"a\":\"b\"}#\"", b"\"a\"#", b"[true#\n]",
];

#[rustfmt::skip]
const REFUSED: &[&[u8]] = &[
    // arrays
    b"[1 true]", b"[a\xe5]", b"[\"\": 1]", b"[\"\"],", b"[,1]", b"[1,,2]", b"[\"x\",,]", b"[\"x\"]]", b"[\"\",]",
    b"[\"x\"", b"[x", b"[3[4]]", b"[\xff]", b"[1:2]", b"[,]", b"[-]", b"[   , \"\"]", b"[\"a\",\n4\n,1,", b"[1,]",
    b"[1,,]", b"[\"\x0ba\"\\f]", b"[*]", b"[\"\"", b"[1,", b"[1,\n1\n,1", b"[{}", b"[1 2]", b"]", b"[}", b"[1}",
    // literals
    b"[fals]", b"[nul]", b"[tru]", b"[True]", b"[NULL]", b"[truefalse]", b"nan", b"undefined", b"[yes]",
    // numbers
    b"[++1234]", b"[+1]", b"[+Inf]", b"[-01]", b"[-1.0.]", b"[-2.]", b"[-NaN]", b"[.-1]", b"[.2e-3]", b"[0.1.2]",
    b"[0.3e+]", b"[0.3e]", b"[0.e1]", b"[0E]", b"[0E+]", b"[1.0e+]", b"[1.0e-]", b"[1.0e]", b"[1 000.0]",
    b"[1eE2]", b"[2.e+3]", b"[2.e-3]", b"[2.e3]", b"[9.e+]", b"[Inf]", b"[NaN]", b"[\xef\xbc\x91]", b"[1+2]",
    b"[0x1]", b"[0x42]", b"[Infinity]", b"[0e+-1]", b"[-123.123foo]", b"[123\xe5]", b"[1e1\xe5]", b"[0\xe5]",
    b"[-Infinity]", b"[-foo]", b"[- 1]", b"[-012]", b"[-.123]", b"[-1x]", b"[1ea]", b"[1.]", b"[.123]",
    b"[1.2a-3]", b"[1.8011670033376514H-308]", b"[012]", b"[00]", b"[1e]", b"01", b"0777",
    // objects
    b"[\"a\"}", b"{\"x\", null}", b"{\"x\"::\"b\"}", b"{\"\xf0\x9f\x87\xa8\xf0\x9f\x87\xad\"}", b"{\"a\":\"a\" 123}",
    b"{key: 'value'}", b"{\"\xb9\":\"0\",}", b"{\"a\" b}", b"{:\"b\"}", b"{\"a\" \"b\"}", b"{\"a\":", b"{\"a\"",
    b"{1:1}", b"{9999E9999:1}", b"{null:null,null:null}", b"{\"id\":0,,,,,}", b"{'a':0}", b"{\"id\":0,}",
    b"{\"a\":\"b\"}/**/", b"{\"a\":\"b\"}/**//", b"{\"a\":\"b\"}/", b"{\"a\":\"b\",,\"c\":\"d\"}", b"{a: \"b\"}",
    b"{\"a\":\"a", b"{ \"foo\" : \"bar\", \"a\" }", b"{\"a\":\"b\"}}", b"{\"a\"=1}", b"{[]:1}", b"{\"a\":}", b"{,}",
    b"{\"a\":1 \"b\":2}", b"{\"a\":1]", b"{{}}", b"{\"a\":,}",
    // strings
    b"[\"\\uD800\\\"]", b"[\"\\uD800\\u\"]", b"[\"\\uD800\\u1\"]", b"[\"\\uD800\\u1x\"]", b"[\xc3\xa9]",
    b"[\"\\\x00\"]", b"[\"\\x00\"]", b"[\"\\\\\\\"]", b"[\"\\\t\"]", b"[\"\\\xf0\x9f\x8c\x80\"]", b"[\"\\\"]",
    b"[\"\\u00A\"]", b"[\"\\uD834\\uDd\"]", b"[\"\\uD800\\uD800\\x\"]", b"[\"\\u\xe5\"]", b"[\"\\a\"]",
    b"[\"\\uqqqq\"]", b"[\"\\\xe5\"]", b"[\\u0020\"asd\"]", b"[\\n]", b"\"", b"['single quote']", b"abc",
    b"[\"\\", b"[\"a\x00a\"]", b"[\"new\nline\"]", b"[\"\t\"]", b"\"\\UA66D\"", b"\"\"x", b"[\"\x1f\"]",
    b"[\"\\uD800\"]", b"[\"\\uDC00\"]", b"[\"\\uDFAA\\uD800\"]", b"[\"\\ud800abc\"]", b"[\"\xff\"]", b"[\"\xc0\xaf\"]",
    b"[\"\xed\xa0\x80\"]", b"[\"\xf4\xbf\xbf\xbf\"]", b"[\"\xe6\x97\xa5\xd1\x88\xfa\"]", b"[\"\x81\"]",
    // structure
    b"<.>", b"[<null>]", b"[1]x", b"[1]]", b"[\"asd]", b"a\xc3\xa5", b"[True]", b"1]", b"{\"x\": true,", b"[][]",
    b"{}{}", b"{} {}", b"\xef\xbb\xbf", b"\xef\xbb\xbf{}", b"\xef\xbb{}", b"\xe5", b"[", b"[\x00]", b"2@", b"{}}",
    b"{\"\":", b"{\"a\":/*comment*/\"b\"}", b"{\"a\": true} \"x\"", b"['", b"[,", b"[{", b"[\"a", b"[\"a\"", b"{",
    b"{]", b"{,", b"{[", b"{\"a", b"{'a'", b"[\"\\{[\"\\{[\"\\{[\"\\{", b"*", b"{\"a\":\"b\"}#x\n{}", b"[\\u000A\"\"]",
    b"[1", b"[ false, nul", b"[ true, fals", b"[ false, tru", b"{\"asd\":\"asd\"", b"\xc3\xa5", b"[\xe2\x81\xa0]",
    b"[\x0c]", b"\xff\xfe{\x00}\x00", b"\xfe\xff\x00{\x00}", b"{\"a\":1,\x00\"b\":2}", b"\x00", b"/* x */ {}", b"/",
    b"&", b"\xe2\x80\x9ca\xe2\x80\x9d", b"[\"a\" \"b\"]", b"{\"a\":1}:", b",", b":", b"{}\x1a", b"{\"a\":yes}",
];

#[test]
fn accepts_what_json_and_the_notes_allow() {
    for text in TAKEN {
        assert_eq!(faults(text), 0, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn refuses_everything_else() {
    for text in REFUSED {
        assert!(faults(text) > 0, "{}", String::from_utf8_lossy(text));
    }
    assert!(TAKEN.len() >= 95 && REFUSED.len() >= 188, "{} {}", TAKEN.len(), REFUSED.len());
}

/// Every beginning of a valid file, and every one with a byte cut out, ends well.
#[test]
fn truncated_and_cut_files_are_reported_or_valid() {
    let text = br#"{"a": [1, true, {"b": "c\u00e9\ud83d\ude00"}], # note
        "d": null, "e": -1.5e+3}"#;
    for end in 1..text.len() {
        assert!(faults(&text[..end]) > 0, "{end}");
        let mut cut = text.to_vec();
        cut.remove(end);
        faults(&cut);
    }
    assert_eq!(faults(text), 0);
}

#[test]
fn escapes_are_decoded() {
    let value = tree(r#"["\u0041\ud83d\ude00\n\/\\\"", "plain", "\u00e9\u00e9"]"#);
    let Data::List(items) = value.data else { panic!() };
    let texts: Vec<String> = items
        .iter()
        .map(|v| match &v.data {
            Data::Text(text) => text.to_string(),
            _ => String::new(),
        })
        .collect();
    assert_eq!(texts, ["A\u{1f600}\n/\\\"", "plain", "\u{e9}\u{e9}"]);
}

#[test]
fn places_are_exact_and_repeated_keys_stay() {
    let text = "{ \"a\": 12, # c\n \"a\": [ ] }";
    let value = tree(text);
    assert_eq!((value.place.start, value.place.end as usize), (0, text.len()));
    let Data::Map(map) = value.data else { panic!() };
    let slice = |p: super::settings::Place| &text[p.start as usize..p.end as usize];
    assert_eq!(map.members.len(), 2);
    assert_eq!(slice(map.members[0].key_place), "\"a\"");
    assert_eq!(slice(map.members[0].value.place), "12");
    assert_eq!(slice(map.members[1].value.place), "[ ]");
    assert!(!map.damaged);
}

#[test]
fn one_run_reports_several_faults() {
    assert_eq!(faults(b"{\"a\": tru, \"b\" 1, 'c': 2, \"d\": [1 2,],}"), 6);
    assert_eq!(faults(b"{\"a\": \"x\n \"b\": \"y\n \"c\": 1}"), 2);
}

#[test]
fn depth_size_and_number_of_values_are_limited() {
    let nested = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
    assert_eq!(faults(&nested(DEPTH_MAX)), 0);
    assert_eq!(faults(&nested(DEPTH_MAX + 1)), 1);
    assert_eq!(faults(&nested(100_000)), 1);
    assert_eq!(faults(&vec![b'['; 100_000]), 1);
    assert_eq!(faults(&b"{\"a\":".repeat(100_000)), 1);
    assert!(faults(&vec![b']'; 100_000]) > 0);
    assert_eq!(faults(&vec![b' '; FILE_BYTES_MAX]), 0);
    assert_eq!(faults(&vec![b' '; FILE_BYTES_MAX + 1]), 1);
    let mut many = b"[".to_vec();
    many.extend(b"0,".repeat(VALUES_MAX));
    assert_eq!(faults(&many), 1);
    let long = format!("[\"{}\"]", "x".repeat(FILE_BYTES_MAX - 4));
    assert_eq!(faults(long.as_bytes()), 0);
    assert!(faults(&vec![0; FILE_BYTES_MAX]) > 0);
    assert!(faults(&vec![b'"'; FILE_BYTES_MAX - 1]) <= super::FAULTS_MAX);
    assert!(faults(&vec![0xff; FILE_BYTES_MAX]) > 0);
}
