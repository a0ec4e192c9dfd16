//! The suites and groups of a policy as rustls knows them, in the order in which we prefer them.

use rustls::crypto::ring::{cipher_suite as ring_suites, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion, version};

use super::transcript::with_own_hash;
use crate::tls::{Group, PolicyFault, Suite, Terms};

/// TLS 1.3, for a processor with AES instructions: AES-128 costs less than AES-256.
const TLS13_AES_FIRST: [Suite; 3] =
    [Suite::Tls13Aes128Gcm, Suite::Tls13Aes256Gcm, Suite::Tls13Chacha20];
/// TLS 1.3, for a processor without.
const TLS13_CHACHA_FIRST: [Suite; 3] =
    [Suite::Tls13Chacha20, Suite::Tls13Aes128Gcm, Suite::Tls13Aes256Gcm];
/// TLS 1.2, for a processor with AES instructions. Which of the ECDSA and RSA suites can be used
/// follows from the certificate.
const TLS12_AES_FIRST: [Suite; 6] = [
    Suite::EcdsaAes128Gcm,
    Suite::EcdsaAes256Gcm,
    Suite::EcdsaChacha20,
    Suite::RsaAes128Gcm,
    Suite::RsaAes256Gcm,
    Suite::RsaChacha20,
];
/// TLS 1.2, for a processor without.
const TLS12_CHACHA_FIRST: [Suite; 6] = [
    Suite::EcdsaChacha20,
    Suite::EcdsaAes128Gcm,
    Suite::EcdsaAes256Gcm,
    Suite::RsaChacha20,
    Suite::RsaAes128Gcm,
    Suite::RsaAes256Gcm,
];
/// X25519 is the cheapest, P-256 the one that everybody has.
const GROUPS: [Group; 3] = [Group::X25519, Group::P256, Group::P384];

/// What `terms` allow: versions, and a provider with suites (TLS 1.3 first) and groups in order of
/// preference. Suites that stand in the list of the other version, or twice, are left out.
pub(super) fn provider(terms: &Terms) -> Result<CryptoProvider, PolicyFault> {
    let cipher_suites = suites(terms)?;
    let kx_groups = groups(terms)?;
    Ok(CryptoProvider { cipher_suites, kx_groups, ..default_provider() })
}

/// The versions that `terms` allow and have a suite for; `provider` has seen to it that there is
/// one.
pub(super) fn versions(provider: &CryptoProvider) -> Vec<&'static SupportedProtocolVersion> {
    let mut found = Vec::with_capacity(2);
    for version in [&version::TLS13, &version::TLS12] {
        if provider.cipher_suites.iter().any(|suite| suite.version() == version) {
            found.push(version);
        }
    }
    found
}

fn suites(terms: &Terms) -> Result<Vec<SupportedCipherSuite>, PolicyFault> {
    if !terms.tls12 && !terms.tls13 {
        return Err(PolicyFault::NoVersion);
    }
    let (tls13, tls12): (&[Suite], &[Suite]) = if terms.fast_aes {
        (&TLS13_AES_FIRST, &TLS12_AES_FIRST)
    } else {
        (&TLS13_CHACHA_FIRST, &TLS12_CHACHA_FIRST)
    };
    let mut all = Vec::with_capacity(tls13.len() + tls12.len());
    if terms.tls13 {
        let listed = terms.tls13_suites.as_deref().unwrap_or(tls13);
        add_suites(&mut all, listed, &version::TLS13);
    }
    if terms.tls12 {
        let listed = terms.tls12_suites.as_deref().unwrap_or(tls12);
        add_suites(&mut all, listed, &version::TLS12);
    }
    all.shrink_to_fit();
    if all.is_empty() { Err(PolicyFault::NoSuite) } else { Ok(all) }
}

fn add_suites(
    all: &mut Vec<SupportedCipherSuite>,
    listed: &[Suite],
    version: &'static SupportedProtocolVersion,
) {
    for suite in listed.iter().map(|suite| suite_of(*suite)) {
        if suite.version() == version && !all.contains(&suite) {
            all.push(with_own_hash(suite));
        }
    }
}

fn groups(terms: &Terms) -> Result<Vec<&'static dyn SupportedKxGroup>, PolicyFault> {
    let listed = terms.groups.as_deref().unwrap_or(&GROUPS);
    let mut all: Vec<&'static dyn SupportedKxGroup> = Vec::with_capacity(GROUPS.len());
    for group in listed.iter().map(|group| group_of(*group)) {
        if all.iter().all(|known| known.name() != group.name()) {
            all.push(group);
        }
    }
    if all.is_empty() { Err(PolicyFault::NoGroup) } else { Ok(all) }
}

fn suite_of(suite: Suite) -> SupportedCipherSuite {
    match suite {
        Suite::Tls13Aes128Gcm => ring_suites::TLS13_AES_128_GCM_SHA256,
        Suite::Tls13Aes256Gcm => ring_suites::TLS13_AES_256_GCM_SHA384,
        Suite::Tls13Chacha20 => ring_suites::TLS13_CHACHA20_POLY1305_SHA256,
        Suite::EcdsaAes128Gcm => ring_suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        Suite::EcdsaAes256Gcm => ring_suites::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        Suite::EcdsaChacha20 => ring_suites::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        Suite::RsaAes128Gcm => ring_suites::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        Suite::RsaAes256Gcm => ring_suites::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        Suite::RsaChacha20 => ring_suites::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    }
}

fn group_of(group: Group) -> &'static dyn SupportedKxGroup {
    match group {
        Group::X25519 => kx_group::X25519,
        Group::P256 => kx_group::SECP256R1,
        Group::P384 => kx_group::SECP384R1,
    }
}
