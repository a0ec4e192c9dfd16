//! Tests of sealing: what goes out, in which order, and when nothing more does.

use super::super::opener::Opened;
use super::super::records::tests::forge::Forge;
use super::super::records::tests::{KINDS, client_forge, server_forge, session};
use super::super::records::{Front, front};
use super::*;
use crate::tls::PLAIN_BYTES_MAX;

const TLS13: (Version, Cipher) = (Version::Tls13, Cipher::Aes128Gcm);
const TLS12: (Version, Cipher) = (Version::Tls12, Cipher::Aes128Gcm);
const UPDATE_REQUEST: [u8; 5] = [24, 0, 0, 1, 1];
const HELLO: [u8; 6] = [1, 0, 0, 2, 3, 3];

fn start((version, cipher): (Version, Cipher)) -> (Records, Forge, Buf) {
    (session(version, cipher).0, server_forge(version, cipher), Buf::with_capacity(40_000))
}

/// A session in which the client has sent `content`.
fn start_after(
    kind: (Version, Cipher),
    kind_of_content: u8,
    content: &[u8],
) -> (Records, Forge, Buf) {
    let mut started = start(kind);
    let mut record = client_forge(kind.0, kind.1).record(kind_of_content, content, 0);
    started.0.opener().open(&mut record);
    started
}

/// Takes the records out of a queue.
fn taken(out: &mut Buf) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while let Front::Record { bytes } = front(out.filled()) {
        records.push(out.filled()[..bytes].to_vec());
        out.consume(bytes);
    }
    assert!(out.is_empty());
    records
}

#[test]
fn records_are_byte_for_byte_what_an_independent_sealer_makes() {
    for kind in KINDS {
        let (mut records, mut forge, mut out) = start(kind);
        let mut sealer = records.sealer();
        for plain in [&b"a"[..], b"hello", &[0; 100], &[3; PLAIN_BYTES_MAX]] {
            assert!(sealer.overhead() <= OVERHEAD_BYTES_MAX);
            sealer.seal(plain, &mut out).unwrap();
            assert_eq!(taken(&mut out), [forge.record(TYPE_DATA, plain, 0)], "{kind:?}");
        }
        sealer.close_notify(&mut out).unwrap();
        assert!(out.len() <= ALERT_RECORD_BYTES_MAX);
        assert_eq!(taken(&mut out), [forge.record(TYPE_ALERT, &[1, 0], 0)]);
    }
}

#[test]
fn nothing_and_too_much_make_no_record() {
    for kind in KINDS {
        let (mut records, mut forge, mut out) = start(kind);
        let mut sealer = records.sealer();
        sealer.seal(b"", &mut out).unwrap();
        let long = vec![0; PLAIN_BYTES_MAX + 1];
        assert_eq!(sealer.seal(&long, &mut out), Err(NotSealed::TooLong));
        let none = sealer.seal_with(0, &mut out, |_| panic!("not to be called")).unwrap();
        assert_eq!(none.unwrap(), 0);
        assert!(out.is_empty());
        sealer.seal(b"x", &mut out).unwrap();
        assert_eq!(taken(&mut out), [forge.record(TYPE_DATA, b"x", 0)]);
    }
}

#[test]
fn a_fill_is_sealed_as_far_as_it_came() {
    for kind in KINDS {
        let (mut records, mut forge, mut out) = start(kind);
        out.put(b"before").unwrap();
        let mut sealer = records.sealer();
        let broken = sealer.seal_with(9, &mut out, |_| Err(io::ErrorKind::Other.into()));
        assert_eq!(broken.unwrap().unwrap_err().kind(), io::ErrorKind::Other);
        assert_eq!(sealer.seal_with(9, &mut out, |_| Ok(0)).unwrap().unwrap(), 0);
        assert_eq!(out.filled(), b"before");
        let short = sealer.seal_with(9, &mut out, |room| {
            assert_eq!(room.len(), 9);
            room[..4].copy_from_slice(b"abcd");
            Ok(4)
        });
        assert_eq!(short.unwrap().unwrap(), 4);
        let whole = sealer.seal_with(PLAIN_BYTES_MAX + 1, &mut out, |room| {
            room.fill(1);
            Ok(room.len() + 9)
        });
        assert_eq!(whole.unwrap().unwrap(), PLAIN_BYTES_MAX, "a lie is cut");
        out.consume(6);
        let [short, whole] = [b"abcd".to_vec(), vec![1; PLAIN_BYTES_MAX]];
        let expected = [forge.record(TYPE_DATA, &short, 0), forge.record(TYPE_DATA, &whole, 0)];
        assert_eq!(taken(&mut out), expected);
    }
}

#[test]
fn a_full_queue_is_left_as_it_is() {
    for kind in KINDS {
        let (mut records, mut forge, _) = start(kind);
        let overhead = records.sealer().overhead();
        for room in 0..overhead + 10 {
            let mut out = Buf::with_capacity(room);
            let mut sealer = records.sealer();
            assert_eq!(sealer.seal(&[1; 10], &mut out), Err(NotSealed::Full));
            if room < overhead + 2 {
                assert_eq!(sealer.close_notify(&mut out), Err(NotSealed::Full));
            }
            assert!(out.is_empty());
        }
        let mut out = Buf::with_capacity(overhead + 10);
        records.sealer().seal(&[1; 10], &mut out).unwrap();
        assert_eq!(taken(&mut out), [forge.record(TYPE_DATA, &[1; 10], 0)]);
    }
}

#[test]
fn an_answer_is_paid_once_and_before_data() {
    for kind in KINDS.into_iter().filter(|kind| kind.0 == Version::Tls13) {
        for pays in [false, true] {
            let (mut records, mut forge, mut out) = start(kind);
            let mut client = client_forge(kind.0, kind.1);
            for _ in 0..3 {
                let mut record = client.record(TYPE_HANDSHAKE, &UPDATE_REQUEST, 0);
                assert_eq!(records.opener().open(&mut record), Opened::Nothing);
                client.renew();
            }
            assert!(records.owes());
            let mut sealer = records.sealer();
            let room = 4 + sealer.overhead();
            if pays {
                sealer.pay(&mut out).unwrap();
            }
            sealer.seal(b"data", &mut out).unwrap();
            assert_eq!(out.len(), room);
            assert!(!records.owes());
            records.sealer().pay(&mut out).unwrap();
            let update = forge.record(TYPE_HANDSHAKE, &KEY_UPDATE_NOT_REQUESTED, 0);
            forge.renew();
            assert_eq!(taken(&mut out), [update, forge.record(TYPE_DATA, b"data", 0)]);
            let mut record = client.record(TYPE_DATA, b"on", 0);
            assert_eq!(records.opener().open(&mut record), Opened::Data(b"on"));
        }
    }
}

#[test]
fn an_answer_waits_for_room_and_survives_an_empty_fill() {
    let (mut records, mut forge, mut out) = start_after(TLS13, TYPE_HANDSHAKE, &UPDATE_REQUEST);
    let mut small = Buf::with_capacity(26);
    assert_eq!(records.sealer().pay(&mut small), Err(NotSealed::Full));
    assert_eq!(records.sealer().seal(b"x", &mut Buf::with_capacity(49)), Err(NotSealed::Full));
    assert_eq!(records.sealer().seal_with(9, &mut out, |_| Ok(0)).unwrap().unwrap(), 0);
    assert!(out.is_empty() && records.owes());
    records.sealer().seal(b"x", &mut out).unwrap();
    let update = forge.record(TYPE_HANDSHAKE, &KEY_UPDATE_NOT_REQUESTED, 0);
    forge.renew();
    assert_eq!(taken(&mut out), [update, forge.record(TYPE_DATA, b"x", 0)]);
}

#[test]
fn another_handshake_is_declined_before_data() {
    for pays in [false, true] {
        let (mut records, mut forge, mut out) = start_after(TLS12, TYPE_HANDSHAKE, &HELLO);
        assert!(records.owes());
        if pays {
            records.sealer().pay(&mut out).unwrap();
            assert!(!records.owes());
        }
        records.sealer().seal(b"x", &mut out).unwrap();
        let warning = forge.record(TYPE_ALERT, &[1, 100], 0);
        assert_eq!(taken(&mut out), [warning, forge.record(TYPE_DATA, b"x", 0)]);
    }
}

#[test]
fn after_the_end_nothing_is_sealed() {
    for kind in KINDS {
        for ending in [Alert::CloseNotify, Alert::BadRecordMac] {
            let (mut records, mut forge, mut out) = start(kind);
            records.sealer().alert(ending, &mut out).unwrap();
            let level = if ending == Alert::CloseNotify { 1 } else { 2 };
            let alert = forge.record(TYPE_ALERT, &[level, ending.code()], 0);
            assert_eq!(taken(&mut out), [alert]);
            let mut sealer = records.sealer();
            assert_eq!(sealer.seal(b"x", &mut out), Err(NotSealed::Ended));
            sealer.alert(Alert::InternalError, &mut out).unwrap();
            sealer.close_notify(&mut out).unwrap();
            assert!(out.is_empty());
            let mut record = client_forge(kind.0, kind.1).record(TYPE_DATA, b"late", 0);
            assert_eq!(records.opener().open(&mut record), Opened::Data(b"late"));
        }
    }
}

#[test]
fn after_the_peers_end_only_what_makes_sense_is_sealed() {
    for kind in KINDS {
        // The client may close its direction and still read.
        let (mut records, mut forge, mut out) = start_after(kind, TYPE_ALERT, &[1, 0]);
        records.sealer().seal(b"x", &mut out).unwrap();
        assert_eq!(taken(&mut out), [forge.record(TYPE_DATA, b"x", 0)]);

        let (mut records, _, mut out) = start_after(kind, TYPE_ALERT, &[2, 40]);
        assert_eq!(records.sealer().seal(b"x", &mut out), Err(NotSealed::Ended));
        records.sealer().close_notify(&mut out).unwrap();
        assert!(out.is_empty(), "a fatal alert is not answered");

        let (mut records, mut forge, mut out) = start_after(kind, TYPE_ALERT, &[9, 9]);
        assert_eq!(records.sealer().seal(b"x", &mut out), Err(NotSealed::Ended));
        records.sealer().alert(Alert::IllegalParameter, &mut out).unwrap();
        assert_eq!(taken(&mut out), [forge.record(TYPE_ALERT, &[2, 47], 0)]);
    }
}

#[test]
fn a_key_is_not_used_up() {
    let last = AES_GCM_RECORDS_MAX - SPARE_RECORDS;
    for kind in KINDS {
        let (mut records, mut forge, mut out) = start(kind);
        records.tx.jump(last - 1);
        forge.seq = last - 1;
        records.sealer().seal(b"last", &mut out).unwrap();
        let mut expected = vec![forge.record(TYPE_DATA, b"last", 0)];
        let next = records.sealer().seal(b"next", &mut out);
        match kind {
            (_, Cipher::Chacha20Poly1305) => {}
            (Version::Tls13, _) => {
                expected.push(forge.record(TYPE_HANDSHAKE, &KEY_UPDATE_NOT_REQUESTED, 0));
                forge.renew();
            }
            (Version::Tls12, _) => {
                expected.push(forge.record(TYPE_ALERT, &[1, 0], 0));
                assert_eq!(next, Err(NotSealed::Ended));
                assert_eq!(records.sealer().seal(b"more", &mut out), Err(NotSealed::Ended));
                assert_eq!(taken(&mut out), expected);
                continue;
            }
        }
        assert_eq!(next, Ok(()));
        expected.push(forge.record(TYPE_DATA, b"next", 0));
        assert_eq!(taken(&mut out), expected, "{kind:?}");
        assert_eq!(records.tx.seq(), forge.seq);
    }
}

#[test]
fn a_used_up_key_that_can_not_be_renewed_ends_the_session() {
    let (mut records, mut forge, mut out) = start(TLS13);
    records.renewable = false;
    records.tx.jump(AES_GCM_RECORDS_MAX);
    forge.seq = AES_GCM_RECORDS_MAX;
    let mut small = Buf::with_capacity(23);
    assert_eq!(records.sealer().seal(b"x", &mut small), Err(NotSealed::Full));
    assert_eq!(records.sealer().seal(b"x", &mut out), Err(NotSealed::Ended));
    assert_eq!(taken(&mut out), [forge.record(TYPE_ALERT, &[1, 0], 0)]);
}

#[test]
fn numbers_never_wrap() {
    for kind in KINDS {
        let (mut records, _, mut out) = start(kind);
        records.renewable = false;
        records.tx.jump(u64::MAX);
        assert_eq!(records.sealer().seal(b"x", &mut out), Err(NotSealed::Ended));
        assert_eq!(records.sealer().seal(b"x", &mut out), Err(NotSealed::Ended));
        assert_eq!((out.len(), records.tx.seq()), (0, u64::MAX));
        assert!(records.ended, "what could not be sealed ends the session");
    }
}
