//! Host names as they go over the wire: labels beyond ASCII in Punycode (RFC 3492, RFC 5891).

use core::fmt::Write as _;
use core::ops::RangeInclusive;
use std::borrow::Cow;

use super::{Checked, Fault};

/// Bytes of a label (RFC 1035 section 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// Characters that browsers put in another form before they encode a name, as Unicode's tables
/// say, which are larger than this program can afford: parts of composed characters, characters
/// of other widths, ligatures, and what is not seen. Names with them are not taken.
const UNSETTLED: &[RangeInclusive<char>] = &[
    '\u{80}'..='\u{b6}',
    '\u{b8}'..='\u{bf}',
    '\u{300}'..='\u{36f}',
    '\u{1100}'..='\u{11ff}',
    '\u{2000}'..='\u{218f}',
    '\u{2460}'..='\u{24ff}',
    '\u{3000}'..='\u{3001}',
    '\u{3099}'..='\u{309a}',
    '\u{3200}'..='\u{33ff}',
    '\u{f900}'..='\u{fb4f}',
    '\u{fe00}'..='\u{fe6f}',
    '\u{feff}'..='\u{ff0d}',
    '\u{ff0f}'..='\u{ff60}',
    '\u{ff62}'..='\u{ffef}',
];

/// `name` with each label in ASCII. A name that is ASCII stays as it is.
pub(super) fn to_ascii(name: &str) -> Checked<Cow<'_, str>> {
    if name.is_ascii() {
        return Ok(Cow::Borrowed(name));
    }
    if let Some(c) = name.chars().find(|c| UNSETTLED.iter().any(|range| range.contains(c))) {
        return Err(Fault::new(format!("has {c:?}, which host names cannot contain as it is"))
            .hint("write composed characters (NFC), or the name in its xn-- form"));
    }
    let mut out = String::with_capacity(name.len() + 8);
    for (at, label) in name.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']).enumerate() {
        if at > 0 {
            out.push('.');
        }
        let start = out.len();
        let label: Vec<char> = label.chars().flat_map(char::to_lowercase).collect();
        if !label.iter().all(char::is_ascii) {
            out.push_str("xn--");
            encode(&label, &mut out);
        } else {
            out.extend(label);
        }
        if out.len() - start > LABEL_BYTES_MAX {
            let label = out.get(start..).unwrap_or_default();
            let message = format!("has a label of more than {LABEL_BYTES_MAX} bytes: {label}");
            return Err(Fault::new(message));
        }
    }
    Ok(Cow::Owned(out))
}

/// Appends the bytes beyond ASCII of a URL's rest in percent-encoding, all others as they are.
pub(super) fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Punycode (RFC 3492 section 6.3). Host names are short, so nothing overflows.
fn encode(label: &[char], out: &mut String) {
    let before = out.len();
    out.extend(label.iter().filter(|c| c.is_ascii()));
    let basic = (out.len() - before) as u32;
    if basic > 0 {
        out.push('-');
    }
    let (mut bias, mut delta, mut handled, mut floor) = (72, 0, basic, 0x80);
    while let Some(next) = label.iter().map(|&c| u32::from(c)).filter(|&c| c >= floor).min() {
        delta += (next - floor) * (handled + 1);
        for c in label.iter().map(|&c| u32::from(c)) {
            delta += u32::from(c < next);
            if c == next {
                push_number(delta, bias, out);
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta += 1;
        floor = next + 1;
    }
}

/// A number whose digits say themselves where it ends (RFC 3492 section 3.3).
fn push_number(number: u32, bias: u32, out: &mut String) {
    let (mut rest, mut k) = (number, 36_u32);
    loop {
        let threshold = k.saturating_sub(bias).clamp(1, 26);
        let last = rest < threshold;
        let digit = if last { rest } else { threshold + (rest - threshold) % (36 - threshold) };
        // a to z, then 0 to 9.
        out.extend(char::from_u32(if digit < 26 { digit + 97 } else { digit + 22 }));
        if last {
            return;
        }
        rest = (rest - threshold) / (36 - threshold);
        k += 36;
    }
}

/// RFC 3492 section 6.1.
fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = delta / if first { 700 } else { 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_of_rfc_3492_are_encoded() {
        // Section 7.1; where it writes capital letters for mixed case they are small here.
        let samples = [
            ("ليهمابتكلموشعربي؟", "egbpdaj6bu4bxfgehfvwxn"),
            ("他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"),
            ("他們爲什麽不說中文", "ihqwctvzc91f659drss3x8bo0yb"),
            ("Pročprostěnemluvíčesky", "Proprostnemluvesky-uyb24dma41a"),
            ("למההםפשוטלאמדבריםעברית", "4dbcagdahymbxekheh6e0a7fei0b"),
            ("यहलोगहिन्दीक्योंनहींबोलसकतेहैं", "i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd"),
            ("なぜみんな日本語を話してくれないのか", "n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa"),
            (
                "세계의모든사람들이한국어를이해한다면얼마나좋을까",
                "989aomsvi5e83db1d2a355cv1e0vak1dwrv93d5xbh15a0dt30a5jpsd879ccm6fea98c",
            ),
            ("почемужеонинеговорятпорусски", "b1abfaaepdrnnbgefbadotcwatmq2g4l"),
            (
                "PorquénopuedensimplementehablarenEspañol",
                "PorqunopuedensimplementehablarenEspaol-fmd56a",
            ),
            ("TạisaohọkhôngthểchỉnóitiếngViệt", "TisaohkhngthchnitingVit-kjcr8268qyxafd2f1b9g"),
            ("3年B組金八先生", "3B-ww4c5e180e575a65lsy2b"),
            ("安室奈美恵-with-SUPER-MONKEYS", "-with-SUPER-MONKEYS-pc58ag80a8qai00g7n9n"),
            ("Hello-Another-Way-それぞれの場所", "Hello-Another-Way--fc4qua05auwb3674vfr0b"),
            ("ひとつ屋根の下2", "2-u9tlzr9756bt3uc0v"),
            ("MajiでKoiする5秒前", "MajiKoi5-783gue6qz075azm5e"),
            ("パフィーdeルンバ", "de-jg4avhby1noc0d"),
            ("そのスピードで", "d9juau41awczczp"),
            ("-> $1.00 <-", "-> $1.00 <--"),
        ];
        for (text, want) in samples {
            let mut out = String::new();
            encode(&text.chars().collect::<Vec<_>>(), &mut out);
            assert_eq!(out, want, "{text}");
        }
    }

    #[test]
    fn names_become_a_labels() {
        let long = "ü".repeat(60);
        for (name, want) in [
            ("müller.lan", "xn--mller-kva.lan"),
            ("*.MÜLLER.Lan", "*.xn--mller-kva.lan"),
            ("www.straße.de.", "www.xn--strae-oqa.de."),
            ("ΣΊΣΥΦΟΣ.gr", "xn--kxa6akbbkh.gr"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
            ("Example.COM", "Example.COM"),
            ("a.☃", "a.xn--n3h"),
        ] {
            assert_eq!(to_ascii(name).unwrap(), want, "{name}");
        }
        for bad in ["mu\u{308}ller.lan", "ａ.lan", "a\u{200b}ü", "İ.lan\u{307}", "ﬁ.lan", &long]
        {
            assert!(to_ascii(bad).is_err(), "{bad}");
        }
    }
}
