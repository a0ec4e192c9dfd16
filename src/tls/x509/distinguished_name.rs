//! Names of subjects and issuers as text (RFC 4514).
//!
//! What comes out is printable ASCII, whatever the certificate holds, so that it can stand in a
//! log line, a header or an environment variable.

use core::fmt::Write as _;

use super::der::{Malformed, OID, Reader, SEQUENCE, SET, UTF8_STRING};

/// Longest text of a name. A longer one ends with `...` in place of what is missing.
pub const SUBJECT_BYTES_MAX: usize = 1024;

const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const VISIBLE_STRING: u8 = 0x1a;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;

const ID_ORGANIZATION: &[u8] = &[0x55, 4, 10];

/// Attribute types with a short name; those beyond RFC 4514 have OpenSSL's.
const SHORT_NAMES: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (ID_ORGANIZATION, "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 42], "GN"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
];

/// One type and value; `joined` when it belongs to the same RDN as the one before.
struct Attribute<'a> {
    kind: &'a [u8],
    tag: u8,
    value: &'a [u8],
    whole: &'a [u8],
    joined: bool,
}

/// The name with its last RDN first, values escaped, bytes beyond ASCII as `\C3`. A name that
/// cannot be read gives the text as far as it could be.
pub(super) fn text(name: &[u8]) -> String {
    const CUT: &str = "...";
    let mut attributes = Vec::new();
    // Whatever was read before the fault is shown.
    let _ = each(name, |attribute| attributes.push(attribute));
    let mut out = String::new();
    for (at, attribute) in attributes.iter().enumerate().rev() {
        let mut piece = String::new();
        write_attribute(&mut piece, attribute);
        if at > 0 {
            piece.push(if attribute.joined { '+' } else { ',' });
        }
        if out.len() + piece.len() + CUT.len() > SUBJECT_BYTES_MAX {
            out.push_str(CUT);
            break;
        }
        out.push_str(&piece);
    }
    out
}

/// The first organisation of a name.
pub(super) fn organization(name: &[u8]) -> Option<String> {
    let mut found = None;
    let _ = each(name, |attribute| {
        if attribute.kind == ID_ORGANIZATION && found.is_none() {
            found = decoded(attribute.tag, attribute.value);
        }
    });
    found
}

/// Hands out the attributes in the order of the encoding.
fn each<'a>(name: &'a [u8], mut visit: impl FnMut(Attribute<'a>)) -> Result<(), Malformed> {
    let mut rdns = Reader::new(name).enter(SEQUENCE)?;
    while !rdns.is_empty() {
        let mut rdn = rdns.enter(SET)?;
        let mut joined = false;
        while !rdn.is_empty() {
            let mut pair = rdn.enter(SEQUENCE)?;
            let kind = pair.take(OID)?.value;
            let value = pair.any()?;
            pair.end()?;
            let (tag, whole) = (value.tag, value.whole);
            visit(Attribute { kind, tag, value: value.value, whole, joined });
            joined = true;
        }
    }
    Ok(())
}

fn write_attribute(out: &mut String, attribute: &Attribute<'_>) {
    let short = SHORT_NAMES.iter().find(|(kind, _)| *kind == attribute.kind);
    // RFC 4514 section 2.4: a type without a short name has its value in hexadecimal.
    match (short, decoded(attribute.tag, attribute.value)) {
        (Some((_, name)), Some(value)) => {
            out.push_str(name);
            out.push('=');
            write_escaped(out, &value);
        }
        (Some((_, name)), None) => {
            out.push_str(name);
            write_hex(out, attribute.whole);
        }
        (None, _) => {
            write_dotted(out, attribute.kind);
            write_hex(out, attribute.whole);
        }
    }
}

fn write_hex(out: &mut String, bytes: &[u8]) {
    out.push_str("=#");
    // What is longer than any text may be is cut by the caller in any case.
    for byte in bytes.iter().take(SUBJECT_BYTES_MAX) {
        let _ = write!(out, "{byte:02X}");
    }
}

/// The numbers of an object identifier.
fn write_dotted(out: &mut String, oid: &[u8]) {
    let mut number = 0_u64;
    let mut first = true;
    for byte in oid.iter().take(SUBJECT_BYTES_MAX) {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if first {
            let top = (number / 40).min(2);
            let _ = write!(out, "{top}.{}", number - top * 40);
        } else {
            let _ = write!(out, ".{number}");
        }
        (first, number) = (false, 0);
    }
}

/// RFC 4514 section 2.4.
fn write_escaped(out: &mut String, value: &str) {
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.bytes().enumerate().take(SUBJECT_BYTES_MAX) {
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' ' if at == 0 || at == last => out.push_str("\\ "),
            b'#' if at == 0 => out.push_str("\\#"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:02X}");
            }
        }
    }
}

/// The text of a string type; `None` for other types and for what is no such text.
fn decoded(tag: u8, value: &[u8]) -> Option<String> {
    match tag {
        UTF8_STRING => core::str::from_utf8(value).ok().map(str::to_owned),
        NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING | VISIBLE_STRING => {
            value.is_ascii().then(|| value.iter().copied().map(char::from).collect())
        }
        // Everybody writes Latin-1 into these.
        TELETEX_STRING => Some(value.iter().copied().map(char::from).collect()),
        BMP_STRING => {
            let (units, []) = value.as_chunks::<2>() else { return None };
            char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit)))
                .collect::<Result<_, _>>()
                .ok()
        }
        UNIVERSAL_STRING => {
            let (units, []) = value.as_chunks::<4>() else { return None };
            units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::x509::der::element;

    /// Type, tag and value.
    type Pair<'a> = (&'a [u8], u8, &'a [u8]);

    fn name(rdns: &[&[Pair<'_>]]) -> Vec<u8> {
        let sets: Vec<Vec<u8>> = rdns
            .iter()
            .map(|rdn| {
                let pairs: Vec<Vec<u8>> = rdn
                    .iter()
                    .map(|(kind, tag, value)| {
                        let (kind, value) = (element(OID, &[kind]), element(*tag, &[value]));
                        element(SEQUENCE, &[&kind, &value])
                    })
                    .collect();
                element(SET, &[&pairs.concat()])
            })
            .collect();
        element(SEQUENCE, &[&sets.concat()])
    }

    const CN: &[u8] = &[0x55, 4, 3];

    #[test]
    fn the_last_rdn_comes_first() {
        let ou: &[u8] = &[0x55, 4, 11];
        let it = name(&[
            &[(&[0x55, 4, 6], PRINTABLE_STRING, b"DE")],
            &[(CN, UTF8_STRING, b"a"), (ou, UTF8_STRING, b"b")],
        ]);
        assert_eq!(text(&it), "OU=b+CN=a,C=DE");
        assert_eq!(text(&name(&[])), "");
    }

    #[test]
    fn only_printable_ascii_comes_out() {
        let value = |tag, value: &[u8]| text(&name(&[&[(CN, tag, value)]]));
        assert_eq!(value(UTF8_STRING, b"a\r\nb\0\x7f"), "CN=a\\0D\\0Ab\\00\\7F");
        assert_eq!(value(UTF8_STRING, "\u{fc}\u{202e}".as_bytes()), "CN=\\C3\\BC\\E2\\80\\AE");
        assert_eq!(value(TELETEX_STRING, b"\xfc"), "CN=\\C3\\BC");
        assert_eq!(value(BMP_STRING, &[0, b'a', 0, 0xfc]), "CN=a\\C3\\BC");
        assert_eq!(value(UNIVERSAL_STRING, &[0, 0, 0, b'a']), "CN=a");
        assert_eq!(value(UTF8_STRING, b" "), "CN=\\ ");
        assert_eq!(value(UTF8_STRING, b" a  "), "CN=\\ a \\ ");
        assert_eq!(value(UTF8_STRING, b"##"), "CN=\\##");
        assert_eq!(value(UTF8_STRING, b""), "CN=");
        assert_eq!(value(UTF8_STRING, b"a,O=b"), "CN=a\\,O=b");
        // No text of their type: hexadecimal with tag and length.
        assert_eq!(value(UTF8_STRING, b"\xff"), "CN=#0C01FF");
        assert_eq!(value(PRINTABLE_STRING, b"\xff"), "CN=#1301FF");
        assert_eq!(value(BMP_STRING, b"abc"), "CN=#1E03616263");
        assert_eq!(value(0x04, b"abc"), "CN=#0403616263");
    }

    #[test]
    fn unknown_types_have_numbers() {
        let of = |oid: &[u8]| text(&name(&[&[(oid, UTF8_STRING, b"x")]]));
        assert_eq!(of(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), "1.2.840.113549=#0C0178");
        assert_eq!(of(&[0x88, 0x37, 3]), "2.999.3=#0C0178");
        let _ = of(&[0xff; 40]);
    }

    #[test]
    fn the_length_is_bounded_at_a_whole_attribute() {
        let long = vec![b'\n'; SUBJECT_BYTES_MAX * 2];
        let o: &[Pair<'_>] = &[(ID_ORGANIZATION, UTF8_STRING, &long)];
        assert_eq!(text(&name(&[o])), "...");
        assert_eq!(text(&name(&[o, &[(CN, UTF8_STRING, b"x")]])), "CN=x,...");
        let many: Vec<&[Pair<'_>]> = vec![&[(CN, UTF8_STRING, b"12345")]; 500];
        let cut = text(&name(&many));
        assert!(cut.len() <= SUBJECT_BYTES_MAX && cut.ends_with(",..."), "{cut}");
        assert!(cut.len() > SUBJECT_BYTES_MAX - 12);
    }

    #[test]
    fn a_broken_name_gives_what_could_be_read() {
        let whole = name(&[&[(CN, UTF8_STRING, b"a")], &[(ID_ORGANIZATION, UTF8_STRING, b"b")]]);
        assert_eq!(organization(&whole).as_deref(), Some("b"));
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 0x41;
            assert!(text(&broken).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            let _ = (organization(&broken), text(&whole[..at]));
        }
    }
}
