//! Tests of mailboxes and of what reactors tell each other by them.

use super::*;

fn ping(number: u32) -> Letter {
    Letter::Ping { number, origin: 0 }
}

fn arrival(hops: u16) -> Arrival {
    let fd = std::net::TcpListener::bind("127.0.0.1:0").unwrap().into();
    let peer = PeerAddr::Ip { ip: [127, 0, 0, 1].into(), port: 1 };
    Arrival { listener: ListenerId(0), fd, peer, hops }
}

fn numbers(inbox: &Inbox) -> Vec<u32> {
    std::iter::from_fn(|| inbox.take())
        .map(|letter| match letter {
            Letter::Ping { number, .. } => number,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_full_mailbox_gives_letters_back() {
    let all = Mailbox::open(2).unwrap();
    let post = all[0].post();
    let fits: Vec<u32> = (0..).take_while(|number| post.to(1, ping(*number)).is_ok()).collect();
    assert_eq!(fits.len(), LETTERS_MAX);
    assert!(matches!(post.to(1, ping(7)), Err(Letter::Ping { number: 7, origin: 0 })));
    // Connections have places of their own.
    for _ in 0..ARRIVALS_MAX {
        post.to(1, Letter::Connection(arrival(0))).unwrap();
    }
    let back = post.to(1, Letter::Connection(arrival(3)));
    assert!(matches!(back, Err(Letter::Connection(Arrival { hops: 3, .. }))));
    // The end has always room, and comes first.
    for until_ms in [9, 5, 7] {
        post.to(1, Letter::Command(Command::Drain { until_ms })).unwrap();
    }
    let inbox = &all[1].inbox;
    assert!(matches!(inbox.take(), Some(Letter::Command(Command::Drain { until_ms: 5 }))));
    assert_eq!(numbers(inbox), fits);
    assert_eq!(std::iter::from_fn(|| inbox.take_arrival()).count(), ARRIVALS_MAX);
    assert!(post.to(1, ping(0)).is_ok());
    assert!(post.to(2, ping(0)).is_err(), "there is no such reactor");
}

#[test]
fn who_has_ended_takes_nothing() {
    let mut all = Mailbox::open(2).unwrap();
    let post = all[0].post();
    post.to(1, Letter::Connection(arrival(0))).unwrap();
    drop(all.pop());
    assert!(post.to(1, ping(0)).is_err());
    assert!(post.to(1, Letter::Command(Command::Stop)).is_err());
    assert!(all[0].inbox.rest(), "nobody waits for a reactor that is no more");
}

#[test]
fn a_connection_goes_to_whoever_has_most_room() {
    let all = Mailbox::open(4).unwrap();
    let inboxes: Vec<&Inbox> = all.iter().map(|mailbox| &mailbox.inbox).collect();
    assert!(!inboxes[0].has_room_elsewhere());
    assert!(inboxes[0].pass_to_room(arrival(0)).is_err(), "nobody has any");
    for (inbox, free) in inboxes.iter().zip([9, 2, 5, 0]) {
        inbox.publish(free, 10);
    }
    assert!(inboxes[0].pass_to_room(arrival(0)).is_ok());
    assert_eq!(inboxes[2].take_arrival().map(|arrival| arrival.hops), Some(1));
    assert!(inboxes[2].pass_to_room(arrival(3)).is_ok());
    assert_eq!(inboxes[0].take_arrival().map(|arrival| arrival.hops), Some(4));
    let back = inboxes[0].pass_to_room(arrival(4)).unwrap_err();
    assert_eq!(back.hops, 4, "all have seen it");
    assert!(inboxes[0].pass_on(back).is_err());
}

#[test]
fn who_pauses_is_passed_over_and_woken_when_there_is_room() {
    let all = Mailbox::open(3).unwrap();
    let inboxes: Vec<&Inbox> = all.iter().map(|mailbox| &mailbox.inbox).collect();
    inboxes[1].pause();
    assert!(inboxes[0].pass_on(arrival(0)).is_ok());
    assert!(inboxes[1].take_arrival().is_none());
    assert!(inboxes[2].take_arrival().is_some());
    inboxes[2].pause();
    assert!(inboxes[0].pass_on(arrival(0)).is_err());
    // Nine tenths full is not room enough.
    inboxes[0].publish(1, 10);
    assert!(inboxes[1].is_paused());
    inboxes[0].publish(2, 10);
    assert!(!inboxes[1].is_paused() && !inboxes[2].is_paused());
    assert!(inboxes[0].pass_on(arrival(0)).is_ok());
}

#[test]
fn all_rest_together_or_nobody_does() {
    let all = Mailbox::open(3).unwrap();
    let inboxes: Vec<&Inbox> = all.iter().map(|mailbox| &mailbox.inbox).collect();
    assert!(!inboxes[0].rest());
    assert!(!inboxes[1].rest());
    // Work for one that rested already, from one that does not yet.
    inboxes[2].post.to(0, Letter::Connection(arrival(0))).unwrap();
    assert!(!inboxes[2].rest());
    assert!(!inboxes[0].rest(), "a connection waits in its mailbox");
    assert!(inboxes[0].take_arrival().is_some());
    // News are no work, but are read before the end.
    inboxes[2].post.to(1, ping(1)).unwrap();
    assert!(!inboxes[1].rest());
    assert!(inboxes[0].rest());
    assert_eq!(numbers(inboxes[1]), [1]);
    assert!(inboxes[1].rest() && inboxes[2].rest());
    inboxes[1].work();
    assert!(!inboxes[0].rest());
}
