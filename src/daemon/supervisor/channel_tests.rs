//! Orders and reports over a real pair of sockets.

use super::*;

fn next(fd: &OwnedFd) -> Option<(Order, Option<OwnedFd>)> {
    let mut room = [0; PACKET_BYTES_MAX];
    let (bytes, rider) = passing::receive(fd.as_fd(), &mut room).ok()??;
    Some((Order::decode(&room[..bytes]).unwrap(), rider))
}

#[test]
fn orders_wait_for_room_and_keep_their_order_and_their_riders() {
    let (mut channel, worker) = Channel::pair().unwrap();
    let rider = Arc::new(OwnedFd::from(std::fs::File::open("/dev/null").unwrap()));
    let mut sent = 0;
    while !channel.is_waiting() || sent % 50 != 0 {
        let order = Order::Log { number: sent };
        channel.send(&order, Some(&rider)).unwrap();
        sent += 1;
    }
    // Those that wait share one descriptor.
    assert!(Arc::strong_count(&rider) > 1);
    channel.send(&Order::Serve, None).unwrap();
    let mut seen = 0;
    let last = loop {
        match next(&worker) {
            Some((Order::Log { number }, Some(_))) => {
                assert_eq!(number, seen);
                seen += 1;
            }
            Some((order, rider)) => {
                assert!(rider.is_none());
                break order;
            }
            None => channel.flush().unwrap(),
        }
    };
    assert_eq!((last, seen), (Order::Serve, sent));
    assert!(!channel.is_waiting() && next(&worker).is_none());
}

#[test]
fn a_worker_that_reads_nothing_is_given_up() {
    let (mut channel, _worker) = Channel::pair().unwrap();
    let given_up = (0..2 * ORDERS_MAX).find(|_| channel.send(&Order::Ask, None).is_err());
    assert!(given_up.is_some_and(|count| count >= ORDERS_MAX));
}

#[test]
fn reports_garbage_and_the_end() {
    let (mut channel, worker) = Channel::pair().unwrap();
    assert_eq!(channel.receive(), Received::Nothing);
    let report = Report::Failed { code: 78 };
    passing::send(worker.as_fd(), &report.encode(), None).unwrap();
    passing::send(worker.as_fd(), b"what?", None).unwrap();
    passing::send(worker.as_fd(), &report.encode(), Some(worker.as_fd())).unwrap();
    passing::send(worker.as_fd(), &[0; PACKET_BYTES_MAX + 1], None).unwrap();
    passing::send(worker.as_fd(), &Report::Pong { number: 7 }.encode(), None).unwrap();
    assert_eq!(channel.receive(), Received::Report(report));
    for _ in 0..3 {
        assert_eq!(channel.receive(), Received::Garbage);
    }
    assert_eq!(channel.receive(), Received::Report(Report::Pong { number: 7 }));
    // What it said last is read although it has gone, and orders to it are dropped.
    passing::send(worker.as_fd(), &Report::Failed { code: 1 }.encode(), None).unwrap();
    drop(worker);
    channel.send(&Order::Ask, None).unwrap();
    assert_eq!(channel.receive(), Received::Report(Report::Failed { code: 1 }));
    assert_eq!(channel.receive(), Received::Closed);
    assert_eq!(channel.receive(), Received::Nothing);
    assert!(channel.is_closed());
    channel.send(&Order::Ask, None).unwrap();
}
