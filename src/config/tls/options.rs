//! `ssl-option-set` and `ssl-option-clear`: OpenSSL's option flags and what they mean here.

use super::super::diagnose::Diagnostic;
use super::super::draft::TlsDraft;
use super::super::read::Reader;
use super::super::settings::{Located, Place, Tls};

const NO_TICKET: u64 = 1 << 14;
const CIPHER_SERVER_PREFERENCE: u64 = 1 << 22;
const NO_TLSV1_2: u64 = 1 << 27;
const NO_TLSV1_3: u64 = 1 << 29;
/// Flags that do something here.
const WITH_EFFECT: u64 = NO_TICKET | CIPHER_SERVER_PREFERENCE | NO_TLSV1_2 | NO_TLSV1_3;

/// Flags that say what is always so here: setting them changes nothing, clearing them is not
/// possible.
const ALWAYS: &[(u64, &str)] = &[
    (1 << 17, "SSL_OP_NO_COMPRESSION"),
    (1 << 25, "SSL_OP_NO_SSLv3"),
    (1 << 26, "SSL_OP_NO_TLSv1"),
    (1 << 28, "SSL_OP_NO_TLSv1_1"),
    (1 << 30, "SSL_OP_NO_RENEGOTIATION"),
];

/// Flags that mean nothing without what they were made for, and may be set and cleared in silence:
/// workarounds for faults of old clients (`SSL_OP_ALL`), a new key for every exchange
/// (`SSL_OP_SINGLE_*_USE`), SSLv2, renegotiation, CBC ciphers, compressed certificates.
const SILENT: u64 = 0x0000_0003_8119_0870;

/// Flags that ask for something that there is not.
const OTHERS: &[(u64, &str)] = &[
    (1, "SSL_OP_NO_EXTENDED_MASTER_SECRET"),
    (1 << 1, "SSL_OP_CLEANSE_PLAINTEXT"),
    (1 << 2, "SSL_OP_LEGACY_SERVER_CONNECT"),
    (1 << 3, "SSL_OP_ENABLE_KTLS"),
    (1 << 7, "SSL_OP_IGNORE_UNEXPECTED_EOF"),
    (1 << 8, "SSL_OP_ALLOW_CLIENT_RENEGOTIATION"),
    (1 << 9, "SSL_OP_DISABLE_TLSEXT_CA_NAMES"),
    (1 << 10, "SSL_OP_ALLOW_NO_DHE_KEX"),
    (1 << 18, "SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION"),
    (1 << 21, "SSL_OP_PRIORITIZE_CHACHA"),
];

/// What the flags of a vhost come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Versions {
    pub(super) tls12: bool,
    pub(super) tls13: bool,
    pub(super) tickets: bool,
    /// Whether our order of suites counts.
    pub(super) server_order: bool,
}

/// The flags that say what these settings say.
pub(in crate::config) fn options_set(tls: &Tls) -> u64 {
    let bits = [(!tls.tls12, NO_TLSV1_2), (!tls.tls13, NO_TLSV1_3), (!tls.tickets, NO_TICKET)];
    bits.iter().filter(|(on, _)| *on).map(|(_, bit)| bit).sum()
}

/// The cleared flags that say what these settings say.
pub(in crate::config) fn options_cleared(tls: &Tls) -> u64 {
    if !tls.server_order { CIPHER_SERVER_PREFERENCE } else { 0 }
}

/// The flags one by one, each with its name.
fn named(bits: u64) -> String {
    let each = (0..u64::BITS).map(|n| 1 << n).filter(|bit| bits & bit != 0);
    let shown = each.map(|bit: u64| {
        let name = ALWAYS.iter().chain(OTHERS).find(|(known, _)| *known == bit);
        name.map_or_else(|| bit.to_string(), |(_, name)| format!("{bit} ({name})"))
    });
    shown.collect::<Vec<_>>().join(", ")
}

impl Reader<'_> {
    /// What the flags mean; those without a meaning here are noted.
    pub(super) fn options(&mut self, draft: &TlsDraft) -> Versions {
        let always: u64 = ALWAYS.iter().map(|(bit, _)| bit).sum();
        let others: u64 = OTHERS.iter().map(|(bit, _)| bit).sum();
        self.idle_flags("ssl-option-set", &draft.options_set, !(WITH_EFFECT | always | SILENT));
        // To clear what is not there is in order, except for flags that nobody knows.
        let idle = !(WITH_EFFECT | others | SILENT);
        self.idle_flags("ssl-option-clear", &draft.options_cleared, idle);
        let joined = |list: &[Located<u64>]| list.iter().fold(0, |bits, one| bits | one.value);
        let cleared = joined(&draft.options_cleared);
        let set = joined(&draft.options_set) & !cleared;
        let mut versions = Versions {
            tls12: set & NO_TLSV1_2 == 0,
            tls13: set & NO_TLSV1_3 == 0,
            tickets: set & NO_TICKET == 0,
            server_order: cleared & CIPHER_SERVER_PREFERENCE == 0,
        };
        if !versions.tls12 && !versions.tls13 {
            self.no_version(&draft.options_set);
            (versions.tls12, versions.tls13) = (true, true);
        }
        versions
    }

    fn idle_flags(&mut self, key: &str, list: &[Located<u64>], idle: u64) {
        for one in list.iter().filter(|one| one.value & idle != 0) {
            let message =
                format!("\"{key}\" has flags without effect here: {}", named(one.value & idle));
            let note = Diagnostic::note(one.place, message);
            let always = ALWAYS.iter().any(|(bit, _)| one.value & idle & bit != 0);
            let hint = "TLS 1.2 and 1.3 are spoken, nothing older, without compression and \
                        renegotiation";
            self.report.push(note.maybe_hint(always.then(|| hint.to_owned())));
        }
    }

    fn no_version(&mut self, list: &[Located<u64>]) {
        let of = |bit: u64| list.iter().find(|one| one.value & bit != 0).map(|one| one.place);
        let (tls12, tls13): (Option<Place>, Option<Place>) = (of(NO_TLSV1_2), of(NO_TLSV1_3));
        let message = "\"ssl-option-set\" turns off both TLS 1.2 and TLS 1.3: both are spoken";
        let hint = format!(
            "leave out {NO_TLSV1_2} (SSL_OP_NO_TLSv1_2) or {NO_TLSV1_3} (SSL_OP_NO_TLSv1_3)"
        );
        let mut warning = Diagnostic::warning(tls13, message).hint(hint);
        if let Some(place) = tls12.filter(|_| tls12 != tls13) {
            warning = warning.related(place, "TLS 1.2 is turned off here");
        }
        self.report.push(warning);
    }
}
