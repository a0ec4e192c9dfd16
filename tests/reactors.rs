//! Several reactors over real sockets: listeners that come and go, endings, room, letters.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use kinglet::buf::CloseReason;
use kinglet::reactor::{Command, Counts, Letter, ListenerId, Listening};
use kinglet::sys::socket::{self, ListenOptions, PortSharing};

#[allow(dead_code)]
#[path = "reactor/player.rs"]
mod player;

#[path = "reactor/fleet.rs"]
mod fleet;

use fleet::{ANY, Fleet};
use player::{ECHO, Kind, World, echoes};

const FIRST: ListenerId = ListenerId(0);

fn socket(number: u32, id: ListenerId) -> (Listening, SocketAddr) {
    let fd = socket::listen(ANY, &ListenOptions::default()).unwrap();
    let address = socket::local_addr(&fd).unwrap();
    (Listening { socket: number, id, fd }, address)
}

fn keepers() -> World {
    World { kind: Kind::Keeper, ..World::default() }
}

fn connect(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(address).unwrap()).collect()
}

fn connect_each(to: [SocketAddr; 2], count: usize) -> Vec<TcpStream> {
    to.into_iter().flat_map(|address| connect(address, count)).collect()
}

/// The peer has ended the connection, with or without what it should have read.
fn ended(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0) | Err(_))
}

#[test]
fn a_watch_is_asked_until_it_has_no_more_commands() {
    let (one, address) = socket(1, FIRST);
    let mut fleet = Fleet::start(World::default(), 10, vec![vec![]]);
    // More than are taken in one turn of the loop, and one event for all of them.
    for _ in 0..1000 {
        fleet.commands.send(Command::Unlisten(9)).unwrap();
    }
    fleet.commands.send(Command::Listen(one)).unwrap();
    fleet.bell.write_all(&[b'c'; 1001]).unwrap();
    assert!(connect(address, 2).iter_mut().all(echoes));
}

#[test]
fn what_ends_one_reactor_ends_all() {
    let ((one, first), (two, second)) = (socket(1, FIRST), socket(2, FIRST));
    let mut fleet = Fleet::start(World::default(), 100, vec![vec![one], vec![], vec![two]]);
    let mut kept = connect_each([first, second], 2);
    assert!(kept.iter_mut().all(echoes));
    fleet.bell.write_all(b"d").unwrap();
    assert!(kept.iter_mut().all(ended));
    fleet.join();
    assert!(TcpStream::connect(first).is_err() && TcpStream::connect(second).is_err());
}

#[test]
fn there_are_so_many_listeners_and_no_more() {
    let _ = kinglet::sys::limits::set_descriptors(None);
    let first = socket::listen(ANY, &ListenOptions::default()).unwrap();
    let address = socket::local_addr(&first).unwrap();
    // Copies of one socket are as good as others, and need no ports.
    let copy = |socket| Listening { socket, id: FIRST, fd: first.try_clone().unwrap() };
    let fleet = Fleet::start(World::default(), 10, vec![(0..999).map(copy).collect()]);
    let ((last, _), (over, refused)) = (socket(999, FIRST), socket(1000, FIRST));
    let last_address = socket::local_addr(&last.fd).unwrap();
    fleet.tell(0, Command::Listen(last));
    fleet.tell(0, Command::Listen(over));
    fleet.round_trip();
    assert!(TcpStream::connect(refused).is_err(), "it was closed");
    assert!(connect(address, 1).iter_mut().all(echoes));
    assert!(connect(last_address, 1).iter_mut().all(echoes));
    fleet.tell(0, Command::Unlisten(500));
    let (again, address) = socket(1000, FIRST);
    fleet.tell(0, Command::Listen(again));
    assert!(connect(address, 1).iter_mut().all(echoes));
}

#[test]
fn listeners_come_and_go_under_traffic() {
    let (one, first) = socket(1, FIRST);
    let fleet = Fleet::start(World::default(), 100, vec![vec![one]]);
    let mut kept = connect(first, 3);
    assert!(kept.iter_mut().all(echoes));
    let (two, second) = socket(2, FIRST);
    fleet.tell(0, Command::Listen(two));
    let mut others = connect(second, 3);
    assert!(others.iter_mut().all(echoes));
    fleet.tell(0, Command::Unlisten(1));
    fleet.tell(0, Command::Unlisten(77));
    fleet.round_trip();
    assert!(TcpStream::connect(first).is_err(), "the socket is closed");
    // The first one's place is taken again; tokens of the others stay what they were.
    let (three, third) = socket(3, FIRST);
    fleet.tell(0, Command::Listen(three));
    for address in [second, third, second, third] {
        assert!(connect(address, 2).iter_mut().all(echoes));
    }
    fleet.tell(0, Command::Unlisten(3));
    fleet.round_trip();
    assert!(TcpStream::connect(third).is_err());
    assert!(connect(second, 2).iter_mut().all(echoes));
    assert!(kept.iter_mut().chain(&mut others).all(echoes));
}

#[test]
fn a_socket_that_another_process_holds_is_left_for_good() {
    let (one, address) = socket(1, FIRST);
    // The same open file description, as a later generation would have it.
    let copy = one.fd.try_clone().unwrap();
    let (other, _) = socket(2, FIRST);
    let fleet = Fleet::start(World::default(), 100, vec![vec![one, other]]);
    assert!(connect(address, 1).iter_mut().all(echoes));
    fleet.tell(0, Command::Unlisten(1));
    fleet.round_trip();
    let _waiting = TcpStream::connect(address).unwrap();
    // Whatever epoll says of it, it is not this reactor's any more.
    assert_eq!(fleet.round_trip().accepted, 1);
    assert!(socket::accept(&copy).is_ok());
}

#[test]
fn what_waits_in_a_queue_is_served_before_its_socket_goes() {
    let (one, address) = socket(1, FIRST);
    let (other, _) = socket(2, FIRST);
    let world = World { kind: Kind::Gated, ..World::default() };
    let fleet = Fleet::start(world, 300, vec![vec![one, other]]);
    let mut first = TcpStream::connect(address).unwrap();
    assert!(echoes(&mut first));
    let gate = fleet.world.gate.lock().unwrap();
    first.write_all(b"x").unwrap();
    // More than one turn of the loop accepts; they are in the queue when `connect` returns.
    let mut late = connect(address, 200);
    fleet.tell(0, Command::Unlisten(1));
    drop(gate);
    assert!(first.read_exact(&mut [0]).is_ok());
    assert!(late.iter_mut().all(echoes));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_drain_serves_who_waits_in_a_queue_and_who_has_asked() {
    let ((one, first), (two, second)) = (socket(1, FIRST), socket(2, FIRST));
    let mut fleet = Fleet::start(keepers(), 100, vec![vec![one], vec![]]);
    let mut kept = connect(first, 3);
    assert!(kept.iter_mut().all(echoes));
    // The queue of a socket that nobody has looked at yet.
    let mut late = connect(second, 80);
    for stream in &mut late {
        stream.write_all(b"x").unwrap();
    }
    fleet.commands.send(Command::Listen(two)).unwrap();
    fleet.commands.send(Command::Drain { until_ms: u64::MAX }).unwrap();
    fleet.bell.write_all(b"cc").unwrap();
    for stream in &mut late {
        assert_eq!((stream.read(&mut [0]).unwrap(), stream.read(&mut [0]).unwrap()), (1, 0));
    }
    assert!(kept.iter_mut().all(ended));
    fleet.join();
    assert!(TcpStream::connect(second).is_err());
}

#[test]
fn a_queue_is_served_before_its_socket_goes_also_when_nobody_has_room() {
    let (one, address) = socket(1, FIRST);
    let fleet = Fleet::start(keepers(), 2, vec![vec![one]]);
    let mut first = connect(address, 2);
    assert!(first.iter_mut().all(echoes));
    let mut late = connect(address, 5);
    fleet.tell(0, Command::Unlisten(1));
    fleet.round_trip();
    fleet.tell_all(|| Command::Retire { until_ms: None });
    drop(first);
    for stream in &mut late {
        assert!(echoes(stream));
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    }
    // That was all that it waited for.
    fleet.join();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn listeners_take_turns_when_there_is_no_room() {
    let ((one, busy), (two, quiet)) = (socket(1, FIRST), socket(2, ListenerId(1)));
    let _fleet = Fleet::start(keepers(), 1, vec![vec![one, two]]);
    let mut crowd = connect(busy, 6).into_iter();
    let mut first = crowd.next().unwrap();
    assert!(echoes(&mut first));
    let mut other = TcpStream::connect(quiet).unwrap();
    other.write_all(b"x").unwrap();
    drop(first);
    // One more of the crowd had been accepted before there was no room.
    assert!(echoes(&mut crowd.next().unwrap()));
    other.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    assert_eq!(other.read(&mut [0]).ok(), Some(1), "the crowd was served all the time");
}

#[test]
fn who_retires_closes_nobody_and_ends_when_all_have_gone() {
    let ((one, first), (two, second)) = (socket(1, FIRST), socket(2, FIRST));
    let fleet = Fleet::start(World::default(), 100, vec![vec![one], vec![two]]);
    let mut kept = connect_each([first, second], 2);
    assert!(kept.iter_mut().all(echoes));
    fleet.tell_all(|| Command::Retire { until_ms: None });
    fleet.round_trip();
    // What is listened on is still accepted, and who was there may stay.
    let mut late = connect_each([first, second], 1);
    assert!(late.iter_mut().chain(&mut kept).all(echoes));
    fleet.tell(0, Command::Unlisten(1));
    fleet.round_trip();
    assert!(TcpStream::connect(first).is_err());
    assert!(late.iter_mut().chain(&mut kept).all(echoes));
    let gone = late.len() + kept.len();
    drop((late, kept));
    for _ in 0..gone {
        assert_eq!(fleet.closed.recv().unwrap(), CloseReason::PeerClosed);
    }
    // One of them has nothing left, and still answers, because the other one has a listener.
    fleet.round_trip();
    assert!(connect(second, 1).iter_mut().all(echoes));
    fleet.tell(1, Command::Unlisten(2));
    for local in fleet.join() {
        assert!(local.saw_draining, "answers say that they are the last");
    }
}

#[test]
fn a_retirement_that_lasts_too_long_becomes_a_drain() {
    let (one, address) = socket(1, FIRST);
    let fleet = Fleet::start(World::default(), 100, vec![vec![one]]);
    let mut kept = connect(address, 2);
    assert!(kept.iter_mut().all(echoes));
    fleet.tell(0, Command::Retire { until_ms: Some(0) });
    assert!(kept.iter_mut().all(ended));
    for _ in 0..2 {
        assert_eq!(fleet.closed.recv().unwrap(), CloseReason::Shutdown);
    }
    fleet.join();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_drain_may_follow_a_retirement_but_not_the_other_way_round() {
    let ((one, first), (two, second)) = (socket(1, FIRST), socket(2, FIRST));
    let fleet = Fleet::start(World::default(), 100, vec![vec![one], vec![two]]);
    let mut kept = connect_each([first, second], 1);
    assert!(kept.iter_mut().all(echoes));
    fleet.tell_all(|| Command::Retire { until_ms: None });
    fleet.tell_all(|| Command::Drain { until_ms: u64::MAX });
    // Refused if the reactor has ended by then.
    let _ = fleet.posts[0].to(0, Letter::Command(Command::Retire { until_ms: None }));
    assert!(kept.iter_mut().all(ended));
    fleet.join();
}

#[test]
fn a_full_reactor_hands_connections_to_those_with_room() {
    let (one, address) = socket(1, FIRST);
    // Only the first one listens: so all of them come to it.
    let fleet = Fleet::start(keepers(), 40, vec![vec![one], vec![], vec![], vec![]]);
    let mut streams = connect(address, 40);
    assert!(streams.iter_mut().all(echoes));
    assert_eq!(fleet.round_trip(), Counts { connections: 40, accepted: 40, requests: 4 });
    // All are full; the next ones wait until anybody has room, wherever that is.
    let mut waiting = connect(address, 6);
    for stream in &mut waiting {
        stream.write_all(b"x").unwrap();
    }
    assert!(streams.iter_mut().all(echoes));
    drop(streams.split_off(28));
    for stream in &mut waiting {
        assert_eq!(stream.read(&mut [0]).unwrap(), 1);
    }
    assert!(streams.iter_mut().chain(&mut waiting).all(echoes));
    drop(fleet);
}

#[test]
fn who_is_idle_elsewhere_goes_for_who_comes_to_a_full_reactor() {
    let ((one, first), (two, second)) = (socket(1, FIRST), socket(2, ECHO));
    let fleet = Fleet::start(keepers(), 8, vec![vec![one], vec![two]]);
    let (mut busy, mut idle) = (connect(first, 4), connect(second, 4));
    assert!(busy.iter_mut().chain(&mut idle).all(echoes));
    let mut late = TcpStream::connect(first).unwrap();
    assert!(echoes(&mut late));
    assert_eq!(fleet.closed.recv().unwrap(), CloseReason::Evicted);
    assert!(ended(&mut idle[0]), "idle for longest");
    assert!(busy.iter_mut().chain(&mut idle[1..]).all(echoes));
}

/// One socket for each of `reactors`, all on one address.
fn shared(reactors: u32) -> (Vec<Vec<Listening>>, SocketAddr) {
    let first = socket::listen(ANY, &ListenOptions::default()).unwrap();
    let address = socket::local_addr(&first).unwrap();
    socket::allow_more(&first).unwrap();
    let further = ListenOptions { sharing: PortSharing::Further, ..ListenOptions::default() };
    let others = (1..reactors).map(|_| socket::listen(address, &further).unwrap());
    let sockets = std::iter::once(first).chain(others.collect::<Vec<_>>());
    let each = (0..).zip(sockets).map(|(socket, fd)| vec![Listening { socket, id: FIRST, fd }]);
    (each.collect(), address)
}

#[test]
fn more_clients_than_slots_are_all_served_in_the_end() {
    let (listeners, address) = shared(4);
    // Nobody may be evicted; a client that waits for ever makes the test hang.
    let fleet = Fleet::start(keepers(), 18, listeners);
    std::thread::scope(|scope| {
        for _ in 0..36 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert!(connect(address, 1).iter_mut().all(echoes));
                }
            });
        }
    });
    for _ in 0..36 * 20 {
        assert_eq!(fleet.closed.recv().unwrap(), CloseReason::PeerClosed);
    }
    fleet.tell_all(|| Command::Retire { until_ms: None });
    for number in 0..4u16 {
        fleet.tell(number, Command::Unlisten(u32::from(number)));
    }
    fleet.join();
}

#[test]
fn sockets_of_one_address_keep_every_reactor_busy() {
    let (listeners, address) = shared(4);
    let fleet = Fleet::start(World::default(), 4000, listeners);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert!(connect(address, 50).iter_mut().all(echoes));
                }
            });
        }
    });
    for _ in 0..2000 {
        assert_eq!(fleet.closed.recv().unwrap(), CloseReason::PeerClosed);
    }
    assert_eq!(fleet.round_trip(), Counts { connections: 0, accepted: 2000, requests: 4 });
    fleet.tell_all(|| Command::Drain { until_ms: u64::MAX });
    let taken: Vec<usize> = fleet.join().iter().map(|local| local.accepted).collect();
    assert!(taken.iter().all(|n| *n > 300), "{taken:?}");
}

#[test]
fn a_reactor_that_hangs_does_not_answer_a_ping() {
    let ((one, _), (two, address)) = (socket(1, FIRST), socket(2, FIRST));
    let world = World { kind: Kind::Gated, ..World::default() };
    let fleet = Fleet::start(world, 10, vec![vec![one], vec![two], vec![]]);
    let ping = |number| fleet.posts[0].around(Letter::Ping { number, origin: 0 }).unwrap();
    ping(1);
    assert!(matches!(fleet.round.recv().unwrap(), Letter::Ping { number: 1, origin: 0 }));
    let mut stream = TcpStream::connect(address).unwrap();
    assert!(echoes(&mut stream));
    let gate = fleet.world.gate.lock().unwrap();
    stream.write_all(b"x").unwrap();
    ping(2);
    assert!(fleet.round.try_recv().is_err());
    drop(gate);
    assert!(matches!(fleet.round.recv().unwrap(), Letter::Ping { number: 2, origin: 0 }));
}
