//! Tests of settling what was handed over.

use super::*;
use crate::daemon::worker::handover::Handed;

fn handed(socket: u32, listener: u16, share: u16) -> Handed {
    Handed { socket, listener, share, fd: File::open("/dev/null").unwrap().into() }
}

#[test]
fn sockets_go_round_the_reactors() {
    // Listeners: TCP, unix, TCP, unix.
    let homes = Homes::new(3, [false, true, false, true]);
    let sockets = vec![
        handed(10, 0, 0),
        handed(11, 0, 1),
        handed(12, 0, 2),
        // More than there are reactors: they were opened for more threads.
        handed(13, 0, 4),
        handed(14, 1, 0),
        handed(15, 2, 1),
        handed(16, 3, 0),
    ];
    let (listeners, elsewhere) = settle(sockets, &homes, 3).unwrap();
    let numbers = |of: &Vec<Listening>| of.iter().map(|one| (one.socket, one.id.0)).collect();
    let numbers: Vec<Vec<(u32, u16)>> = listeners.iter().map(numbers).collect();
    let expected =
        [vec![(10, 0), (16, 3)], vec![(11, 0), (13, 0), (14, 1), (15, 2)], vec![(12, 0)]];
    assert_eq!(numbers, expected);
    assert_eq!(elsewhere, [(11, 1), (12, 2), (13, 1), (14, 1), (15, 1)]);
}

#[test]
fn a_socket_of_no_listener_is_refused() {
    let homes = Homes::new(1, [false]);
    assert_eq!(settle(vec![handed(1, 1, 0)], &homes, 1).err(), Some(exit::RUNTIME));
    assert_eq!(homes.of(0, 7), Some(0));
}

#[test]
fn a_worker_without_a_secret_makes_its_own() {
    use crate::daemon::orders::TicketBytes;
    let secret = TicketSecret::new(clock::monotonic_ms()).unwrap();
    let taken = ticket_secret(Some(TicketBytes(secret.export()))).unwrap();
    assert_eq!(*taken.lock().unwrap().export(), *secret.export());
    let own = ticket_secret(None).unwrap();
    assert_ne!(*own.lock().unwrap().export(), *secret.export());
}
