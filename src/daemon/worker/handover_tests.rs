//! Tests of the handover from supervisor to worker.

use std::fs::File;

use zeroize::Zeroizing;

use super::*;
use crate::tls::EXPORT_BYTES;

fn descriptor() -> OwnedFd {
    File::open("/dev/null").unwrap().into()
}

fn tickets() -> Order {
    Order::Tickets(TicketBytes(Zeroizing::new([7; EXPORT_BYTES])))
}

fn listen(socket: u32) -> Order {
    Order::Listen { socket, listener: 1, share: 2 }
}

/// What comes of these orders, each with the descriptor that it needs.
fn run(orders: &[Order]) -> Result<Handover, Refusal> {
    let mut handover = Handover::default();
    for order in orders {
        let rider = order.carries_descriptor().then(descriptor);
        if handover.take(Some((&order.encode(), rider)))? {
            return Ok(handover);
        }
    }
    handover.take(None).map(|_| handover)
}

#[test]
fn a_whole_handover_is_kept_in_order() {
    let orders = [
        Order::Snapshot,
        Order::Port(81),
        tickets(),
        Order::Log { number: 1 },
        Order::Log { number: 0 },
        Order::Log { number: 1 },
        listen(7),
        listen(8),
        listen(9),
        Order::Unlisten { socket: 8 },
        Order::Serve,
    ];
    let handover = run(&orders).unwrap();
    assert!(handover.snapshot.is_some() && handover.tickets.is_some());
    assert_eq!(handover.port, Some(81));
    assert_eq!(handover.logs.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [0, 1]);
    let sockets = handover.sockets.iter().map(|s| (s.socket, s.listener, s.share));
    assert_eq!(sockets.collect::<Vec<_>>(), [(7, 1, 2), (9, 1, 2)]);
}

#[test]
fn what_has_no_place_is_refused() {
    for (orders, refusal) in [
        (vec![Order::Serve], Refusal::Order),
        (vec![Order::Snapshot, Order::Snapshot], Refusal::Order),
        (vec![Order::Port(1), Order::Port(1)], Refusal::Order),
        (vec![tickets(), tickets()], Refusal::Order),
        (vec![listen(1), listen(1)], Refusal::Order),
        (vec![Order::Ask], Refusal::Order),
        (vec![Order::Ping { number: 1 }], Refusal::Order),
        (vec![Order::Snapshot], Refusal::Unwanted),
        (vec![Order::Stop { within_ms: 5 }], Refusal::Unwanted),
        (vec![Order::Retire { drain_ms: 5 }], Refusal::Unwanted),
    ] {
        assert_eq!(run(&orders).unwrap_err(), refusal, "{orders:?}");
    }
}

#[test]
fn descriptors_have_to_be_where_they_belong() {
    for (order, rider) in [
        (Order::Snapshot, None),
        (listen(1), None),
        (Order::Log { number: 1 }, None),
        (Order::Port(1), Some(descriptor())),
        (Order::Serve, Some(descriptor())),
    ] {
        let refused = Handover::default().take(Some((&order.encode(), rider)));
        assert_eq!(refused, Err(Refusal::Descriptor), "{order:?}");
    }
}

#[test]
fn garbage_is_refused() {
    let refused = Handover::default().take(Some((b"\x01\x7f", None)));
    assert_eq!(refused, Err(Refusal::Malformed(Malformed::Value)));
    let refused = Handover::default().take(Some((b"GET / HTTP/1.1\r\n\r\n", None)));
    assert_eq!(refused, Err(Refusal::Malformed(Malformed::Version)));
}

#[test]
fn it_is_received_from_a_channel() {
    let (near, far) = passing::pair().unwrap();
    let sender = std::thread::spawn(move || {
        let null = descriptor();
        let send = |order: Order, rider| {
            passing::send(far.as_fd(), &order.encode(), rider).unwrap();
        };
        send(Order::Snapshot, Some(null.as_fd()));
        send(listen(3), Some(null.as_fd()));
        send(Order::Serve, None);
        // What comes afterwards is not touched.
        send(Order::Ask, None);
        far
    });
    let handover = Handover::receive(&near).unwrap();
    assert_eq!(handover.sockets.len(), 1);
    let far = sender.join().unwrap();
    let mut room = [0; PACKET_BYTES_MAX];
    let (n, _) = passing::receive(near.as_fd(), &mut room).unwrap().unwrap();
    assert_eq!(Order::decode(&room[..n]), Ok(Order::Ask));
    drop(far);
    assert_eq!(Handover::receive(&near).unwrap_err(), Refusal::Unwanted);
}

#[test]
fn packets_that_are_too_long_are_refused() {
    let (near, far) = passing::pair().unwrap();
    passing::send(far.as_fd(), &[1; PACKET_BYTES_MAX + 1], None).unwrap();
    let refused = Handover::receive(&near).unwrap_err();
    assert_eq!(refused, Refusal::Malformed(Malformed::Trailing));
}
