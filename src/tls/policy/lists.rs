//! Lists of cipher suites and groups as OpenSSL reads them (`openssl-ciphers(1)`).

use std::ops::Range;

use super::suites::{Group, Suite};

/// Why a word of a list has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// OpenSSL may have what it names; it is not available here.
    NotHere,
    /// A suite that is available, but of the other version of TLS.
    OtherVersion,
    /// Nothing is called so.
    Unknown,
}

/// A word that has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut<'l> {
    /// Its bytes within the list.
    pub range: Range<usize>,
    /// The word.
    pub word: &'l str,
    /// Why.
    pub why: Why,
}

/// What a list chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<'l, T> {
    /// The chosen ones, each once, preferred ones first.
    pub chosen: Vec<T>,
    /// Words that choose nothing although they should.
    pub left_out: Vec<LeftOut<'l>>,
}

impl<T> Default for Parsed<'_, T> {
    fn default() -> Self {
        Self { chosen: Vec::new(), left_out: Vec::new() }
    }
}

/// A set of suites of TLS 1.2: bit n stands for `Suite::TLS12[n]`.
type Set = u8;

const ALL: Set = 0b11_1111;
const ECDSA: Set = 0b01_0101;
const RSA: Set = 0b10_1010;
const AES256: Set = 0b00_0011;
const CHACHA20: Set = 0b00_1100;
const AES128: Set = 0b11_0000;
const AES: Set = AES128 | AES256;
/// Suites with a key of 256 bits.
const LONG_KEY: Set = AES256 | CHACHA20;

/// Words that select by a property, with what they select here. That OpenSSL's `SHA256`, `SHA384`
/// and `RSA` select none of these suites (an AEAD has no MAC, the key exchange is never RSA's) is
/// no mistake.
const WORDS: &[(&str, Set)] = &[
    ("ALL", ALL),
    ("DEFAULT", ALL),
    ("HIGH", ALL),
    ("TLSv1.2", ALL),
    ("ECDHE", ALL),
    ("EECDH", ALL),
    ("ECDH", ALL),
    ("kECDHE", ALL),
    ("kEECDH", ALL),
    ("ECDSA", ECDSA),
    ("aECDSA", ECDSA),
    ("aRSA", RSA),
    ("AES", AES),
    ("AESGCM", AES),
    ("AES128", AES128),
    ("AES256", AES256),
    ("CHACHA20", CHACHA20),
    ("FIPS", AES),
    ("SUITEB128", ECDSA & AES),
    ("SUITEB128ONLY", ECDSA & AES128),
    ("SUITEB128C2", ECDSA & AES),
    ("SUITEB192", ECDSA & AES256),
];

/// Words of OpenSSL that select nothing that is available.
const EMPTY_WORDS: &str = " COMPLEMENTOFALL COMPLEMENTOFDEFAULT MEDIUM LOW EXP EXPORT EXPORT40 \
    EXPORT56 eNULL NULL aNULL ADH AECDH EDH DHE kEDH kDHE DH kDH kDHr kDHd kECDH kECDHe kECDHr \
    aDH aECDH RSA kRSA DSS aDSS PSK kPSK aPSK kECDHEPSK kDHEPSK kRSAPSK SRP kSRP aSRP GOST kGOST \
    kGOST18 aGOST aGOST01 aGOST12 GOST94 GOST89MAC RC4 RC2 DES 3DES IDEA SEED CAMELLIA \
    CAMELLIA128 CAMELLIA256 ARIA ARIAGCM ARIA128 ARIA256 AESCCM AESCCM8 MD5 SHA SHA1 SHA256 \
    SHA384 SSLv2 SSLv3 TLSv1 TLSv1.0 TLSv1.1 KRB5 aKRB5 kKRB5 kFZA aFZA eFZA FZA ";

/// Parts of names of suites that OpenSSL or IANA's registry has or had.
const NAME_PARTS: &str = " TLS SSL WITH ECDHE ECDH DHE EDH DH ADH AECDH ANON RSA ECDSA DSS PSK \
    SRP KRB5 GOST2001 GOST94 GOST2012 GOST89 EXP EXP1024 EXPORT EXPORT1024 AES AES128 AES256 128 \
    256 40 56 GCM CBC CBC3 CCM CCM8 8 CHACHA20 POLY1305 CAMELLIA CAMELLIA128 CAMELLIA256 ARIA \
    ARIA128 ARIA256 SEED IDEA RC4 RC2 DES DES3 3DES EDE NULL SHA SHA1 SHA256 SHA384 MD5 SCSV \
    EMPTY RENEGOTIATION INFO FALLBACK ";

/// Groups that OpenSSL has or had and that are not available.
const OTHER_GROUPS: &str = " P-521 secp521r1 X448 ffdhe2048 ffdhe3072 ffdhe4096 ffdhe6144 \
    ffdhe8192 X25519MLKEM768 SecP256r1MLKEM768 SecP384r1MLKEM1024 X448MLKEM1024 MLKEM512 MLKEM768 \
    MLKEM1024 X25519Kyber768Draft00 brainpoolP256r1 brainpoolP384r1 brainpoolP512r1 \
    brainpoolP256r1tls13 brainpoolP384r1tls13 brainpoolP512r1tls13 P-224 secp224r1 P-192 \
    prime192v1 secp192r1 secp256k1 secp224k1 secp192k1 secp160r1 secp160r2 secp160k1 sect571r1 \
    sect571k1 sect409r1 sect409k1 sect283r1 sect283k1 sect239k1 sect233r1 sect233k1 sect193r1 \
    sect193r2 sect163r1 sect163r2 sect163k1 ";

fn is_one_of(word: &str, words: &str) -> bool {
    words.split_ascii_whitespace().any(|w| w.eq_ignore_ascii_case(word))
}

/// The words that a list for TLS 1.2 may have, for suggestions.
pub fn tls12_words() -> impl Iterator<Item = &'static str> {
    let names = Suite::TLS12.into_iter().flat_map(|s| [s.name(), s.iana_name()]);
    let words = WORDS.iter().map(|(word, _)| *word);
    names.chain(words).chain(EMPTY_WORDS.split_ascii_whitespace())
}

/// The words that a list of groups may have, for suggestions.
pub fn group_words() -> impl Iterator<Item = &'static str> {
    Group::ALL.into_iter().flat_map(|g| g.names().iter().copied())
}

/// The elements of a list and where they begin. Separators are those of OpenSSL.
fn elements(list: &str) -> impl Iterator<Item = (usize, &str)> {
    with_offsets(list, &[':', ',', ';', ' ', '\t'])
}

/// The elements of a list for TLS 1.2. `!` and `@` begin one even without a separator in front of
/// them, as in `DEFAULT@SECLEVEL=1`.
fn elements_tls12(list: &str) -> impl Iterator<Item = (usize, &str)> {
    elements(list).flat_map(|(start, text)| {
        let inner = text.match_indices(['!', '@']).map(|(at, _)| at).filter(|at| *at > 0);
        let ends: Vec<usize> = inner.chain([text.len()]).collect();
        let mut from = 0;
        ends.into_iter().map(move |end| {
            let piece = (start + from, text.get(from..end).unwrap_or_default());
            from = end;
            piece
        })
    })
}

/// The parts between separators and where they begin, without empty ones.
fn with_offsets<'l>(text: &'l str, separators: &[char]) -> impl Iterator<Item = (usize, &'l str)> {
    let mut at = 0;
    text.split(separators).filter_map(move |part| {
        let start = at;
        at += part.len() + 1; // Every separator is one byte.
        (!part.is_empty()).then_some((start, part))
    })
}

/// Whether a word has the shape of a suite's name and all of its parts are known. A slip in a
/// name that is available does not count: only those suites have an AEAD with these ends.
fn is_other_name(word: &str) -> bool {
    let mut parts = 0;
    let known = word.split(['-', '_']).all(|part| {
        parts += 1;
        is_one_of(part, NAME_PARTS)
    });
    let upper = word.to_ascii_uppercase().replace('_', "-");
    let begins = ["ECDHE-ECDSA-", "ECDHE-RSA-"].iter().any(|p| upper.contains(p))
        || (upper.starts_with("TLS-") && !upper.contains("-WITH-"));
    let ends = upper.contains("-POLY1305") || (upper.contains("AES") && upper.contains("-GCM"));
    known && parts > 1 && !(begins && ends)
}

/// What a single word selects, or why it selects nothing.
fn selected(word: &str) -> Result<Set, Why> {
    if let Some(n) = Suite::TLS12.iter().position(|suite| suite.is_called(word)) {
        return Ok(1 << n);
    }
    if let Some((_, set)) = WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
        return Ok(*set);
    }
    if Suite::TLS13.iter().any(|suite| suite.is_called(word)) {
        return Err(Why::OtherVersion);
    }
    let known = is_one_of(word, EMPTY_WORDS) || is_other_name(word);
    Err(if known { Why::NotHere } else { Why::Unknown })
}

/// A list for TLS 1.2 while it is being read. What is in neither order is removed for good.
struct Choice {
    /// Chosen so far, preferred ones first.
    order: Vec<usize>,
    /// Not chosen, in the order in which they would be.
    pool: Vec<usize>,
}

impl Choice {
    fn new() -> Self {
        Self { order: Vec::new(), pool: (0..Suite::TLS12.len()).collect() }
    }

    fn apply(&mut self, sign: Option<char>, set: Set) {
        let within = |n: &usize| set & (1 << *n) != 0;
        match sign {
            Some('!') => {
                self.order.retain(|n| !within(n));
                self.pool.retain(|n| !within(n));
            }
            // When chosen again, what was removed comes first.
            Some('-') => {
                let (mut removed, kept) =
                    self.order.iter().partition::<Vec<usize>, _>(|n| within(n));
                removed.append(&mut self.pool);
                (self.order, self.pool) = (kept, removed);
            }
            Some('+') => self.order.sort_by_key(within),
            _ => {
                let (mut chosen, rest) = self.pool.iter().partition::<Vec<usize>, _>(|n| within(n));
                self.order.append(&mut chosen);
                self.pool = rest;
            }
        }
    }

    /// `@STRENGTH`, `@SECLEVEL=n`; false for anything else.
    fn command(&mut self, word: &str) -> bool {
        /// From this security level on a key needs 192 bits.
        const LEVEL_OF_LONG_KEYS: u8 = 4;
        if word.eq_ignore_ascii_case("STRENGTH") {
            self.order.sort_by_key(|n| LONG_KEY & (1 << n) == 0);
            return true;
        }
        let level = word.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("SECLEVEL"));
        match level.and_then(|(_, level)| level.parse::<u8>().ok()) {
            Some(LEVEL_OF_LONG_KEYS..=5) => self.apply(Some('!'), ALL & !LONG_KEY),
            Some(0..LEVEL_OF_LONG_KEYS) => {}
            _ => return false,
        }
        true
    }
}

/// What the words of `A+B` select together, or the word that is at fault (the whole of `body` when
/// only the combination is) and why.
fn combined(body: &str) -> Result<Set, (usize, &str, Why)> {
    let mut set = ALL;
    let mut fault = None;
    for (offset, word) in with_offsets(body, &['+']) {
        match selected(word) {
            Ok(more) => set &= more,
            Err(Why::Unknown) => return Err((offset, word, Why::Unknown)),
            Err(why) => fault = Some(why),
        }
    }
    if body.is_empty() {
        return Err((0, body, Why::Unknown));
    }
    match fault {
        Some(why) => Err((0, body, why)),
        None if set == 0 => Err((0, body, Why::NotHere)),
        None => Ok(set),
    }
}

/// Reads a list for TLS 1.2 as OpenSSL does: names and properties; `A+B` is what has both
/// properties; `!` removes for good, `-` removes, `+` moves to the end; `@STRENGTH` sorts by the
/// length of the keys. Case does not count. To remove or move what is not available is no fault.
#[must_use]
pub fn parse_tls12(list: &str) -> Parsed<'_, Suite> {
    let mut choice = Choice::new();
    let mut left_out = Vec::new();
    for (at, element) in elements_tls12(list) {
        let sign = element.chars().next().filter(|c| matches!(c, '!' | '-' | '+' | '@'));
        let body = element.get(usize::from(sign.is_some())..).unwrap_or_default();
        if sign == Some('@') {
            if !choice.command(body) {
                left_out.push(LeftOut {
                    range: at..at + element.len(),
                    word: element,
                    why: Why::Unknown,
                });
            }
            continue;
        }
        match combined(body) {
            Ok(set) => choice.apply(sign, set),
            Err((_, _, Why::NotHere | Why::OtherVersion)) if sign.is_some() => {}
            Err((_, "", why)) => {
                left_out.push(LeftOut { range: at..at + element.len(), word: element, why });
            }
            Err((offset, word, why)) => {
                let start = at + usize::from(sign.is_some()) + offset;
                left_out.push(LeftOut { range: start..start + word.len(), word, why });
            }
        }
    }
    let chosen = choice.order.iter().filter_map(|&n| Suite::TLS12.get(n).copied()).collect();
    Parsed { chosen, left_out }
}

/// Reads a plain list: every word is one of `known`, or left out for the reason that `why` gives.
fn plain<'l, T: PartialEq>(
    list: &'l str,
    known: impl Fn(&str) -> Option<T>,
    why: impl Fn(&str) -> Why,
) -> Parsed<'l, T> {
    let mut parsed = Parsed::default();
    for (start, word) in elements(list) {
        match known(word) {
            Some(one) if parsed.chosen.contains(&one) => {}
            Some(one) => parsed.chosen.push(one),
            None => {
                let range = start..start + word.len();
                parsed.left_out.push(LeftOut { range, word, why: why(word) });
            }
        }
    }
    parsed
}

/// Reads a list of suites of TLS 1.3: names, preferred ones first. Case does not count.
#[must_use]
pub fn parse_tls13(list: &str) -> Parsed<'_, Suite> {
    let known = |word: &str| Suite::TLS13.into_iter().find(|suite| suite.is_called(word));
    plain(list, known, |word| match selected(word) {
        _ if Suite::TLS12.iter().any(|suite| suite.is_called(word)) => Why::OtherVersion,
        Err(Why::NotHere) if !is_one_of(word, EMPTY_WORDS) => Why::NotHere,
        _ => Why::Unknown,
    })
}

/// Reads a list of key exchange groups, preferred ones first. Case does not count.
#[must_use]
pub fn parse_groups(list: &str) -> Parsed<'_, Group> {
    let known = |word: &str| {
        let called = |g: &Group| g.names().iter().any(|name| name.eq_ignore_ascii_case(word));
        Group::ALL.into_iter().find(called)
    };
    let other = |word: &str| match is_one_of(word, OTHER_GROUPS) {
        true => Why::NotHere,
        false => Why::Unknown,
    };
    plain(list, known, other)
}

#[cfg(test)]
#[path = "lists_tests.rs"]
mod tests;
