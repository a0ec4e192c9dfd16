//! Character classes of RFC 9110 and RFC 3986 as one table, and walks over lists.

const TCHAR: u8 = 1;
const REG_NAME: u8 = 2;
const PATH: u8 = 4;

const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let c = byte as u8;
        if c.is_ascii_alphanumeric() {
            table[byte] = TCHAR | REG_NAME | PATH;
        }
        byte += 1;
    }
    table = mark(table, b"!#$%&'*+-.^_`|~", TCHAR);
    table = mark(table, b"-._~!$&'()*+,;=", REG_NAME);
    mark(table, b"-._~!$&'()*+,;=:@/", PATH)
};

const fn mark(mut table: [u8; 256], bytes: &[u8], class: u8) -> [u8; 256] {
    let mut i = 0;
    while i < bytes.len() {
        table[bytes[i] as usize] |= class;
        i += 1;
    }
    table
}

/// `tchar` (RFC 9110 section 5.6.2).
pub(super) fn is_tchar(byte: u8) -> bool {
    CLASS[usize::from(byte)] & TCHAR != 0
}

/// `1*tchar`.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is_tchar(b))
}

/// `unreserved / sub-delims`: a registered name without percent signs (RFC 3986 section 3.2.2).
pub(super) fn is_reg_name(byte: u8) -> bool {
    CLASS[usize::from(byte)] & REG_NAME != 0
}

/// What may stand in a path as it is: `pchar` without percent signs, and `/`.
pub(super) fn is_path_literal(byte: u8) -> bool {
    CLASS[usize::from(byte)] & PATH != 0
}

/// A byte of a field value (RFC 9110 section 5.5): visible, obs-text, space or tab.
pub(super) fn is_field_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Strips optional whitespace (spaces and tabs) at both ends.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The members of a comma-separated list, trimmed, empty ones included. Only for lists whose
/// members have no quoted strings with commas that matter.
pub(super) fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&b| b == b',').map(trim)
}

/// The value of a hexadecimal digit.
pub(super) fn hex_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// `1*DIGIT` as a number; `None` when it is anything else or does not fit.
pub(super) fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |sum, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        for byte in 0..=255_u8 {
            let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_tchar(byte), token, "{byte}");
        }
        assert!(is_reg_name(b'_') && !is_reg_name(b'@') && !is_reg_name(b'%'));
        assert!(is_path_literal(b'/') && !is_path_literal(b'?') && !is_path_literal(b'%'));
        assert!(is_token(b"a") && !is_token(b"") && !is_token(b"a b"));
    }

    #[test]
    fn decimals() {
        let cases: [(&[u8], Option<u64>); 9] = [
            (b"0", Some(0)),
            (b"007", Some(7)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"", None),
            (b"+1", None),
            (b"-1", None),
            (b"1 ", None),
            (b"0x1", None),
        ];
        for (text, value) in cases {
            assert_eq!(decimal(text), value, "{text:?}");
        }
    }

    #[test]
    fn lists() {
        let got: Vec<&[u8]> = members(b" a,\tb ,, c").collect();
        assert_eq!(got, [b"a".as_slice(), b"b", b"", b"c"]);
        assert_eq!(trim(b" \t "), b"");
    }
}
