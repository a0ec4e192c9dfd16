//! What a client sends, and what it must be answered.

use super::random::Random;

/// Files of the site and their sizes, on both sides of every way of sending.
pub(crate) const FILES: [(&str, usize); 6] = [
    ("none.txt", 0),
    ("small.txt", 600),
    ("page.txt", 4096),
    ("medium.txt", 9000),
    ("inline.txt", 24 * 1024),
    ("large.txt", 70_000),
];

/// Byte `at` of a file of `len` bytes.
pub(crate) fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251 + len % 7) as u8).collect()
}

/// Users `u00` and so on, whose password is `secret`.
pub(crate) const USERS: usize = 100;

/// RFC 4648
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, n| bits << 8 | three.get(n).map_or(0, |b| *b as usize));
        for n in 0..4 {
            let digit = char::from(DIGITS[bits >> (18 - 6 * n) & 63]);
            text.push(if n > three.len() { '=' } else { digit });
        }
    }
    text
}

/// An answer that is due.
#[derive(Debug)]
struct Due {
    status: u16,
    /// None for HEAD and for bodies that only compare with themselves.
    body: Option<Vec<u8>>,
    has_body: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) bytes: Vec<u8>,
    due: Vec<Due>,
    /// Nothing that follows is answered.
    over: bool,
}

/// Refused heads with their status; `GET` is put in front.
const BAD: [(u16, &str); 8] = [
    (400, " / HTTP/1.1\r\n\r\n"),
    (400, " / HTTP/1.1\r\nHost: a.test\r\nContent-Length: x\r\n\r\n"),
    (400, " / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n"),
    (400, " / HTTP/1.1\nHost: a.test\n\n"),
    (400, " / HTTP/1.1\r\nHost: a.test\r\n A: b\r\n\r\n"),
    (400, " / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
    (505, " / HTTP/3.0\r\nHost: a.test\r\n\r\n"),
    (417, " / HTTP/1.1\r\nHost: a.test\r\nExpect: rain\r\n\r\n"),
];

impl Script {
    pub(crate) fn new(random: &mut Random) -> Self {
        let mut script = Self::default();
        let requests = 1 + random.size(24);
        for _ in 0..requests {
            match random.below(16) {
                0..8 => script.file(random),
                8 | 9 => script.range(random),
                10 | 11 => script.body(random),
                12 => script.other(random),
                13 => script.several_ranges(random),
                14 if random.one_in(3) => script.bad(random),
                15 if random.one_in(3) => script.password(random),
                _ => script.file(random),
            }
        }
        if random.one_in(4) {
            script.bytes.extend_from_slice(b"GET /small.txt HTTP/1.1\r\nHost: a.te");
        }
        script
    }

    fn add(&mut self, text: &str, status: u16, body: Option<Vec<u8>>, has_body: bool) {
        self.bytes.extend_from_slice(text.as_bytes());
        if !self.over {
            self.due.push(Due { status, body, has_body });
        }
    }

    /// `Connection: close` at times, and that it is.
    fn ending(random: &mut Random) -> (&'static str, bool) {
        if random.one_in(40) { ("Connection: close\r\n", true) } else { ("", false) }
    }

    fn file(&mut self, random: &mut Random) {
        let (name, len) = *random.pick(&FILES);
        let (close, over) = Self::ending(random);
        let head = random.one_in(4);
        let method = if head { "HEAD" } else { "GET" };
        let more = "X-Padding: x\r\n".repeat(random.below(4));
        let text = format!("{method} /{name} HTTP/1.1\r\nHost: a.test\r\n{more}{close}\r\n");
        self.add(&text, 200, (!head).then(|| content(len)), !head);
        self.over |= over;
    }

    fn range(&mut self, random: &mut Random) {
        let (name, len) = *random.pick(&FILES[1..]);
        let first = random.below(len);
        let last = first + random.below(len - first);
        let text =
            format!("GET /{name} HTTP/1.1\r\nHost: a.test\r\nRange: bytes={first}-{last}\r\n\r\n");
        self.add(&text, 206, Some(content(len)[first..=last].to_vec()), true);
    }

    fn several_ranges(&mut self, random: &mut Random) {
        let last = 20_000 + random.below(40_000);
        let text = format!(
            "GET /large.txt HTTP/1.1\r\nHost: a.test\r\nRange: bytes=0-9,1000-{last},-5\r\n\r\n"
        );
        self.add(&text, 206, None, true);
    }

    /// A body that nobody wants, in one of the framings, whole or malformed.
    fn body(&mut self, random: &mut Random) {
        let len = if random.one_in(8) { random.below(60_000) } else { random.below(200) };
        let head = "POST /small.txt HTTP/1.1\r\nHost: a.test\r\n";
        let mut text = match random.below(3) {
            0 => format!("{head}Content-Length: {len}\r\n\r\n{}", "GET / ".repeat(len / 6 + 1)),
            _ => format!("{head}Transfer-Encoding: chunked\r\n\r\n"),
        };
        if text.ends_with("\r\n\r\n") {
            let mut left = len;
            while left > 0 {
                let chunk = 1 + random.below(left);
                text.push_str(&format!("{chunk:x};a=b\r\n{}\r\n", "c".repeat(chunk)));
                left -= chunk;
            }
            if random.one_in(12) {
                self.add(&(text + "5\r\nhelloX"), 400, None, true);
                self.over = true;
                return;
            }
            text.push_str("0\r\nTrailer: x\r\n\r\n");
        } else {
            let cut = text.find("\r\n\r\n").unwrap() + 4 + len;
            text.truncate(cut);
        }
        self.add(&text, 405, None, true);
    }

    fn other(&mut self, random: &mut Random) {
        let (line, status, has_body) = *random.pick(&[
            ("GET /missing.txt", 404, true),
            ("HEAD /missing.txt", 404, false),
            ("GET /%zz", 400, true),
            ("BREW /pot", 501, true),
            ("DELETE /small.txt", 405, true),
            ("GET /away/there?q", 301, true),
            ("OPTIONS *", 204, false),
            ("GET /list/", 200, true),
            ("GET /list", 301, true),
            ("GET /kind.unknown", 415, true),
        ]);
        self.add(&format!("{line} HTTP/1.1\r\nHost: a.test\r\n\r\n"), status, None, has_body);
    }

    /// A slow hash, right or wrong; of so many users that most checks are forgotten again.
    fn password(&mut self, random: &mut Random) {
        let user = random.below(USERS);
        let (password, status) = *random.pick(&[("secret", 200), ("secret", 200), ("wrong", 401)]);
        let pair = base64(format!("u{user:02}:{password}").as_bytes());
        let text = format!(
            "GET /guarded/small.txt HTTP/1.1\r\nHost: a.test\r\nAuthorization: Basic {pair}\r\n\r\n"
        );
        let body = (status == 200).then(|| content(600));
        self.add(&text, status, body, true);
    }

    fn bad(&mut self, random: &mut Random) {
        let (status, rest) = *random.pick(&BAD);
        let head = random.one_in(3);
        let method = if head { "HEAD" } else { "GET" };
        self.add(&format!("{method}{rest}"), status, None, !head);
        self.over = true;
    }

    /// Holds what was sent against what was due.
    pub(crate) fn check(&self, mut bytes: &[u8]) {
        for (number, due) in self.due.iter().enumerate() {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
            let end = end.unwrap_or_else(|| panic!("answer {number}, {due:.80?}, is missing")) + 4;
            let head = std::str::from_utf8(&bytes[..end]).unwrap();
            assert_eq!(&head[..13], format!("HTTP/1.1 {} ", due.status), "answer {number}");
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let length = length.map_or(0, |length| length.parse::<usize>().unwrap());
            let length = if due.has_body { length } else { 0 };
            bytes = &bytes[end..];
            assert!(bytes.len() >= length, "answer {number} is cut");
            if let Some(body) = &due.body {
                assert!(bytes[..length] == **body, "the body of answer {number}");
            }
            bytes = &bytes[length..];
        }
        assert!(bytes.is_empty(), "more than was asked for: {}", bytes.escape_ascii());
    }
}
