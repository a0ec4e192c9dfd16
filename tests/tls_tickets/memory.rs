//! What a policy costs that nobody is connected to.

use kinglet::tls::{Policy, Terms};

use crate::counting::HELD;
use crate::peers::{certified_terms, secret, shown, tickets, wall_s};

/// Bytes of heap that one more policy may take.
const POLICY_BYTES_MAX: isize = 2048;

#[test]
fn a_policy_takes_little_memory() {
    let secret = secret();
    for terms in [Terms::default(), certified_terms()] {
        let shown = shown();
        let before = HELD.get();
        let tickets = tickets(&secret, "a");
        let policy = Policy::new(&terms, shown, Some(tickets), Some(wall_s)).unwrap();
        let held = HELD.get() - before;
        drop(policy);
        assert!(held > 0 && held <= POLICY_BYTES_MAX, "{held} bytes");
    }
}
