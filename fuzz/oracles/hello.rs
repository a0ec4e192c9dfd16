//! The first bytes of a connection mean the same however they come, a handshake never waits for
//! more than what was taken for a whole hello, and nothing that comes behind it breaks anything.

use std::sync::{Arc, LazyLock, Mutex};

use kinglet::buf::Buf;
use kinglet::tls::{
    HELLO_BYTES_MAX, Hello, Identity, Policy, RECORD_BYTES_MAX, Received, Session, Shown, Sniffed,
    Terms, TicketSecret, Tickets, policy_id, self_signed, sniff,
};

/// Most calls that cuts lead to; short inputs are cut into single bytes.
const CALLS_MAX: usize = 600;

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let alpn = vec![b"http/1.1".to_vec()];
    let terms = Terms { server_order: false, alpn, ..Terms::default() };
    let secret = TicketSecret::new(0).expect("random numbers");
    let tickets: Arc<Tickets> = Tickets::new(Arc::new(Mutex::new(secret)), policy_id(&[]), || 0);
    Policy::new(&terms, Shown::new(Some(shown())), Some(tickets), Some(|| 1_811_808_000))
        .expect("a policy")
});

/// A certificate that is made when the first input is looked at.
fn shown() -> kinglet::tls::Certified {
    let request = self_signed::Request { names: &["a.test"], now_secs: 1_811_808_000 };
    let made = self_signed::make(&request, None).expect("a certificate");
    Identity::from_pem(made.certificate_pem.as_bytes(), made.key_pem.as_bytes())
        .expect("an identity")
        .certified()
}

/// Checks one input: a byte for the size of the cuts, then the bytes of a connection.
pub(crate) fn check(input: &[u8]) {
    let Some((cut, bytes)) = input.split_first() else { return };
    let bytes = &bytes[..bytes.len().min(2 * RECORD_BYTES_MAX)];
    let verdict = sniff(bytes);
    told_early_enough(bytes, &verdict);
    match &verdict {
        Sniffed::Short => assert!(bytes.len() < HELLO_BYTES_MAX),
        Sniffed::NotTls | Sniffed::TooLong => return,
        Sniffed::Hello(hello) => {
            if let Some(name) = &hello.server_name {
                assert!(!name.is_empty() && name.len() <= 255 && !name.contains('\0'));
                assert!(!name.bytes().any(|b| b.is_ascii_uppercase()));
            }
        }
        Sniffed::Malformed | Sniffed::TooOld => {}
    }
    let step = bytes.len().div_ceil(CALLS_MAX);
    let mut bytes = bytes.to_vec();
    let hello = match &verdict {
        Sniffed::Hello(hello) => hello.clone(),
        _ => Hello::default(),
    };
    let _ = Session::new(&POLICY).map(|mut it| it.pass_over_odd_name(&hello, &mut bytes));
    let bytes = bytes.as_slice();
    let whole = shake(bytes, bytes.len().max(1));
    for cut in [step, usize::from(*cut)] {
        assert_eq!(shake(bytes, cut.max(step).max(1)).outcome, whole.outcome, "cuts of {cut}");
    }
    if let Sniffed::Hello(_) = verdict {
        let waits = whole.outcome == Outcome::Waits;
        assert!(!waits || whole.said > 0, "a whole hello gets an answer");
    }
}

/// What was said about a part of the bytes is what is said about all of them.
fn told_early_enough(bytes: &[u8], verdict: &Sniffed) {
    let step = bytes.len().div_ceil(CALLS_MAX).max(1);
    for end in (0..bytes.len()).step_by(step) {
        let early = sniff(&bytes[..end]);
        assert!(early == Sniffed::Short || early == *verdict, "after {end}: {early:?}");
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Waits,
    Closed,
    Failed,
}

struct Shaken {
    outcome: Outcome,
    /// Bytes for the client.
    said: usize,
}

/// Hands `bytes` to a session, `cut` at a time.
fn shake(bytes: &[u8], cut: usize) -> Shaken {
    let mut session = Session::new(&POLICY).expect("a session");
    let mut plain = Buf::with_capacity(RECORD_BYTES_MAX);
    let mut out = Buf::with_capacity(4 * RECORD_BYTES_MAX);
    let mut input = Vec::new();
    for piece in bytes.chunks(cut) {
        input.extend_from_slice(piece);
        let (used, received) = session.receive(&mut input, &mut plain, &mut out);
        assert!(used <= input.len());
        input.drain(..used);
        let outcome = match received {
            Received::More => continue,
            Received::Closed => Outcome::Closed,
            Received::Failed(_) => Outcome::Failed,
            other => panic!("without a client: {other:?}"),
        };
        return Shaken { outcome, said: out.len() };
    }
    assert!(plain.is_empty() && !session.is_established() && !session.owes());
    Shaken { outcome: Outcome::Waits, said: out.len() }
}
