//! Two sessions with fixed keys talk as the input says: what one sealed the other opens unchanged
//! and in order, and anything else ends the session for good.

use std::collections::VecDeque;

use kinglet::buf::Buf;
use kinglet::tls::{
    Alert, Front, NotSealed, OVERHEAD_BYTES_MAX, Opened, PLAIN_BYTES_MAX, Records, TrafficSecrets,
    front,
};
use rustls::{ConnectionTrafficSecrets, ExtractedSecrets, ProtocolVersion};

/// Key and IV that follow from a traffic secret of 48 or 32 equal bytes (RFC 8446 section 7.3).
struct Direction {
    fill: u8,
    aes256: (&'static str, &'static str),
    chacha20: (&'static str, &'static str),
}

const CLIENT: Direction = Direction {
    fill: 1,
    aes256: (
        "2cd3e9a36d4599503bae7116223e4c29e6b3de23af4b93bbcc2195a60eaf0b1d",
        "04c8c44422ae77217d56690e",
    ),
    chacha20: (
        "b8ac2fa5d3e65e2a50100e28dd1e5a1e9c69d4b54ab0e574013c4884a23f67ad",
        "5fae678ed5298223de915447",
    ),
};

const SERVER: Direction = Direction {
    fill: 2,
    aes256: (
        "c4c4c5440117e8e3cf32b6192d24a4ddfa951f96dbd27b75833fd1743a37edcf",
        "acd98493da6a45d4c396f378",
    ),
    chacha20: (
        "3eaa00fbb9c15aee97328d6641f213748b175b404a9e8700a0dba81ae6a34025",
        "71f3482ce44529a26ffa798d",
    ),
};

fn hex<const N: usize>(text: &str) -> [u8; N] {
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hex"))
}

impl Direction {
    fn secrets(&self, aes: bool) -> ConnectionTrafficSecrets {
        let (key, iv) = if aes { self.aes256 } else { self.chacha20 };
        let (key, iv) = (hex::<32>(key).into(), hex::<12>(iv).into());
        if aes {
            ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        } else {
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }
        }
    }
}

/// What a record must turn out to be.
#[derive(Debug, Clone, PartialEq)]
enum Meant {
    Data(Vec<u8>),
    Nothing,
    Closed,
    Failed,
}

/// One end of the session, and the records that are on their way to it.
struct End {
    records: Records,
    inbox: VecDeque<(Vec<u8>, Meant)>,
    /// It has sealed its last record.
    ended: bool,
    /// What it answers to whatever comes, once it has stopped opening.
    final_answer: Option<Opened<'static>>,
}

fn ends(choice: u8, first: u64) -> [End; 2] {
    let aes = choice & 1 == 0;
    let tls13 = choice & 2 == 0;
    let version = if tls13 { ProtocolVersion::TLSv1_3 } else { ProtocolVersion::TLSv1_2 };
    let bytes = if aes { 48 } else { 32 };
    [(&CLIENT, &SERVER), (&SERVER, &CLIENT)].map(|(rx, tx)| {
        let secrets =
            ExtractedSecrets { rx: (first, rx.secrets(aes)), tx: (first, tx.secrets(aes)) };
        let traffic = TrafficSecrets::new(&vec![rx.fill; bytes], &vec![tx.fill; bytes]);
        let traffic = traffic.filter(|_| choice & 4 == 0);
        let records = Records::new(secrets, version, traffic).expect("keys and secrets match");
        End { records, inbox: VecDeque::new(), ended: false, final_answer: None }
    })
}

impl End {
    fn may_seal(&self) -> bool {
        !self.ended && matches!(self.final_answer, None | Some(Opened::Closed))
    }

    /// Seals `plain` and checks what that did.
    fn say(&mut self, plain: &[u8], room: usize, to: &mut Self) {
        let mut out = Buf::with_capacity(room);
        let overhead = self.records.sealer().overhead();
        assert!(overhead <= OVERHEAD_BYTES_MAX);
        let answer = self.records.sealer().seal(plain, &mut out);
        let expected = match answer {
            Ok(()) => {
                assert!(self.may_seal() && plain.len() <= PLAIN_BYTES_MAX);
                let bytes = if plain.is_empty() { 0 } else { plain.len() + overhead };
                assert_eq!(out.len(), bytes);
                Meant::Data(plain.to_vec())
            }
            Err(NotSealed::TooLong) => return assert!(plain.len() > PLAIN_BYTES_MAX),
            Err(NotSealed::Full) => {
                assert!(out.is_empty() && room < plain.len() + overhead);
                return;
            }
            Err(NotSealed::Ended) => {
                // A key that is used up ends the session in order.
                assert!(out.is_empty() != self.may_seal());
                self.ended |= !out.is_empty();
                Meant::Closed
            }
        };
        to.receive(&out, expected);
    }

    /// Takes what was sealed: one record as expected, behind a key update if there is one.
    fn receive(&mut self, out: &Buf, last: Meant) {
        let mut rest = out.filled();
        while let Front::Record { bytes } = front(rest) {
            let (record, behind) = rest.split_at(bytes);
            let meant = if behind.is_empty() { last.clone() } else { Meant::Nothing };
            self.inbox.push_back((record.to_vec(), meant));
            rest = behind;
        }
        assert!(rest.is_empty(), "only whole records");
    }

    /// Opens the oldest record that has come.
    fn hear(&mut self) {
        let Some((mut record, meant)) = self.inbox.pop_front() else { return };
        let answer = self.records.opener().open(&mut record);
        if let Some(last) = self.final_answer {
            assert_eq!(answer, last);
            return;
        }
        match (answer, meant) {
            (Opened::Data(data), Meant::Data(plain)) => assert_eq!(data, plain),
            (Opened::Nothing, Meant::Nothing) => {}
            (Opened::Closed, Meant::Closed) => self.final_answer = Some(Opened::Closed),
            (Opened::Failed, Meant::Failed) => self.final_answer = Some(Opened::Failed),
            (answer, meant) => panic!("{answer:?} for {meant:?}"),
        }
    }

    /// Gets something that is not the record that has its turn.
    fn mishear(&mut self, mut bytes: Vec<u8>) {
        let answer = match self.records.opener().open(&mut bytes) {
            Opened::Refused(alert) => Opened::Refused(alert),
            Opened::Closed => Opened::Closed,
            Opened::Failed => Opened::Failed,
            other => panic!("{other:?} for what was not sealed"),
        };
        match self.final_answer {
            Some(last) => assert_eq!(answer, last),
            None => assert!(matches!(answer, Opened::Refused(_))),
        }
        self.final_answer = Some(answer);
        let owes = self.records.owes();
        assert!(!owes || answer == Opened::Closed);
    }

    /// Seals an alert, if there is still anything to be sealed.
    fn finish(&mut self, alert: Alert, to: &mut Self) {
        let mut out = Buf::with_capacity(64);
        assert_eq!(self.records.sealer().alert(alert, &mut out), Ok(()));
        let silent = self.ended || self.final_answer == Some(Opened::Failed);
        assert_eq!(out.is_empty(), silent);
        let meant = if alert == Alert::CloseNotify { Meant::Closed } else { Meant::Failed };
        to.receive(&out, meant);
        self.ended = true;
    }
}

/// Checks one input: a choice of session, then what its ends do.
pub(crate) fn check(input: &[u8]) {
    let mut input = input.iter().copied();
    let mut byte = || input.next();
    let (Some(choice), Some(start)) = (byte(), byte()) else { return };
    // Some sessions begin shortly before their keys are used up.
    let first = if choice & 8 == 0 { u64::from(start) } else { (1 << 24) - u64::from(start) };
    let [mut a, mut b] = ends(choice, first);
    let mut last = Vec::new();
    while let (Some(deed), Some(size)) = (byte(), byte()) {
        let (from, to) = if deed & 1 == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
        match deed >> 1 & 7 {
            0 | 1 => from.say(&vec![size; usize::from(size)], 400, to),
            2 => from.say(&vec![size; 66 * usize::from(size)], 256 * usize::from(size), to),
            3 | 4 => {
                last = from.inbox.front().map_or(last, |(record, _)| record.clone());
                from.hear();
            }
            5 => {
                // A bit is flipped, or a record comes twice or too early.
                let mut record =
                    from.inbox.front().map_or_else(|| last.clone(), |(r, _)| r.clone());
                match (from.inbox.get(1), size) {
                    (Some((second, _)), 0) => record.clone_from(second),
                    (_, 1) => record.clone_from(&last),
                    _ => {
                        let at = usize::from(size) % record.len().max(1);
                        record.get_mut(at).into_iter().for_each(|b| *b ^= 1 << (deed >> 5));
                    }
                }
                if from.inbox.front().is_none_or(|(r, _)| *r != record) {
                    from.mishear(record);
                }
            }
            6 => from.mishear((0..size).filter_map(|_| byte()).collect()),
            _ if size & 1 == 0 => from.finish(Alert::CloseNotify, to),
            _ => from.finish(Alert::InternalError, to),
        }
    }
    for end in [&mut a, &mut b] {
        for _ in 0..end.inbox.len() {
            end.hear();
        }
    }
}
