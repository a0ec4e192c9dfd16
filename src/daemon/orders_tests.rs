//! Tests of the packets between supervisor and worker.

use super::*;

fn orders() -> Vec<Order> {
    let mut secret = Zeroizing::new([0; EXPORT_BYTES]);
    secret.iter_mut().enumerate().for_each(|(i, byte)| *byte = i as u8);
    vec![
        Order::Snapshot,
        Order::Port(7681),
        Order::Tickets(TicketBytes(secret)),
        Order::Log { number: 0x0102 },
        Order::Listen { socket: 0x0102_0304, listener: 0x0506, share: 0x0708 },
        Order::Unlisten { socket: u32::MAX },
        Order::Serve,
        Order::Retire { drain_ms: 0 },
        Order::Stop { within_ms: u64::MAX },
        Order::Ask,
        Order::Ping { number: 9 },
    ]
}

fn reports() -> Vec<Report> {
    vec![
        Report::Ready { memory_bytes_max: 3 << 20, connections_max: 512 },
        Report::Failed { code: 78 },
        Report::Stats { connections: 1, accepted: 2, requests: u64::MAX },
        Report::Pong { number: 9 },
        Report::Certified { vhost: 0x0102 },
    ]
}

#[test]
fn packets_come_back_as_they_were() {
    for order in orders() {
        assert_eq!(Order::decode(&order.encode()), Ok(order));
    }
    for report in reports() {
        assert_eq!(Report::decode(&report.encode()), Ok(report));
    }
}

#[test]
fn every_cut_and_every_addition_is_noticed() {
    let check = |packet: Packet, decoded: &dyn Fn(&[u8]) -> Option<Malformed>| {
        for n in 0..packet.len() {
            assert_eq!(decoded(&packet[..n]), Some(Malformed::Truncated), "{packet:?} {n}");
        }
        let mut longer = packet.clone();
        longer.push(0).unwrap();
        assert_eq!(decoded(&longer), Some(Malformed::Trailing), "{packet:?}");
    };
    for order in orders() {
        check(order.encode(), &|bytes| Order::decode(bytes).err());
    }
    for report in reports() {
        check(report.encode(), &|bytes| Report::decode(bytes).err());
    }
}

#[test]
fn unknown_packets_are_refused() {
    assert_eq!(Order::decode(&[VERSION, 0]), Err(Malformed::Value));
    assert_eq!(Order::decode(&[VERSION, 12]), Err(Malformed::Value));
    assert_eq!(Report::decode(&[VERSION, 0]), Err(Malformed::Value));
    assert_eq!(Report::decode(&[VERSION, 6]), Err(Malformed::Value));
    assert_eq!(Order::decode(&[VERSION + 1, 1]), Err(Malformed::Version));
    assert_eq!(Report::decode(&[0, 1, 0]), Err(Malformed::Version));
}

#[test]
fn tags_differ() {
    let mut tags: Vec<u8> = orders().iter().map(|order| order.encode()[1]).collect();
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), orders().len());
}

#[test]
fn descriptors_ride_on_three_orders() {
    let carrying: Vec<bool> = orders().iter().map(Order::carries_descriptor).collect();
    let at = carrying.iter().enumerate().filter(|(_, carries)| **carries);
    assert_eq!(at.map(|(index, _)| index).collect::<Vec<_>>(), [0, 3, 4]);
}

#[test]
fn secrets_are_not_printed() {
    let order = Order::Tickets(TicketBytes(Zeroizing::new([0x5a; EXPORT_BYTES])));
    assert_eq!(format!("{order:?}"), "Tickets(TicketBytes)");
}
