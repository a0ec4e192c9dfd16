//! Tests of opening: what an honest client sends, and what it must not.

use super::super::key_schedule::Cipher;
use super::super::records::RECORD_BYTES_MAX;
use super::super::records::tests::forge::Forge;
use super::super::records::tests::{KINDS, client_forge, session};
use super::*;

const TLS13: (Version, Cipher) = (Version::Tls13, Cipher::Aes128Gcm);
const TLS12: (Version, Cipher) = (Version::Tls12, Cipher::Aes128Gcm);
const UPDATE: [u8; 5] = [24, 0, 0, 1, 0];
const UPDATE_REQUEST: [u8; 5] = [24, 0, 0, 1, 1];
const HELLO: [u8; 6] = [1, 0, 0, 2, 3, 3];

/// A server's session and what seals for its client.
fn start((version, cipher): (Version, Cipher)) -> (Records, Forge) {
    (session(version, cipher).0, client_forge(version, cipher))
}

fn kinds_of(version: Version) -> impl Iterator<Item = (Version, Cipher)> {
    KINDS.into_iter().filter(move |kind| kind.0 == version)
}

/// Opens one record of a fresh turn and says what it was, with its data.
fn open(records: &mut Records, mut record: Vec<u8>) -> Result<Option<Vec<u8>>, Opened<'static>> {
    match records.opener().open(&mut record) {
        Opened::Data(bytes) => Ok(Some(bytes.to_vec())),
        Opened::Nothing => Ok(None),
        Opened::Closed => Err(Opened::Closed),
        Opened::Failed => Err(Opened::Failed),
        Opened::Refused(alert) => Err(Opened::Refused(alert)),
    }
}

fn refused(alert: Alert) -> Result<Option<Vec<u8>>, Opened<'static>> {
    Err(Opened::Refused(alert))
}

/// What a session says to one record.
fn verdict(
    kind: (Version, Cipher),
    make: impl FnOnce(&mut Forge) -> Vec<u8>,
) -> Result<Option<Vec<u8>>, Opened<'static>> {
    let (mut records, mut forge) = start(kind);
    let record = make(&mut forge);
    let answer = open(&mut records, record);
    if let Err(end) = answer {
        // Whatever ended it, nothing is opened any more, not even what is right.
        let next = forge.record(TYPE_DATA, b"more", 0);
        assert_eq!(open(&mut records, next), Err(end));
        return answer;
    }
    answer
}

#[test]
fn data_is_opened_where_it_stands() {
    for kind in KINDS {
        let (mut records, mut forge) = start(kind);
        let mut opener = records.opener();
        for bytes in [1, 2, 15, 16, 17, 1500, PLAIN_BYTES_MAX] {
            let plain = vec![bytes as u8; bytes];
            let mut record = forge.record(TYPE_DATA, &plain, 0);
            let range = record.as_ptr_range();
            let Opened::Data(opened) = opener.open(&mut record) else { panic!("{kind:?} {bytes}") };
            assert_eq!(opened, plain);
            assert!(range.contains(&opened.as_ptr()));
        }
    }
}

#[test]
fn any_changed_bit_is_a_bad_record() {
    for kind in KINDS {
        let whole = start(kind).1.record(TYPE_DATA, b"0123456789", 0);
        for at in 5..whole.len() {
            for bit in 0..8 {
                let answer = verdict(kind, |forge| {
                    let mut record = forge.record(TYPE_DATA, b"0123456789", 0);
                    record[at] ^= 1 << bit;
                    record
                });
                assert_eq!(answer, refused(Alert::BadRecordMac), "{kind:?} {at} {bit}");
            }
        }
        // The minor version is authenticated too.
        let answer = verdict(kind, |forge| {
            let mut record = forge.record(TYPE_DATA, b"0123456789", 0);
            record[2] = 1;
            record
        });
        assert_eq!(answer, refused(Alert::BadRecordMac));
    }
}

#[test]
fn short_cut_repeated_and_swapped_records_are_refused() {
    for kind in KINDS {
        for bytes in 0..40 {
            let record = [&[23, 3, 3, 0, bytes][..], &vec![0; usize::from(bytes)]].concat();
            assert_eq!(verdict(kind, |_| record), refused(Alert::BadRecordMac));
        }
        let (mut records, mut forge) = start(kind);
        let record = forge.record(TYPE_DATA, b"once", 0);
        assert_eq!(open(&mut records, record.clone()), Ok(Some(b"once".to_vec())));
        assert_eq!(open(&mut records, record), refused(Alert::BadRecordMac));
        let second = |forge: &mut Forge| {
            forge.record(TYPE_DATA, b"first", 0);
            forge.record(TYPE_DATA, b"second", 0)
        };
        assert_eq!(verdict(kind, second), refused(Alert::BadRecordMac));
        let not_whole = |forge: &mut Forge| {
            let mut record = forge.record(TYPE_DATA, b"first", 0);
            record.pop();
            record
        };
        assert_eq!(verdict(kind, not_whole), refused(Alert::DecodeError));
        let too_much = |forge: &mut Forge| [forge.record(TYPE_DATA, b"first", 0), vec![0]].concat();
        assert_eq!(verdict(kind, too_much), refused(Alert::DecodeError));
        assert_eq!(verdict(kind, |_| vec![23, 3, 3]), refused(Alert::DecodeError));
    }
}

#[test]
fn plaintext_has_a_longest_length() {
    for kind in KINDS {
        let over = vec![1; PLAIN_BYTES_MAX + 1];
        let answer = verdict(kind, |forge| forge.record(TYPE_DATA, &over, 0));
        assert_eq!(answer, refused(Alert::RecordOverflow), "{kind:?}");
        let far = vec![1; RECORD_BYTES_MAX];
        let answer = verdict(kind, |forge| forge.record(TYPE_DATA, &far, 0));
        assert_eq!(answer, refused(Alert::RecordOverflow), "{kind:?}");
    }
    let answer = verdict(TLS13, |forge| forge.record(TYPE_DATA, b"x", PLAIN_BYTES_MAX - 1));
    assert_eq!(answer, Ok(Some(b"x".to_vec())));
    let answer = verdict(TLS13, |forge| forge.record(TYPE_DATA, b"x", PLAIN_BYTES_MAX));
    assert_eq!(answer, refused(Alert::RecordOverflow));
}

#[test]
fn padding_is_removed_and_hides_the_type() {
    for padding in [0, 1, 2, 100, 5000] {
        let answer = verdict(TLS13, |forge| forge.record(TYPE_DATA, b"a\0b\0", padding));
        assert_eq!(answer, Ok(Some(b"a\0b\0".to_vec())));
        let answer = verdict(TLS13, |forge| forge.record(TYPE_ALERT, &[1, 0], padding));
        assert_eq!(answer, Err(Opened::Closed));
        let answer = verdict(TLS13, |forge| forge.record(0, &[], padding));
        assert_eq!(answer, refused(Alert::UnexpectedMessage), "zeros only");
    }
    // A record with no inner plaintext at all.
    let mut forge = client_forge(TLS13.0, TLS13.1);
    forge.tls13 = false;
    let nonce = aead::Nonce::assume_unique_for_key(forge.iv);
    let key = aead::UnboundKey::new(forge.algorithm, &forge.key).unwrap();
    let head = [23, 3, 3, 0, 16];
    let aad = aead::Aad::from(head);
    let tag = aead::LessSafeKey::new(key).seal_in_place_separate_tag(nonce, aad, &mut []).unwrap();
    let record = [&head[..], tag.as_ref()].concat();
    assert_eq!(verdict(TLS13, |_| record), refused(Alert::UnexpectedMessage));
}

#[test]
fn only_known_types_come_in() {
    for kind in KINDS {
        for outer in [TYPE_CHANGE_CIPHER_SPEC, TYPE_ALERT, TYPE_HANDSHAKE, TYPE_DATA] {
            let clear = vec![outer, 3, 3, 0, 1, 1];
            let expected = match (kind.0, outer) {
                (Version::Tls13, TYPE_DATA) => Alert::BadRecordMac,
                (Version::Tls13, _) | (_, TYPE_CHANGE_CIPHER_SPEC) => Alert::UnexpectedMessage,
                _ => Alert::BadRecordMac,
            };
            assert_eq!(verdict(kind, |_| clear), refused(expected), "{kind:?} {outer}");
        }
        assert_eq!(verdict(kind, |_| vec![24, 3, 3, 0, 1, 1]), refused(Alert::UnexpectedMessage));
    }
    for inner in (1..=20).chain(24..=255) {
        let answer = verdict(TLS13, |forge| forge.record(inner, b"?", 3));
        assert_eq!(answer, refused(Alert::UnexpectedMessage), "{inner}");
    }
    for outer in [20, 21, 22] {
        let answer = verdict(TLS13, |forge| forge.record_with_head(outer, 3, TYPE_DATA, b"x", 0));
        assert_eq!(answer, refused(Alert::UnexpectedMessage), "{outer}");
    }
    let answer = verdict(TLS12, |forge| forge.record(TYPE_CHANGE_CIPHER_SPEC, &[1], 0));
    assert_eq!(answer, refused(Alert::UnexpectedMessage));
}

#[test]
fn data_may_be_empty_but_not_forever() {
    for kind in KINDS {
        let (mut records, mut forge) = start(kind);
        for round in 0..2 {
            for _ in 0..EMPTY_RECORDS_MAX {
                let empty = forge.record(TYPE_DATA, b"", round);
                assert_eq!(open(&mut records, empty), Ok(None));
            }
            let data = forge.record(TYPE_DATA, b"x", 0);
            assert_eq!(open(&mut records, data), Ok(Some(b"x".to_vec())));
        }
        for n in 0..=EMPTY_RECORDS_MAX {
            let empty = forge.record(TYPE_DATA, b"", 0);
            let expected =
                if n < EMPTY_RECORDS_MAX { Ok(None) } else { refused(Alert::UnexpectedMessage) };
            assert_eq!(open(&mut records, empty), expected);
        }
        for content in [TYPE_ALERT, TYPE_HANDSHAKE] {
            let answer = verdict(kind, |forge| forge.record(content, b"", 0));
            assert_eq!(answer, refused(Alert::UnexpectedMessage));
        }
    }
}

#[test]
fn alerts_end_a_session_or_are_counted() {
    for kind in KINDS {
        let alert = |bytes: &[u8]| verdict(kind, |forge| forge.record(TYPE_ALERT, bytes, 0));
        assert_eq!(alert(&[1, 0]), Err(Opened::Closed));
        assert_eq!(alert(&[2, 0]), Err(Opened::Closed));
        assert_eq!(alert(&[2, 20]), Err(Opened::Failed));
        assert_eq!(alert(&[2, USER_CANCELED]), Err(Opened::Failed));
        assert_eq!(alert(&[2, 200]), Err(Opened::Failed));
        assert_eq!(alert(&[1, USER_CANCELED]), Ok(None));
        assert_eq!(alert(&[3, 0]), refused(Alert::IllegalParameter));
        assert_eq!(alert(&[1]), refused(Alert::DecodeError));
        assert_eq!(alert(&[1, 0, 0]), refused(Alert::DecodeError));
        let other_warning = if kind.0 == Version::Tls12 { Ok(None) } else { Err(Opened::Failed) };
        assert_eq!(alert(&[1, 20]), other_warning);
        let (mut records, mut forge) = start(kind);
        for n in 0..5 {
            let warning = forge.record(TYPE_ALERT, &[1, USER_CANCELED], 0);
            let expected = if n < 4 { Ok(None) } else { refused(Alert::UnexpectedMessage) };
            assert_eq!(open(&mut records, warning), expected, "data between does not help");
            let _ = open(&mut records, forge.record(TYPE_DATA, b"x", 0));
        }
    }
}

#[test]
fn a_key_update_moves_the_receiving_keys() {
    for kind in kinds_of(Version::Tls13) {
        for update in [UPDATE, UPDATE_REQUEST] {
            for cut in 1..=update.len() {
                let (mut records, mut forge) = start(kind);
                let mut opener = records.opener();
                for piece in update.chunks(cut) {
                    let mut record = forge.record(TYPE_HANDSHAKE, piece, 0);
                    assert_eq!(opener.open(&mut record), Opened::Nothing);
                }
                let mut old = forge.clone();
                forge.renew();
                let mut record = forge.record(TYPE_DATA, b"new", 0);
                assert_eq!(opener.open(&mut record), Opened::Data(b"new"));
                assert_eq!(records.owes(), update == UPDATE_REQUEST);
                let record = old.record(TYPE_DATA, b"old", 0);
                assert_eq!(open(&mut records, record), refused(Alert::BadRecordMac));
                assert!(!records.owes(), "a broken session owes nothing");
            }
        }
    }
}

#[test]
fn a_wrong_handshake_message_is_refused() {
    let shake = |bytes: &[u8]| verdict(TLS13, |forge| forge.record(TYPE_HANDSHAKE, bytes, 0));
    for message in (0..24).chain(25..=255) {
        assert_eq!(shake(&[message]), refused(Alert::UnexpectedMessage));
    }
    assert_eq!(shake(&[24, 0, 0, 1, 2]), refused(Alert::IllegalParameter));
    assert_eq!(shake(&[24, 0, 0, 0]), refused(Alert::DecodeError));
    assert_eq!(shake(&[24, 0, 0, 2, 0, 0]), refused(Alert::DecodeError));
    assert_eq!(shake(&[24, 1, 0, 1, 0]), refused(Alert::DecodeError));
    assert_eq!(shake(&[24, 0, 0, 1, 0, 24]), refused(Alert::UnexpectedMessage));
    assert_eq!(shake(&[24, 0, 0, 1, 0, 24, 0, 0, 1, 0]), refused(Alert::UnexpectedMessage));
    for (content, bytes) in [(TYPE_DATA, &b"x"[..]), (TYPE_DATA, b""), (TYPE_ALERT, &[1, 0])] {
        let (mut records, mut forge) = start(TLS13);
        let piece = forge.record(TYPE_HANDSHAKE, &UPDATE[..3], 0);
        assert_eq!(open(&mut records, piece), Ok(None));
        let between = forge.record(content, bytes, 0);
        assert_eq!(open(&mut records, between), refused(Alert::UnexpectedMessage));
    }
}

#[test]
fn key_updates_without_data_are_counted() {
    let (mut records, mut forge) = start(TLS13);
    let update = |records: &mut Records, forge: &mut Forge| {
        let answer = open(records, forge.record(TYPE_HANDSHAKE, &UPDATE_REQUEST, 0));
        forge.renew();
        answer
    };
    for _ in 0..2 {
        for _ in 0..KEY_UPDATES_MAX {
            assert_eq!(update(&mut records, &mut forge), Ok(None));
        }
        let data = forge.record(TYPE_DATA, b"x", 0);
        assert_eq!(open(&mut records, data), Ok(Some(b"x".to_vec())));
    }
    for _ in 0..KEY_UPDATES_MAX {
        let empty = forge.record(TYPE_DATA, b"", 0);
        assert_eq!(open(&mut records, empty), Ok(None), "an empty record is no data");
        assert_eq!(update(&mut records, &mut forge), Ok(None));
    }
    assert_eq!(update(&mut records, &mut forge), refused(Alert::UnexpectedMessage));
}

#[test]
fn without_traffic_secrets_a_key_update_ends_the_session() {
    let (mut records, mut forge) = start(TLS13);
    records.renewable = false;
    let update = forge.record(TYPE_HANDSHAKE, &UPDATE, 0);
    assert_eq!(open(&mut records, update), refused(Alert::InternalError));
}

#[test]
fn another_handshake_is_declined_once_and_then_refused() {
    for kind in kinds_of(Version::Tls12) {
        let (mut records, mut forge) = start(kind);
        assert_eq!(open(&mut records, forge.record(TYPE_HANDSHAKE, &HELLO, 0)), Ok(None));
        assert!(records.owes());
        let data = forge.record(TYPE_DATA, b"x", 0);
        assert_eq!(open(&mut records, data), Ok(Some(b"x".to_vec())));
        let again = forge.record(TYPE_HANDSHAKE, &HELLO, 0);
        assert_eq!(open(&mut records, again), refused(Alert::UnexpectedMessage));
        for bytes in [&HELLO[..5], &[0, 0, 0, 0], &UPDATE, &[1], &[1, 0, 0, 0, 0]] {
            let answer = verdict(kind, |forge| forge.record(TYPE_HANDSHAKE, bytes, 0));
            assert_eq!(answer, refused(Alert::UnexpectedMessage));
        }
    }
}

#[test]
fn the_last_number_is_not_used() {
    for kind in KINDS {
        let (mut records, mut forge) = start(kind);
        records.rx.jump(u64::MAX - 1);
        forge.seq = u64::MAX - 1;
        let record = forge.record(TYPE_DATA, b"x", 0);
        assert_eq!(open(&mut records, record), Ok(Some(b"x".to_vec())));
        let record = forge.record(TYPE_DATA, b"x", 0);
        assert_eq!(open(&mut records, record), refused(Alert::InternalError));
    }
}
