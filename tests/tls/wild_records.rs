//! Records as a client might send them: honest, odd, broken.

use super::forge::Forge;

/// A small generator of random numbers with a fixed start (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

/// What a client does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Data,
    Empty,
    Alert,
    KeyUpdate,
    Handshake,
    Hello,
    WrongType,
    TooLong,
    Flipped,
    Clear,
    Interleaved,
}

const DEEDS: [Deed; 11] = [
    Deed::Data,
    Deed::Empty,
    Deed::Alert,
    Deed::KeyUpdate,
    Deed::Handshake,
    Deed::Hello,
    Deed::WrongType,
    Deed::TooLong,
    Deed::Flipped,
    Deed::Clear,
    Deed::Interleaved,
];

/// A client without manners.
pub(crate) struct Wild {
    forge: Forge,
    hello: Vec<u8>,
}

impl Wild {
    /// What seals for the client, and the `ClientHello` that it began with.
    pub(crate) fn new(forge: Forge, hello: Vec<u8>) -> Self {
        Self { forge, hello }
    }

    /// The next thing that the client does, and the bytes of it.
    pub(crate) fn next(&mut self, random: &mut Random) -> (Deed, Vec<u8>) {
        // Two of three deeds are honest, so that sequences get long.
        let honest = [Deed::Data, Deed::Data, Deed::Data, Deed::Empty, Deed::KeyUpdate];
        let deed = if random.below(3) > 0 { random.one_of(&honest) } else { random.one_of(&DEEDS) };
        (deed, self.bytes_of(deed, random))
    }

    fn bytes_of(&mut self, deed: Deed, random: &mut Random) -> Vec<u8> {
        let padding = random.one_of(&[0, 0, 1, 200]);
        match deed {
            Deed::Data => self.data(random, padding),
            Deed::Empty => {
                let times = random.one_of(&[1, 2, 15, 32, 33]);
                (0..times).flat_map(|_| self.forge.record(23, b"", padding)).collect()
            }
            Deed::Alert => self.alerts(random, padding),
            Deed::KeyUpdate => self.key_updates(random, padding),
            Deed::Handshake => self.handshake(random, padding),
            Deed::Hello => self.client_hello(random),
            Deed::WrongType => {
                let kind = random.one_of(&[0, 1, 19, 20, 24, 255]);
                let content = random.one_of(&[&[1][..], b"", b"abc"]);
                self.forge.record(kind, content, padding)
            }
            Deed::TooLong => {
                let (bytes, padding) = random.one_of(&[
                    (16_384, 0),
                    (16_385, 0),
                    (16_384, 1),
                    (3, 16_381),
                    (3, 16_382),
                ]);
                let (bytes, padding) =
                    random.one_of(&[(bytes, padding), (16_700, 0), (18_500, 0), (30_000, 0)]);
                self.forge.record(23, &vec![5; bytes], padding)
            }
            Deed::Flipped => {
                let mut record = self.data(random, padding);
                let at = random.below(record.len().min(40));
                record[at] ^= 1 << random.below(8);
                record
            }
            Deed::Clear => {
                let kind = random.one_of(&[20, 20, 21, 22, 23, 24, 99]);
                let content = random.one_of(&[&[1][..], &[1, 0], &[2, 40], &[0; 30], &[]]);
                [&[kind, 3, 3, 0, content.len() as u8], content].concat()
            }
            Deed::Interleaved => {
                let mut bytes = self.forge.record(22, &[24, 0], 0);
                let (kind, content) =
                    random.one_of(&[(23, &b"x"[..]), (23, b""), (21, &[1, 0]), (22, &[0, 1])]);
                bytes.extend(self.forge.record(kind, content, padding));
                bytes
            }
        }
    }

    fn data(&mut self, random: &mut Random, padding: usize) -> Vec<u8> {
        let bytes = match random.below(20) {
            0 => 16_000 + random.below(385),
            _ => 1 + random.below(60),
        };
        let content = random.bytes(bytes);
        let padding = padding.min(16_384 - bytes);
        self.forge.record(23, &content, padding)
    }

    fn alerts(&mut self, random: &mut Random, padding: usize) -> Vec<u8> {
        let level = random.one_of(&[1, 1, 1, 2, 0, 3]);
        let code = random.one_of(&[0, 10, 20, 90, 90, 100, 222]);
        let content = match random.below(8) {
            0 => vec![level],
            1 => vec![level, code, 0],
            2 => vec![],
            _ => vec![level, code],
        };
        let times = random.one_of(&[1, 1, 2, 5]);
        (0..times).flat_map(|_| self.forge.record(21, &content, padding)).collect()
    }

    fn key_updates(&mut self, random: &mut Random, padding: usize) -> Vec<u8> {
        let request = random.one_of(&[0, 0, 1, 1, 1, 2]);
        let request = if random.below(4) == 0 { request } else { request.min(1) };
        let content = [24, 0, 0, 1, request];
        let times = random.one_of(&[1, 1, 1, 2, 31, 34]);
        let cut = random.one_of(&[5, 5, 1, 2, 4]);
        let empty_between = random.below(6) == 0;
        let mut bytes = Vec::new();
        for _ in 0..if self.forge.tls13 { times } else { 1 } {
            for piece in content.chunks(cut) {
                bytes.extend(self.forge.record(22, piece, padding));
            }
            if self.forge.tls13 {
                self.forge.renew();
            }
            if empty_between {
                bytes.extend(self.forge.record(23, b"", 0));
            }
        }
        bytes
    }

    fn handshake(&mut self, random: &mut Random, padding: usize) -> Vec<u8> {
        let mut content = match random.below(7) {
            // Two messages in one record, a message that is too long, one with a wrong length.
            0 => vec![24, 0, 0, 1, 0, 24, 0, 0, 1, 0],
            1 => vec![24, 0, 0, 1, 0, 7],
            2 => vec![24, 0, 0, 2, 0, 0],
            3 => vec![24, 0, 0, 0],
            // A whole message of any type; part of one.
            4 => {
                let body = random.below(40);
                [vec![random.next() as u8, 0, 0, body as u8], random.bytes(body)].concat()
            }
            5 => vec![1, 0, 0, 2, 3, 3],
            _ => vec![random.one_of(&[4, 20, 11]), 0, 1, 0],
        };
        if random.below(10) == 0 {
            content.clear();
        }
        self.forge.record(22, &content, padding)
    }

    fn client_hello(&mut self, random: &mut Random) -> Vec<u8> {
        let hello = self.hello.clone();
        let cut = random.one_of(&[hello.len(), hello.len(), 1, 20]);
        let pieces = hello.chunks(cut);
        pieces.flat_map(|piece| self.forge.record(22, piece, 0)).collect()
    }
}
