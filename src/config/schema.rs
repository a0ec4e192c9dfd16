//! The key table for editors: a JSON Schema (draft-07, which editors know best).

use std::fmt::Write as _;

use super::effective::quoted;
use super::keys::{Key, Kind, Level, Status};

/// Text, number or flag: what every single value may be.
const SCALAR: &str = r#"{ "type": ["string", "number", "boolean", "null"] }"#;

/// The JSON Schema of a configuration file.
#[must_use]
pub fn schema() -> String {
    let mut out = String::from("{\n");
    out.push_str("\"$schema\": \"http://json-schema.org/draft-07/schema#\",\n");
    out.push_str("\"title\": \"A configuration file of Kinglet\",\n");
    object(&mut out, Level::Top);
    out.push_str(",\n\"definitions\": {\n");
    for (index, level) in [Level::Global, Level::Vhost, Level::Mount].into_iter().enumerate() {
        out.push_str(if index > 0 { ",\n" } else { "" });
        let _ = writeln!(out, "{}: {{", quoted(definition(level)));
        object(&mut out, level);
        out.push_str("\n}");
    }
    out.push_str("\n}\n}\n");
    out
}

const fn definition(level: Level) -> &'static str {
    match level {
        Level::Top => "file",
        Level::Global => "global",
        Level::Vhost => "vhost",
        Level::Mount => "mount",
        Level::Protocol => "protocol",
    }
}

/// The members of an object schema, without its braces.
fn object(out: &mut String, level: Level) {
    out.push_str("\"type\": \"object\",\n\"additionalProperties\": false,\n");
    let required = match level {
        Level::Mount => "\"required\": [\"mountpoint\", \"origin\"],\n",
        _ => "",
    };
    out.push_str(required);
    for (word, patterns) in [("properties", false), ("patternProperties", true)] {
        if patterns {
            out.push_str(",\n");
        }
        let _ = write!(out, "\"{word}\": {{");
        let mut first = true;
        for key in level.keys().iter().filter(|k| k.name.ends_with('*') == patterns) {
            let spellings = std::iter::once(&key.name).chain(key.aliases);
            for name in spellings {
                out.push_str(if first { "\n" } else { ",\n" });
                first = false;
                property(out, key, name);
            }
        }
        out.push_str("\n}");
    }
}

fn property(out: &mut String, key: &Key, name: &str) {
    let name = match name.strip_suffix('*') {
        Some(prefix) => format!("^{prefix}"),
        None => name.to_owned(),
    };
    let mut words = key.doc.to_owned();
    if !key.default.is_empty() {
        let _ = write!(words, " Default: {}.", key.default);
    }
    match key.status {
        Status::Built => {}
        Status::NotYet(feature) => {
            let _ = write!(words, " Not built yet: {}.", feature.name());
        }
        Status::NoEffect(reason) => {
            let _ = write!(words, " No effect: {reason}.");
        }
    }
    let _ = write!(out, "{}: {{ \"description\": {}, ", quoted(&name), quoted(&words));
    kind(out, key.kind);
    out.push_str(" }");
}

/// A number within limits, or text of this pattern that holds one.
fn number_or_text(min: u64, max: u64, pattern: &str) -> String {
    format!(r#""anyOf": [{{ "type": "integer", "minimum": {min}, "maximum": {max} }}, "#)
        + &format!(r#"{{ "type": "string", "pattern": "{pattern}" }}]"#)
}

/// The part of a property's schema that its kind gives.
fn kind(out: &mut String, kind: Kind) {
    let _ = match kind {
        Kind::Bool => write!(
            out,
            r#""anyOf": [{{ "type": ["boolean", "integer"] }}, {{ "type": "string", "pattern": {} }}]"#,
            quoted(&bool_pattern())
        ),
        Kind::Int { min, max, .. } => write!(out, "{}", number_or_text(min, max, r"^ *[0-9]+ *$")),
        Kind::Size { min, max } => {
            write!(out, "{}", number_or_text(min, max, r"^ *[0-9]+ *[kKmMgG]? *$"))
        }
        Kind::Flags => write!(
            out,
            r#""anyOf": [{{ "type": "integer", "minimum": 0 }}, {{ "type": "string", "pattern": "^ *[0-9]+ *$" }}]"#
        ),
        Kind::Choice(words) => {
            let list: Vec<String> = words.iter().map(|w| quoted(w)).collect();
            write!(out, r#""enum": [{}]"#, list.join(", "))
        }
        Kind::Pairs(_) => {
            let map = format!(r#"{{ "type": "object", "additionalProperties": {SCALAR} }}"#);
            write!(out, r#""anyOf": [{map}, {{ "type": "array", "items": {map} }}]"#)
        }
        Kind::Protocols => {
            let one = format!(r#"{{ "type": "object", "additionalProperties": {SCALAR} }}"#);
            let map = format!(r#"{{ "type": "object", "additionalProperties": {one} }}"#);
            write!(out, r#""anyOf": [{map}, {{ "type": "array", "items": {map} }}]"#)
        }
        Kind::Blocks | Kind::HostNames => write!(
            out,
            r#""anyOf": [{{ "type": "string" }}, {{ "type": "array", "items": {{ "type": "string" }} }}]"#
        ),
        Kind::Object(level) => write!(out, "\"$ref\": \"#/definitions/{}\"", definition(level)),
        Kind::Objects(level) => write!(
            out,
            "\"type\": \"array\", \"items\": {{ \"$ref\": \"#/definitions/{}\" }}",
            definition(level)
        ),
        Kind::Any => write!(out, "\"default\": \"\""),
        _ => write!(out, r#""type": ["string", "number", "boolean"]"#),
    };
}

/// What an on/off key takes as a string.
fn bool_pattern() -> String {
    let any_case = |word: &str| -> String {
        word.chars().map(|c| format!("[{}{c}]", c.to_ascii_uppercase())).collect()
    };
    let words: Vec<String> =
        ["on", "off", "yes", "no", "true", "false"].into_iter().map(any_case).collect();
    format!("^ *(-?[0-9]+|{}) *$", words.join("|"))
}

#[cfg(test)]
mod tests {
    use super::super::diagnose::Report;
    use super::super::tree::Data;
    use super::*;

    #[test]
    fn schema_is_json_and_has_every_key() {
        let text = schema();
        let mut report = Report::default();
        let value = super::super::text::parse(0, text.as_bytes(), &mut report);
        assert!(!report.has_errors(), "{text}");
        assert!(matches!(value.unwrap().value.data, Data::Map(_)));
        for level in [Level::Top, Level::Global, Level::Vhost, Level::Mount] {
            for key in level.keys().iter().filter(|k| !k.name.ends_with('*')) {
                assert!(text.contains(&format!("{}: {{ \"desc", quoted(key.name))), "{}", key.name);
            }
        }
    }
}
