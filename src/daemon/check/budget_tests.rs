//! Tests of the memory bound.

use super::*;

const BOARD: Machine = Machine { memory_bytes: 32 << 20, descriptors: 4096 };
const HELD: Held = Held { of_each: 2, of_all: 0 };

#[test]
fn a_small_board_gets_few_connections() {
    let sizes = Sizes::new(&Global::default(), BOARD, HELD, Speech::Plain);
    assert_eq!(sizes.connections_max, 819);
    assert_eq!(sizes.blocks_max, 102);
    let budget = Budget::of_reactors(&sizes, 300);
    assert!(budget.bytes() < 1 << 20, "{budget}");
}

#[test]
fn descriptors_limit_connections() {
    let global = Global { connections_max: Some(10_000), ..Global::default() };
    let sizes = Sizes::new(&global, Machine { descriptors: 512, ..BOARD }, HELD, Speech::Plain);
    assert_eq!(sizes.connections_max, 512 - 96 - 2 - 2 - 64);
    assert_eq!(sizes.connections_wanted, 10_000);
    let none = Sizes::new(&global, Machine { descriptors: 0, ..BOARD }, HELD, Speech::Plain);
    assert_eq!(none.connections_max, 16);
    let missing = |sizes: &Sizes| sizes.descriptors_missing;
    assert_eq!((missing(&sizes), missing(&none)), (0, 96 + 2 + 2 + 64 + 16));
    let said = none.shortcomings(&global);
    assert!(said[0].message.starts_with("180 more open files"), "{said:?}");
    assert!(
        said[1].message.starts_with("only 16 connections at once instead of 10000"),
        "{said:?}"
    );
    assert!(said.iter().all(|one| one.hint.as_ref().unwrap().contains("ulimit -n")));
}

#[test]
fn what_is_asked_for_is_what_there_is() {
    let global = Global { connections_max: Some(50), blocks_max: Some(7), ..Global::default() };
    let sizes = Sizes::new(&global, BOARD, HELD, Speech::Plain);
    assert_eq!((sizes.connections_max, sizes.blocks_max), (50, 7));
}

#[test]
fn tls_has_lines_of_its_own_where_it_is_spoken() {
    let global = Global::default();
    let of = |global: &Global, speech| Sizes::new(global, BOARD, HELD, speech);
    let plain = of(&global, Speech::Plain);
    assert_eq!((plain.sessions_max, plain.handshake_bytes), (0, 0));
    let open = of(&global, Speech::Tls);
    assert_eq!((open.sessions_max, open.handshakes_max, open.handshake_bytes), (819, 102, 4096));
    let certified = of(&global, Speech::CertifiedTls);
    // A client's name of 1 KiB and its length, twice boxed.
    let client_bytes = 1024 + 2 * size_of::<usize>();
    assert_eq!(certified, Sizes { handshake_bytes: 52 * 1024, client_bytes, ..open });
    let names = format!("819 x {client_bytes} B");
    assert!(Budget::of_reactors(&certified, 300).to_string().contains(&names));
    assert!(!Budget::of_reactors(&open, 300).to_string().contains("names of clients"));
    let bytes = |sizes: &Sizes| Budget::of_reactors(sizes, 300).bytes();
    assert!(bytes(&plain) < bytes(&open) && bytes(&open) < bytes(&certified));
    assert!(Budget::of_reactors(&open, 300).to_string().contains("TLS sessions"));
    let few =
        Global { tls_connections_max: Some(5000), handshakes_max: Some(3), ..Global::default() };
    let few = of(&few, Speech::Tls);
    assert_eq!((few.sessions_max, few.handshakes_max), (819, 3));
}

#[test]
fn the_sum_is_printed_with_its_parts() {
    let global = Global { connections_max: Some(100), ..Global::default() };
    let sizes = Sizes::new(&global, BOARD, HELD, Speech::Plain);
    let mut budget = Budget::of_reactors(&sizes, 300);
    budget.add(Line::new("open files", 10, 1000));
    let text = budget.to_string();
    let sum = 100 * 302 + 64 * 4098 + 4 * 65536 + 10 * 1000;
    assert_eq!(budget.bytes(), sum);
    let first = format!(
        "memory: at most {} of its own; with 100 connections the kernel takes 430 KiB more, and \
         what their socket buffers hold\n",
        Bytes(sum)
    );
    assert!(text.starts_with(&first), "{text}");
    assert!(text.contains("  open files                  10000 B   10 x 1000 B"), "{text}");
    assert_eq!(Bytes(11 << 20).to_string(), "11.0 MiB");
}

#[test]
fn threads_share_out_what_there_is() {
    let global = Global {
        count_threads: 4,
        connections_max: Some(103),
        blocks_max: Some(66),
        tls_connections_max: Some(50),
        handshakes_max: Some(7),
        ..Global::default()
    };
    let machine = Machine { descriptors: 8192, ..BOARD };
    let sizes = Sizes::new(&global, machine, HELD, Speech::Tls);
    assert_eq!(sizes.threads, 4);
    let shares: Vec<Share> = (0..4).map(|number| sizes.share(number)).collect();
    let sum = |of: &dyn Fn(&Share) -> usize| shares.iter().map(of).sum::<usize>();
    assert_eq!(sum(&|share| share.connections_max), sizes.connections_max);
    assert_eq!(sum(&|share| share.blocks_max), sizes.blocks_max);
    assert_eq!(sum(&|share| share.sessions_max), sizes.sessions_max);
    assert_eq!(sum(&|share| share.handshakes_max), sizes.handshakes_max);
    let connections: Vec<usize> = shares.iter().map(|share| share.connections_max).collect();
    assert_eq!(connections, [26, 26, 26, 25]);
    let alone = Sizes { threads: 1, ..sizes };
    let whole = Share { connections_max: 103, blocks_max: 66, sessions_max: 50, handshakes_max: 7 };
    assert_eq!(alone.share(0), whole);
}

#[test]
fn no_thread_goes_without() {
    let of = |handshakes_max, speech| {
        let global =
            Global { count_threads: 8, handshakes_max: Some(handshakes_max), ..Global::default() };
        Sizes::new(&global, BOARD, HELD, speech).threads
    };
    assert_eq!((of(3, Speech::Tls), of(3, Speech::Plain), of(8, Speech::Tls)), (3, 8, 8));
    let none = Global { count_threads: 0, ..Global::default() };
    assert_eq!(Sizes::new(&none, BOARD, HELD, Speech::Plain).threads, 1);
}

#[test]
fn what_every_thread_has_is_counted_for_each() {
    let of = |threads| {
        let global =
            Global { count_threads: threads, connections_max: Some(100), ..Global::default() };
        let machine = Machine { descriptors: 65536, ..BOARD };
        let sizes = Sizes::new(&global, machine, HELD, Speech::Tls);
        Budget::of_reactors(&sizes, 300).bytes()
    };
    let each = LANES * (RX_BYTES + TX_BYTES) + STACK_BYTES + HANDSHAKE_PEAK_BYTES + SHARED_BYTES;
    assert_eq!(of(4), of(1) + 3 * each as u64);
}

#[test]
fn every_thread_holds_descriptors_of_its_own() {
    let of = |threads| {
        let global = Global { count_threads: threads, ..Global::default() };
        descriptors::beside(&global, Held { of_each: 5, of_all: 300 })
    };
    let once = 96 + 64 + 300;
    assert_eq!((of(0), of(1), of(4)), (once + 7, once + 7, once + 4 * 7));
}
