//! Tests of the channel to the supervisor, without a reactor.

use super::*;
use crate::reactor::Mailbox;

struct Stage {
    channel: Channel,
    far: Option<OwnedFd>,
    /// Of all reactors; letters to others wait in them.
    _mailboxes: Vec<Mailbox>,
}

fn stage(reactors: u16) -> Stage {
    let (near, far) = passing::pair().unwrap();
    let mailboxes = Mailbox::open(reactors).unwrap();
    let parts = Parts {
        fd: near,
        logs: Logs::default(),
        homes: Homes::new(reactors, [false, true]),
        elsewhere: Vec::new(),
        shutdown_ms: 5_000,
    };
    let post = mailboxes[0].post();
    Stage { channel: Channel::new(parts, post), far: Some(far), _mailboxes: mailboxes }
}

impl Stage {
    fn send(&self, bytes: &[u8], rider: Option<&OwnedFd>) {
        let far = self.far.as_ref().unwrap();
        passing::send(far.as_fd(), bytes, rider.map(AsFd::as_fd)).unwrap();
    }

    fn order(&mut self, order: &Order) -> Command {
        let null: OwnedFd = File::open("/dev/null").unwrap().into();
        self.send(&order.encode(), order.carries_descriptor().then_some(&null));
        self.channel.watched(ORDERS, 0)
    }

    fn report(&self) -> Option<Report> {
        let mut room = [0; PACKET_BYTES_MAX];
        let far = self.far.as_ref().unwrap();
        match passing::receive(far.as_fd(), &mut room) {
            Ok(Some((n, None))) => Some(Report::decode(&room[..n]).unwrap()),
            _ => None,
        }
    }
}

fn is_soon(until_ms: u64, within_ms: u64) -> bool {
    let now_ms = clock::monotonic_ms();
    until_ms <= now_ms + within_ms && until_ms + 60_000 > now_ms + within_ms
}

#[test]
fn endings_become_times() {
    let mut stage = stage(1);
    let retire = |drain_ms| Order::Retire { drain_ms };
    assert!(matches!(stage.order(&retire(0)), Command::Retire { until_ms: None }));
    match stage.order(&retire(70_000)) {
        Command::Retire { until_ms: Some(at) } => assert!(is_soon(at, 70_000)),
        other => panic!("{other:?}"),
    }
    match stage.order(&Order::Stop { within_ms: 80_000 }) {
        Command::Drain { until_ms } => assert!(is_soon(until_ms, 80_000)),
        other => panic!("{other:?}"),
    }
    let ever = stage.order(&Order::Stop { within_ms: u64::MAX });
    assert!(matches!(ever, Command::Drain { until_ms: u64::MAX }));
}

#[test]
fn sockets_find_their_reactors_and_leave_them_again() {
    let mut stage = stage(2);
    let listen = |socket, listener, share| Order::Listen { socket, listener, share };
    match stage.order(&listen(7, 0, 2)) {
        Command::Listen(one) => assert_eq!((one.socket, one.id), (7, ListenerId(0))),
        other => panic!("{other:?}"),
    }
    // The other reactor's, one TCP and one unix socket.
    assert!(matches!(stage.order(&listen(8, 0, 1)), Command::Continue));
    assert!(matches!(stage.order(&listen(9, 1, 0)), Command::Continue));
    assert_eq!(stage.channel.elsewhere, [(8, 1), (9, 1)]);
    assert!(matches!(stage.order(&Order::Unlisten { socket: 8 }), Command::Continue));
    assert_eq!(stage.channel.elsewhere, [(9, 1)]);
    assert!(matches!(stage.order(&Order::Unlisten { socket: 7 }), Command::Unlisten(7)));
    // No such listener: the socket is closed, nothing else happens.
    assert!(matches!(stage.order(&listen(10, 2, 0)), Command::Continue));
    assert_eq!(stage.channel.elsewhere, [(9, 1)]);
}

#[test]
fn garbage_and_orders_of_the_handover_are_passed_over() {
    let mut stage = stage(1);
    stage.send(b"garbage", None);
    stage.send(&[1; PACKET_BYTES_MAX + 1], None);
    stage.send(&Order::Serve.encode(), None);
    stage.send(&Order::Port(1).encode(), None);
    // One that should carry a descriptor and does not.
    stage.send(&Order::Listen { socket: 1, listener: 0, share: 0 }.encode(), None);
    assert!(matches!(stage.order(&Order::Unlisten { socket: 3 }), Command::Unlisten(3)));
    assert!(matches!(stage.channel.watched(ORDERS, 0), Command::Continue));
}

#[test]
fn what_came_round_is_reported() {
    let mut stage = stage(1);
    stage.channel.came_round(Letter::Ping { number: 6, origin: 0 });
    assert_eq!(stage.report(), Some(Report::Pong { number: 6 }));
    let sums = Counts { connections: 1, accepted: 2, requests: 3 };
    stage.channel.came_round(Letter::Count { sums, origin: 0 });
    let stats = Report::Stats { connections: 1, accepted: 2, requests: 3 };
    assert_eq!(stage.report(), Some(stats));
    assert_eq!(stage.report(), None);
}

#[test]
fn without_a_supervisor_it_stops_once() {
    let mut stage = stage(1);
    stage.far = None;
    match stage.channel.watched(ORDERS, 0) {
        Command::Drain { until_ms } => assert!(is_soon(until_ms, 5_000)),
        other => panic!("{other:?}"),
    }
    assert!(matches!(stage.channel.watched(ORDERS, 0), Command::Continue));
    // An answer to nobody does no harm.
    stage.channel.came_round(Letter::Ping { number: 6, origin: 0 });
}
