//! The hash of a handshake's messages, over a hello as the client has sent it.
//!
//! rustls refuses a hello whose `server_name` is no name (`[::1]`, `host:443`, UTF-8), where other
//! servers serve their first site. So it gets a hello in which that extension has a type that it
//! passes over. Client and server prove to each other with a hash of all messages that they have
//! seen the same ones, and rustls takes its hash functions from us: they put the type back.

use std::cell::Cell;
use std::sync::OnceLock;

use ring::digest;
use rustls::crypto::hash::{Context, Hash, HashAlgorithm, Output};
use rustls::crypto::ring::default_provider;
use rustls::{CipherSuiteCommon, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite};

use crate::tls::sniff::CLIENT_HELLO;

/// The type of `server_name`, which was there.
const SERVER_NAME: [u8; 2] = [0, 0];

/// Type of the message that stands for a first hello.
const MESSAGE_HASH: u8 = 254;

thread_local! {
    /// Where in the hello that the present call of rustls is about a type was changed.
    static HIDDEN_AT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// While it lives, hellos are hashed with the type of the extension at their byte `at` put back.
pub(in crate::tls) struct Hidden(());

/// See [`Hidden`].
pub(in crate::tls) fn hidden(at: Option<usize>) -> Hidden {
    HIDDEN_AT.set(at);
    Hidden(())
}

impl Drop for Hidden {
    fn drop(&mut self) {
        HIDDEN_AT.set(None);
    }
}

/// The parts of what the client has sent, when this is its hello with a changed type, or the hash
/// of a first hello and then its second one (RFC 8446 section 4.4.1).
fn as_sent(messages: &[u8]) -> Option<[&[u8]; 3]> {
    let at = HIDDEN_AT.get()?;
    let start = match messages {
        [MESSAGE_HASH, 0, 0, bytes, ..] => 4 + usize::from(*bytes),
        _ => 0,
    };
    if messages.get(start) != Some(&CLIENT_HELLO) {
        return None;
    }
    let (before, rest) = messages.split_at_checked(start + at)?;
    Some([before, &SERVER_NAME, rest.get(SERVER_NAME.len()..)?])
}

/// The messages as the client has sent them, for a signature of its over all of them (TLS 1.2).
pub(super) fn messages_as_sent(messages: &[u8]) -> Option<Vec<u8>> {
    as_sent(messages).map(|parts| parts.concat())
}

struct Sha(&'static digest::Algorithm, HashAlgorithm);

static SHA256: Sha = Sha(&digest::SHA256, HashAlgorithm::SHA256);
static SHA384: Sha = Sha(&digest::SHA384, HashAlgorithm::SHA384);

impl Hash for Sha {
    fn start(&self) -> Box<dyn Context> {
        Box::new(Running(digest::Context::new(self.0)))
    }

    fn hash(&self, data: &[u8]) -> Output {
        output(&digest::digest(self.0, data))
    }

    fn output_len(&self) -> usize {
        self.0.output_len()
    }

    fn algorithm(&self) -> HashAlgorithm {
        self.1
    }
}

struct Running(digest::Context);

impl Context for Running {
    fn fork_finish(&self) -> Output {
        output(&self.0.clone().finish())
    }

    fn fork(&self) -> Box<dyn Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> Output {
        output(&self.0.finish())
    }

    fn update(&mut self, data: &[u8]) {
        match as_sent(data) {
            Some(parts) => parts.iter().for_each(|part| self.0.update(part)),
            None => self.0.update(data),
        }
    }
}

fn output(digest: &digest::Digest) -> Output {
    Output::new(digest.as_ref())
}

/// The same suite with these hash functions.
pub(super) fn with_own_hash(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    static SUITES: OnceLock<Vec<SupportedCipherSuite>> = OnceLock::new();
    let suites = SUITES.get_or_init(|| default_provider().cipher_suites.iter().map(made).collect());
    suites.iter().find(|own| own.suite() == suite.suite()).copied().unwrap_or(suite)
}

/// Made once for each suite of the program.
fn made(suite: &SupportedCipherSuite) -> SupportedCipherSuite {
    let common = |common: &CipherSuiteCommon| CipherSuiteCommon {
        suite: common.suite,
        hash_provider: match common.hash_provider.algorithm() {
            HashAlgorithm::SHA384 => &SHA384,
            _ => &SHA256,
        },
        confidentiality_limit: common.confidentiality_limit,
    };
    match *suite {
        SupportedCipherSuite::Tls13(of) => {
            SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
                common: common(&of.common),
                hkdf_provider: of.hkdf_provider,
                aead_alg: of.aead_alg,
                quic: None,
            })))
        }
        SupportedCipherSuite::Tls12(of) => {
            SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
                common: common(&of.common),
                prf_provider: of.prf_provider,
                kx: of.kx,
                sign: of.sign,
                aead_alg: of.aead_alg,
            })))
        }
    }
}
